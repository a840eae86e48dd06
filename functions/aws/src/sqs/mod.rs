//! The delivery queue and the dead-letter queue.

mod batch;
mod inbox;
mod outbox;
mod send;

pub use inbox::DeliveryQueue;
pub use outbox::Queue;
