//! The queue of jobs, for those who fill it.

use postrider_core::{
    job::Job,
    ports::{Jobs, Unavailable},
};

use super::{
    Queues,
    send::{Entry, send_all},
};

impl Jobs for Queues {
    async fn submit(&self, jobs: &[Job]) -> Result<(), Unavailable> {
        let entries: Result<Vec<_>, _> = jobs.iter().map(entry).collect();
        let entries = entries.map_err(|error| Unavailable::new("writing a job", error))?;
        send_all(&self.client, &self.urls.jobs, &entries, Entry::clone).await
    }
}

/// One customer's jobs do not delay another's.
fn entry(job: &Job) -> Result<Entry, serde_json::Error> {
    let (group, delay) = match job {
        Job::FanOut { app, .. } => (app.to_string(), None),
        Job::Task { org, .. } | Job::Tell { org, .. } => (org.to_string(), None),
        Job::Erase { what, delay } => (what.app().to_string(), (*delay > 0).then_some(i32::from(*delay))),
    };
    Ok(Entry { body: serde_json::to_string(job)?, group: Some(group), attributes: Vec::new(), delay })
}
