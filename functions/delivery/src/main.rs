//! Wires the delivery function.

use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use postrider_aws::{Aws, System, report, settings::DeliverySettings, telemetry};
use postrider_core::{
    compose,
    deliver::{Courier, Settings},
    ports::Ambient as _,
};
use postrider_delivery::{deadline, handle, way};
use postrider_egress::{AddressPolicy, Egress};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = DeliverySettings::from_env()?;
    telemetry::init(settings.log);
    let policy = AddressPolicy::parse(&settings.allowed_networks)?;
    let egress = Egress::new(policy, settings.extra_ca_pem.as_deref().map(str::as_bytes))?;
    let aws = Aws::connect()?;
    let retry_queue: Arc<str> = settings.queues.retry.as_str().into();
    let courier = Arc::new(Courier::new(
        aws.ledger(&settings.ledger_table, &settings.config_table),
        aws.queues(settings.queues),
        egress,
        aws.keys(&settings.keyring),
        System,
        Settings {
            schedule: settings.schedule,
            attempt_timeout: settings.attempt_timeout,
            park_after: settings.park_after,
            max_receives: settings.max_receives,
            disable_after: settings.disable_after,
            compose: compose::Settings {
                user_agent: concat!("Postrider/", env!("CARGO_PKG_VERSION")).to_owned(),
                event_type_header: settings.event_type_header,
                source: settings.api_url.clone(),
            },
            api_url: settings.api_url,
        },
    ));
    run(service_fn(move |event: LambdaEvent<SqsEvent>| {
        let (courier, meter, retry_queue) = (Arc::clone(&courier), aws.meter().clone(), Arc::clone(&retry_queue));
        async move {
            let deliveries = event.payload.records.len();
            let way = way(&event.payload, &retry_queue);
            let deadline = deadline(event.context.deadline, System.now());
            let answer = handle(&courier, event.payload, way, deadline).await;
            report!(meter, "batch handled", deliveries = deliveries, returned = answer.batch_item_failures.len());
            telemetry::export(System.now().until(deadline)).await;
            Ok::<_, Error>(answer)
        }
    }))
    .await
}
