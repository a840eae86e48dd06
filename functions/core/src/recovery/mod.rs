//! Recovery: deliveries that are sent again, or not sent at all, because somebody asks for it.
//!
//! One delivery is sent again by an attempt by hand ([`crate::message::Manual`]). Many are by a background task
//! ([`Recoverer`]): it makes each of them a held one, behind its endpoint's valve ([`crate::valve`]), and the scheduler lets
//! them through at the pace that holds for everything that was held. So an endpoint that comes back after an outage is not
//! flooded, an open circuit stays one, and a paused endpoint stays paused.
//!
//! Actors: the caller, who may repeat the call; workers, of which two may have the same task, and which may die at any
//! `.await`; the delivery function, which works on the same deliveries.
//!
//! - The task is recorded before its job is queued. Dying in between leaves a task that nobody works on; the call was not
//!   answered, and repeating it queues the job.
//! - A page's work is done before the page is recorded. Dying in between repeats it: what is held already is left alone.
//! - A record is changed only in place of the revision that was read. A round more makes leftovers of every copy in a queue
//!   or in the dead-letter queue: redriving those later sends nothing twice.
//! - The valve is touched before a record says that it is held, as ever.

use crate::{
    ids::{EndpointId, Id as _, MessageId},
    page::Key,
    shapes::inline_schema,
    time::Time,
};

mod ask;
mod cancel;
mod dead_letters;
mod resend;
mod shown;
mod task;
#[cfg(test)]
mod tests;
mod work;

pub use ask::{RecoverIn, RedriveIn};
pub use dead_letters::DeadLetterOut;
pub use shown::TaskOut;
pub use task::{Progress, TASK_KEPT, Task, What};
pub use work::Recoverer;

/// The use cases of those who ask, over the ports.
#[derive(Debug)]
pub struct Recoveries<'a, D, R, Q, A> {
    /// Where applications and endpoints are.
    pub directory: &'a D,
    /// The record.
    pub record: &'a R,
    /// The delivery queues, and the queue of jobs.
    pub queues: &'a Q,
    /// Time and randomness.
    pub ambient: &'a A,
}

/// A dead letter, in the order in which they are listed: that of the messages' publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeadKey {
    /// What.
    pub message: MessageId,
    /// Where to.
    pub endpoint: EndpointId,
}

inline_schema!(DeadKey => {
    let ids = "msg_[0-9A-Z][0-9A-Za-z]{26}~ep_[0-9A-Z][0-9A-Za-z]{26}";
    let example = "msg_2tAbcdefghijklmnopqrstuvwxy~ep_2tAbcdefghijklmnopqrstuvwxy";
    schemars::json_schema!({ "type": "string", "pattern": format!("^{ids}$"), "examples": [example] })
});

/// As an iterator: both ids, with a `~` between.
impl Key for DeadKey {
    fn text(&self) -> String {
        format!("{}~{}", self.message, self.endpoint)
    }

    fn read(text: &str) -> Option<Self> {
        let (message, endpoint) = text.split_once('~')?;
        Some(Self { message: message.parse().ok()?, endpoint: endpoint.parse().ok()? })
    }
}

impl DeadKey {
    /// When its message was published, to the 4 ms of its id: what dead letters are ordered by.
    pub fn at(&self) -> Time {
        self.message.ksuid().time()
    }
}
