//! Receiving: a third party's webhook becomes a message of ours.
//!
//! A source is a URL of ours, `/in/{source}`, for one sender and one application. How the sender proves that a request is
//! its own is the source's [`Preset`]. Actors: the sender, who repeats what was not answered with 2xx; and anybody else
//! who has learned the URL, to whom nothing is told.
//!
//! - The signature is looked at first: whoever cannot sign learns nothing but 401, whatever else is wrong.
//! - A well signed request outside the tolerance of its timestamp is refused with 400, so that what was overheard once
//!   cannot be sent again later. Nothing of a refused request is stored.
//! - The sender's own id of the event is the idempotency key of the message: what is sent again within
//!   [`crate::claim::KEY_LIFETIME`] gets the same answer and is published once, whatever its body. A request without an id
//!   is published each time: better twice than never.
//! - The answer is given once the message is stored, as for every other producer ([`crate::publish`]).

use crate::{rules::Check, time::Time};

mod api_key;
mod event_type;
mod github;
mod headers;
mod jwt;
mod known;
mod mac;
mod place;
mod preset;
mod receiver;
mod shopify;
mod signed;
mod slack;
mod standard_webhooks;
mod stripe;
#[cfg(test)]
mod tests;
mod timestamp;

pub use api_key::ApiKey;
pub use event_type::EventTypes;
pub use headers::Headers;
pub use jwt::Jwt;
pub use place::Place;
pub(crate) use preset::SECRET_LIMIT;
pub use preset::{Kind, Preset};
pub use receiver::{ReceivedOut, Receiver, Taken};
pub use signed::Signed;

/// A request of a sender, or of somebody who would like to be one.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its headers.
    pub headers: &'a Headers,
    /// The exact bytes of its body.
    pub body: &'a [u8],
    /// When it came.
    pub now: Time,
}

/// What a well signed request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// Something happened.
    Event {
        /// The sender's id of it, if it has one.
        id: Option<String>,
        /// The sender's name for what happened, if it has one.
        kind: Option<String>,
    },
    /// The sender wants this text back, to see that the URL is ours.
    Challenge(String),
}

impl Accepted {
    fn event(id: impl Into<String>, kind: impl Into<String>) -> Self {
        Self::Event { id: Some(id.into()), kind: Some(kind.into()) }
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// 401: no secret of the source has signed it.
    #[error("the signature does not verify")]
    BadSignature,
    /// 400: well signed, but not now.
    #[error("the timestamp is outside the tolerance")]
    OutOfTime,
    /// 400: well signed, but not what the sender is known to send.
    #[error("{0}")]
    Malformed(&'static str),
}

/// Notes a rule that a member of `config` breaks.
fn fail(check: &mut Check, field: &str, why: &'static str) {
    check.fail(&["body", "config", field], why);
}

/// A member of `config` that names a header.
fn header_name(check: &mut Check, field: &str, name: &str) {
    if !crate::rules::is_header_name(name) {
        fail(check, field, "must be the name of a header, at most 256 characters");
    }
}
