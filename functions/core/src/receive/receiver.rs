//! The use case: a request to a source is verified and published.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Accepted, Headers, Refused, Request,
    known::{Found, Known, Open, Secret},
};
use crate::{
    claim::{ClaimKey, fingerprint},
    ids::{MessageId, SourceId},
    message::Message,
    ports::{Ambient, Claims, Jobs, Keys, Messages, Outbox, Paces, Sources, Subscribers, Unavailable},
    problem::Problem,
    publish::{Draft, Publisher, Repeatable},
    source::Source,
};

/// Receives for all sources, over these ports.
#[derive(Debug)]
pub struct Receiver<D, K, A> {
    directory: D,
    keys: K,
    ambient: A,
    known: Known,
}

/// What became of a request.
#[derive(Debug)]
pub enum Taken {
    /// It is a message, now or since it came first; the answer shows it unless it must be empty.
    Published(Box<Message>, bool),
    /// The sender wants this text back.
    Challenged(String),
}

impl<D: Sources, K: Keys, A: Ambient> Receiver<D, K, A> {
    /// Over these ports.
    pub fn new(directory: D, keys: K, ambient: A) -> Self {
        Self { directory, keys, ambient, known: Known::default() }
    }

    /// Takes a request in: 404 if there is no such source or it is disabled, 401 for a signature that does not verify,
    /// 400 for a time outside the tolerance or what the sender is not known to send, and otherwise as
    /// [`Publisher::publish`] answers. Costs a read of the source every ten seconds, and what publishing costs with a key.
    pub async fn receive<P, L, Q, C>(
        &self,
        publisher: &Publisher<P, L, Q, C>,
        segment: &str,
        headers: &Headers,
        body: &[u8],
    ) -> Result<Taken, Problem>
    where
        P: Subscribers,
        L: Claims + Messages + Paces,
        Q: Outbox + Jobs,
        C: Ambient,
    {
        let open = self.open(segment).await?;
        let (source, now) = (&open.source, self.ambient.now());
        let accepted = source.preset.verify(&open.secrets(now), &Request { headers, body, now });
        let accepted = accepted.inspect_err(|why| tracing::info!(source = %source.id, %why, "refused a request"));
        let (id, kind) = match accepted? {
            Accepted::Challenge(text) => return Ok(Taken::Challenged(text)),
            Accepted::Event { id, kind } => (id, kind),
        };
        let text = std::str::from_utf8(body).map_err(|_| Refused::Malformed("the body is not UTF-8"))?;
        let event_type = source.event_types.of(kind.as_deref());
        let draft = Draft::received(event_type, text, headers.first("content-type"));
        let app = source.app.to_string();
        let message = publisher.publish(&source.org, &app, &draft, &repeatable(source, id.as_deref(), body)).await;
        let message = message.map_err(|problem| if problem.status() == 404 { unknown() } else { problem })?;
        tracing::info!(source = %source.id, app = %message.app, msg = %message.id, "received");
        Ok(Taken::Published(Box::new(message), source.preset.is_answered_empty()))
    }

    async fn open(&self, segment: &str) -> Result<Arc<Open>, Problem> {
        let id: SourceId = segment.parse().map_err(|_| unknown())?;
        let now = self.ambient.now();
        if let Some(found) = self.known.get(id, now) {
            return found.open.ok_or_else(unknown);
        }
        let open = match self.directory.source(id).await?.filter(|source| !source.disabled) {
            Some(source) => Some(Arc::new(self.unsealed(source).await?)),
            None => None,
        };
        self.known.remember(id, Found { open: open.clone(), since: now });
        open.ok_or_else(unknown)
    }

    /// With the secrets that open. If none does, the sender must come again: nothing can be said about its signature.
    async fn unsealed(&self, source: Source) -> Result<Open, Problem> {
        let mut secrets = Vec::with_capacity(1 + source.secrets.old.len());
        let mut failure = None;
        let old = source.secrets.old.iter().map(|old| (&old.key, Some(old.expires_at)));
        for (sealed, expires_at) in [(&source.secrets.current, None)].into_iter().chain(old) {
            match self.keys.opened(|ring| ring.open_text(sealed, source.id)).await? {
                Ok(text) => secrets.push(Secret { text, expires_at }),
                Err(error) => {
                    tracing::warn!(source = %source.id, %error, "a secret does not open any more");
                    failure = Some(error);
                }
            }
        }
        match failure {
            Some(error) if secrets.is_empty() => Err(Unavailable::new("opening the secrets of a source", error).into()),
            _ => Ok(Open { source, secrets }),
        }
    }
}

/// What a sender is answered.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ReceivedOut {
    /// It is published.
    Published {
        /// As this message.
        id: MessageId,
    },
    /// The sender wants to know whether this is the right place.
    Challenged {
        /// What it asked for.
        challenge: String,
    },
}

/// The sender's id alone tells what is the same: it may send other bytes the second time.
fn repeatable(source: &Source, id: Option<&str>, body: &[u8]) -> Repeatable {
    let of = source.id.to_string();
    match id {
        Some(id) => {
            let key = ClaimKey::idempotency(&source.org, &format!("/in/{of}"), id);
            Repeatable { key: Some(key), fingerprint: fingerprint(&[of.as_bytes(), id.as_bytes()]) }
        }
        None => Repeatable { key: None, fingerprint: fingerprint(&[of.as_bytes(), body]) },
    }
}

/// The same whether there is none, it is disabled, or its application is gone.
fn unknown() -> Problem {
    Problem::not_found("Source")
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::BadSignature => Self::refused(401, "bad_signature", "The signature does not verify"),
            Refused::OutOfTime => {
                Self::refused(400, "out_of_time", "The timestamp that was signed is too old, or too far ahead")
            }
            Refused::Malformed(why) => Self::refused(400, "malformed", why),
        }
    }
}
