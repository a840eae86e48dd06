//! Wires the delivery function.

use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use postrider_aws::{Aws, System, log_usage, settings::DeliverySettings, telemetry};
use postrider_core::{
    deliver::{Courier, Settings},
    ports::Ambient as _,
};
use postrider_delivery::{deadline, handle};
use postrider_egress::{AddressPolicy, Egress};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = DeliverySettings::from_env()?;
    telemetry::init(settings.log);
    let policy = AddressPolicy::parse(&settings.allowed_networks)?;
    let egress = Egress::new(policy, settings.extra_ca_pem.as_deref().map(str::as_bytes))?;
    let aws = Aws::connect().await;
    let courier = Arc::new(Courier::new(
        aws.delivery_ledger(&settings.ledger_table, &settings.config_table),
        aws.delivery_queue(&settings.queue_url, &settings.dead_letter_queue_url),
        egress,
        aws.keys(&settings.keyring),
        System,
        Settings {
            schedule: settings.schedule,
            attempt_timeout: settings.attempt_timeout,
            park_after: settings.park_after,
            max_receives: settings.max_receives,
            user_agent: concat!("Postrider/", env!("CARGO_PKG_VERSION")).to_owned(),
        },
    ));
    run(service_fn(move |event: LambdaEvent<SqsEvent>| {
        let (courier, meter) = (Arc::clone(&courier), aws.meter().clone());
        async move {
            let deliveries = event.payload.records.len();
            let answer = handle(&courier, event.payload, deadline(event.context.deadline, System.now())).await;
            log_usage!(meter, "batch handled", deliveries, returned = answer.batch_item_failures.len());
            Ok::<_, Error>(answer)
        }
    }))
    .await
}
