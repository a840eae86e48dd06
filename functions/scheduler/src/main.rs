//! The scheduler function: once a minute, parked deliveries that are due go back to the queue.

use std::{sync::Arc, time::Duration};

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use postrider_aws::{Aws, System, log_usage, settings::SchedulerSettings, telemetry};
use postrider_core::{ports::Ambient as _, wake::Waker};
use serde_json::Value;

/// Works this long at most; its timeout is 60 s, and what is left over is due in the next minute.
const RUN: Duration = Duration::from_secs(45);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = SchedulerSettings::from_env()?;
    telemetry::init(settings.log);
    let aws = Aws::connect().await;
    let waker = Arc::new(Waker::new(aws.ledger(&settings.ledger_table), aws.queue(&settings.queue_url), System));
    run(service_fn(move |_: LambdaEvent<Value>| {
        let (waker, meter) = (Arc::clone(&waker), aws.meter().clone());
        async move {
            let done = waker.run(System.now().plus(RUN)).await?;
            let (woken, canceled) = (done.woken, done.canceled);
            log_usage!(meter, "parking checked", woken, canceled, latest_ms = done.latest.as_millis());
            Ok::<_, Error>(serde_json::json!({ "woken": woken, "canceled": canceled }))
        }
    }))
    .await
}
