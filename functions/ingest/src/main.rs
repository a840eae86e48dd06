//! Wires the ingest function.

use std::{convert::Infallible, sync::Arc, time::Duration};

use lambda_http::{Error, Request, service_fn};
use postrider_aws::{Aws, System, report, settings::IngestSettings, telemetry};
use postrider_core::{
    access::{
        Door,
        oidc::{Issuer, Trust},
    },
    intake::Intake,
    publish::Publisher,
    receive::Receiver,
};
use postrider_egress::{AddressPolicy, Egress};
use postrider_ingest::{Ingest, handed_over};
use postrider_web::serve_with;

/// Of an invocation's time there is always enough left to tell a collector of spans.
const LEFT: Duration = Duration::MAX;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = IngestSettings::from_env()?;
    telemetry::init(settings.log);
    let aws = Aws::connect()?;
    let ledger = aws.ledger(&settings.ledger_table, &settings.config_table);
    let publisher =
        Publisher::new(aws.config_table(&settings.config_table), ledger.clone(), aws.queues(settings.queues), System);
    let publisher = Arc::new(publisher.with_rate(settings.publish_rate));
    let rejects = aws.reject_queue(&settings.rejects_url);
    let intake = Arc::new(Intake::new(Arc::clone(&publisher), rejects, settings.event_map));
    let keys = aws.keys(&settings.keyring);
    let receiver = Receiver::new(aws.config_table(&settings.config_table), keys.clone(), System);
    let door = door(settings.trust, &settings.allowed_networks, settings.extra_ca_pem.as_deref())?;
    let ingest = Arc::new(Ingest::new(publisher, receiver, System, keys, ledger, door));
    let meter = aws.meter().clone();
    let requests = service_fn(move |request: Request| {
        let (ingest, meter) = (Arc::clone(&ingest), meter.clone());
        async move {
            let response = ingest.handle(request).await;
            report!(meter, "request handled", status = response.status().as_u16());
            telemetry::export(LEFT).await;
            Ok::<_, Infallible>(response)
        }
    });
    serve_with(requests, |event| {
        let (intake, meter) = (Arc::clone(&intake), aws.meter().clone());
        async move {
            let answer = handed_over(&intake, &event).await;
            report!(meter, "input handled", done = answer.is_ok());
            telemetry::export(LEFT).await;
            answer
        }
    })
    .await
}

/// The issuer of other tokens is all that this function talks to besides AWS; it has no HTTP client without one.
fn door(trust: Option<Trust>, networks: &str, extra_ca_pem: Option<&str>) -> Result<Door<Egress>, Error> {
    let Some(trust) = trust else { return Ok(Door::new(None)) };
    let egress = Egress::new(AddressPolicy::parse(networks)?, extra_ca_pem.map(str::as_bytes))?;
    Ok(Door::new(Some(Issuer::new(trust, egress))))
}
