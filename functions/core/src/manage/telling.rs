//! Operational webhooks about what was managed.

use super::Manager;
use crate::{
    job::Job,
    outbound::Sender,
    ports::{Ambient, Directory, Jobs, Keys, chain},
};

impl<D: Directory, K: Keys, A: Ambient, S: Sender, J: Jobs> Manager<'_, D, K, A, S, J> {
    /// Submits what is to be told after a write.
    ///
    /// If that fails, the call succeeds all the same: the write stands, and an error would make the caller repeat a
    /// change that is done. So operational webhooks about management may be missed; the API itself is the truth.
    pub(super) async fn tell(&self, job: Option<Job>) {
        let Some(job) = job else { return };
        if let Err(error) = self.jobs.submit(std::slice::from_ref(&job)).await {
            tracing::error!(error = chain(&error), "an operational webhook was lost");
        }
    }
}
