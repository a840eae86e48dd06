//! The HTTP face that ingest and api share: events in, tokens, bodies, queries, repeated requests, answers out.

mod answer;
mod auth;
mod body;
mod event;
mod idempotency;
mod query;

pub use answer::{Answer, NO_CONTENT, json, respond};
pub use auth::authenticate;
pub use body::{BODY_LIMIT, within, within_limit};
pub use event::{serve, serve_with};
pub use idempotency::{Keyed, idempotency_key, once};
pub use query::Query;
