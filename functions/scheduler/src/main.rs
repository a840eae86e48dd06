//! Wires the scheduler function.

use std::{sync::Arc, time::Duration};

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use postrider_aws::{Aws, ConfigTable, Ledger, Queues, System, report, settings::SchedulerSettings, telemetry};
use postrider_core::{
    erase::Eraser, fan_out::FanOut, ports::Ambient as _, publish::Publisher, recovery::Recoverer, tell::Teller,
    time::Time, wake::Waker, work::Worker,
};
use postrider_scheduler::{Call, answer};
use serde_json::{Value, json};

/// Works this long at most; its timeout is 60 s, and what is left over is due in the next minute, or another job.
const RUN: Duration = Duration::from_secs(45);

struct Scheduler {
    waker: Waker<Ledger, Queues, System>,
    worker: Worker<ConfigTable, Ledger, ConfigTable, Ledger, Queues, System>,
    aws: Aws,
}

impl Scheduler {
    fn new(aws: Aws, settings: SchedulerSettings) -> Self {
        let directory = aws.config_table(&settings.config_table);
        let ledger = aws.ledger(&settings.ledger_table, &settings.config_table);
        let queues = aws.queues(settings.queues);
        let publisher = Publisher::operational(directory.clone(), ledger.clone(), queues.clone(), System);
        let fan_out = FanOut::new(directory.clone(), ledger.clone(), queues.clone(), System);
        let recoverer = Recoverer::new(directory, ledger.clone(), queues.clone(), System);
        let eraser = Eraser::new(ledger.clone(), queues.clone(), System);
        let worker = Worker::new(fan_out, recoverer, Teller::new(publisher), eraser, System);
        Self { waker: Waker::new(ledger, queues, System, settings.releases_per_second), worker, aws }
    }

    async fn handle(&self, event: Value, deadline: Time) -> Result<Value, Error> {
        match Call::read(event)? {
            Call::Minute => {
                let done = self.waker.run(deadline).await?;
                report!(self.aws.meter(), "parking checked", woken = done.woken, canceled = done.canceled);
                Ok(json!({ "woken": done.woken, "canceled": done.canceled }))
            }
            Call::Jobs(batch) => {
                let jobs = batch.len();
                let back = self.worker.handle(batch, deadline).await;
                report!(self.aws.meter(), "jobs handled", jobs = jobs, returned = back.len());
                Ok(serde_json::to_value(answer(back))?)
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = SchedulerSettings::from_env()?;
    telemetry::init(settings.log.clone());
    let scheduler = Arc::new(Scheduler::new(Aws::connect()?, settings));
    run(service_fn(move |event: LambdaEvent<Value>| {
        let scheduler = Arc::clone(&scheduler);
        async move { scheduler.handle(event.payload, System.now().plus(RUN)).await }
    }))
    .await
}
