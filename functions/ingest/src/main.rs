//! Wires the ingest function.

use std::{convert::Infallible, sync::Arc};

use lambda_http::{Error, Request, service_fn};
use postrider_aws::{Aws, System, log_usage, settings::IngestSettings, telemetry};
use postrider_core::publish::Publisher;
use postrider_ingest::Ingest;
use postrider_web::serve;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = IngestSettings::from_env()?;
    telemetry::init(settings.log);
    let aws = Aws::connect().await;
    let publisher = Publisher::new(
        aws.config_table(&settings.config_table),
        aws.ledger(&settings.ledger_table, &settings.config_table),
        aws.queues(settings.queues),
        System,
    )
    .with_rate(settings.publish_rate);
    let ingest = Arc::new(Ingest::new(publisher, aws.keys(&settings.keyring), System));
    serve(service_fn(move |request: Request| {
        let (ingest, meter) = (Arc::clone(&ingest), aws.meter().clone());
        async move {
            let response = ingest.handle(request).await;
            log_usage!(meter, "request handled", status = response.status().as_u16());
            Ok::<_, Infallible>(response)
        }
    }))
    .await
}
