//! Management: applications, endpoints with their headers and secrets, event types, and sources.
//!
//! Whoever creates something brings its id, so that a repeated request makes the same thing once: if it stands
//! already under that id, it is the answer. Whoever changes something states the revision it replaces; if somebody
//! else was first, the change is made again on what stands now.
//!
//! The api function logs every change as it answers it (its `audit` module); here a line tells what came of it, at
//! `debug`, with ids, never with a secret or a header's value.

use std::time::Duration;

use crate::{
    given::Given,
    ids::EndpointId,
    keyring::Sealed,
    outbound::Sender,
    ports::{Ambient, Directory, Jobs, Keys, Saved, Unavailable},
    problem::Problem,
    rules::is_name,
    secret::SigningSecret,
    time::Time,
};

mod application_in;
mod applications;
mod auth_in;
mod consent;
mod endpoint_in;
mod endpoints;
mod event_type_in;
mod event_types;
mod headers;
mod import;
mod manner_in;
mod manner_out;
mod new_endpoint;
mod secrets;
mod settings;
mod shown;
mod source_in;
mod source_out;
mod source_secrets;
mod sources;
mod target_url;
mod telling;
#[cfg(test)]
mod tests;

pub use application_in::{ApplicationIn, ApplicationPatch};
pub use applications::application_or_new;
pub use endpoint_in::{EndpointIn, EndpointPatch, EndpointUpdate};
pub use event_type_in::{EventTypeIn, EventTypePatch, EventTypeUpdate};
pub use event_types::EventTypesShown;
pub use headers::{HeadersIn, HeadersOut, HeadersPatch};
pub use import::{ImportIn, ImportOut};
pub use secrets::{Rotation, SecretOut};
pub use settings::{SettingsIn, SettingsOut, SettingsPatch};
pub use shown::{ApplicationOut, EndpointOut, EndpointRow, EventTypeOut, TypeName};
pub use source_in::SourceIn;
pub use source_out::SourceOut;
pub use source_secrets::SourceRotation;

/// How often a change is made again on what somebody else has written meanwhile.
const TRIES: usize = 5;

/// The use cases, over the ports.
#[derive(Debug)]
pub struct Manager<'a, D, K, A, S, J> {
    /// Where things are stored.
    pub directory: &'a D,
    /// Seals and opens secrets.
    pub keys: &'a K,
    /// Time and randomness.
    pub ambient: &'a A,
    /// Asks receivers for their consent.
    pub sender: &'a S,
    /// Takes operational webhooks.
    pub jobs: &'a J,
    /// Whether endpoints may use `http`: only where networks are allow-listed.
    pub plain_http: bool,
    /// As whom receivers are asked for their consent.
    pub origin: &'a str,
}

/// What became of a call that may create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made<T> {
    /// It is new: 201.
    Created(T),
    /// It was there, and is replaced or left as the call says: 200.
    Existing(T),
}

impl<T> Made<T> {
    /// Changes what it holds.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Made<U> {
        match self {
            Self::Created(value) => Made::Created(change(value)),
            Self::Existing(value) => Made::Existing(change(value)),
        }
    }

    /// What it holds.
    pub fn into_inner(self) -> T {
        match self {
            Self::Created(value) | Self::Existing(value) => value,
        }
    }
}

impl<D: Directory, K: Keys, A: Ambient, S: Sender, J: Jobs> Manager<'_, D, K, A, S, J> {
    /// Opens a secret.
    async fn open(&self, sealed: &Sealed, endpoint: EndpointId) -> Result<SigningSecret, Problem> {
        let opened = self.keys.opened(|ring| ring.open(sealed, endpoint)).await?;
        opened.map_err(|error| Unavailable::new("opening an endpoint's secret", error).into())
    }

    /// Opens a secret, if it still opens: the root key that sealed it may be gone.
    async fn opened(&self, sealed: &Sealed, endpoint: EndpointId) -> Result<Option<SigningSecret>, Problem> {
        let opened = self.keys.opened(|ring| ring.open(sealed, endpoint)).await?;
        let opened = opened.inspect_err(|error| tracing::warn!(%endpoint, %error, "a secret does not open any more"));
        Ok(opened.ok())
    }

    async fn seal(&self, secret: &SigningSecret, endpoint: EndpointId) -> Result<Sealed, Problem> {
        let sealed = self.keys.keyring(None).await?.seal(secret, endpoint, self.ambient.random());
        sealed.map_err(|error| Unavailable::new("sealing an endpoint's secret", error).into())
    }
}

/// Whether a write took place; false if somebody else wrote first.
fn written(saved: Saved, uid_taken: impl FnOnce() -> Problem) -> Result<bool, Problem> {
    match saved {
        Saved::Done => Ok(true),
        Saved::Stale => Ok(false),
        Saved::UidTaken => Err(uid_taken()),
    }
}

fn busy() -> Problem {
    Problem::conflict("It is being changed by others at the same time; try again")
}

/// `updatedAt` of a change: it moves with every write, whatever the clocks say.
fn touched(now: Time, before: Time) -> Time {
    now.max(before.plus(Duration::from_micros(1)))
}

/// The uid that a PUT asks for. Without one in its body, a uid in its path stands: the same PUT again must find what
/// it has made. None at all removes the uid.
fn uid_of_put(given: &Given<String>, segment: &str, id_prefix: &str) -> Option<String> {
    match given {
        Given::Value(uid) => Some(uid.clone()),
        Given::Absent if is_name(segment) && !segment.starts_with(id_prefix) => Some(segment.to_owned()),
        Given::Absent | Given::Null => None,
    }
}
