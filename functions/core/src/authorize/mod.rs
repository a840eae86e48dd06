//! The header by which a request proves to the receiver who sends it, besides the signature.
//!
//! OAuth tokens are asked for with the same [`Sender`] that makes deliveries, so that the address policy holds for a
//! customer's token endpoint too. Deliveries to one endpoint that need a token at the same time ask once and share what
//! comes of it, a failure as well: a token endpoint that hangs costs one timeout, not one a delivery.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::lock::Mutex as AsyncMutex;

use crate::{
    delivery::FaultClass,
    entity::Endpoint,
    ids::EndpointId,
    keyring::{KeyError, Keyring},
    manner::Auth,
    outbound::{Fault, Sender},
    time::Time,
};

mod oauth;
#[cfg(test)]
mod tests;

/// A header's name and value.
pub type Header = (String, String);

/// Endpoints whose tokens are remembered.
const REMEMBERED: usize = 10_000;

/// Why a request cannot be authorized. None of its words holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unauthorized {
    /// The sealed secret does not open; with another keyring it may.
    #[error("the secret of the endpoint's authorization does not open")]
    Sealed(#[from] KeyError),
    /// The token endpoint did not answer.
    #[error("the token endpoint did not answer: {0}")]
    Fault(Fault),
    /// It answered, and refused.
    #[error("the token endpoint answered {status}{said}")]
    Refused {
        /// Its status.
        status: u16,
        /// Its error in the words of RFC 6749, section 5.2, after a colon; empty if there are none.
        said: String,
    },
    /// It answered that all is well, and gave nothing to use.
    #[error("the token endpoint answered {0}")]
    Unusable(&'static str),
}

impl Unauthorized {
    /// As it is recorded of an attempt; the words are [`ToString`]'s.
    pub const fn class(&self) -> FaultClass {
        FaultClass::Authorization
    }
}

/// The OAuth tokens that this process holds.
pub struct Tokens {
    user_agent: String,
    slots: Mutex<HashMap<EndpointId, Arc<Slot>>>,
}

/// An endpoint's token.
#[derive(Default)]
struct Slot {
    /// Grows by one whenever a token was asked for.
    asked: AtomicU64,
    last: AsyncMutex<Option<Last>>,
}

/// What was asked for last, and what came of it.
struct Last {
    auth: Auth,
    result: Result<Token, Unauthorized>,
}

#[derive(Clone)]
struct Token {
    header: Header,
    /// It is not used from then on.
    until: Time,
}

impl Tokens {
    /// None yet. Names itself so to token endpoints.
    pub fn new(user_agent: String) -> Self {
        Self { user_agent, slots: Mutex::default() }
    }

    /// The header that the endpoint wants; `None` if it wants none. Takes no longer than asking for a token does.
    pub async fn header<S: Sender>(
        &self,
        endpoint: &Endpoint,
        ring: &Keyring,
        sender: &S,
        now: Time,
        timeout: Duration,
    ) -> Result<Option<Header>, Unauthorized> {
        let open = |sealed| ring.open_text(sealed, endpoint.id);
        Ok(Some(match &endpoint.delivery.auth {
            Auth::None => return Ok(None),
            Auth::Basic { username, password } => authorization(&basic(username, &open(password)?)),
            Auth::Bearer { token } => authorization(&format!("Bearer {}", open(token)?)),
            Auth::Header { name, value } => (name.clone(), open(value)?),
            Auth::OAuth2 { token_url, client_id, client_secret, scope } => {
                let secret = open(client_secret)?;
                let client = oauth::Client { url: token_url, id: client_id, secret: &secret, scope: scope.as_deref() };
                let ask = async || client.ask(&self.user_agent, sender, now, timeout).await;
                // Boxed, since it is rare: every attempt would carry the state of a request about.
                Box::pin(self.token(endpoint, now, ask)).await?.header
            }
        }))
    }

    /// Forgets the token that the receiver did not accept (401), so that the next request has a new one. `used` is the
    /// header that was sent: a token that came meanwhile stays.
    pub fn forget(&self, endpoint: EndpointId, used: &Header) {
        // If it is locked, another is being asked for.
        if let Some(mut last) = self.slot(endpoint).last.try_lock() {
            last.take_if(|last| last.result.as_ref().is_ok_and(|token| token.header == *used));
        }
    }

    /// The token that is held, or the one that is asked for.
    async fn token(
        &self,
        endpoint: &Endpoint,
        now: Time,
        ask: impl AsyncFnOnce() -> Result<Token, Unauthorized>,
    ) -> Result<Token, Unauthorized> {
        let (slot, auth) = (self.slot(endpoint.id), &endpoint.delivery.auth);
        let before = slot.asked.load(Ordering::Relaxed);
        let mut last = slot.last.lock().await;
        let meanwhile = slot.asked.load(Ordering::Relaxed) != before;
        if let Some(last) = last.as_ref().filter(|last| last.auth == *auth)
            && (meanwhile || last.result.as_ref().is_ok_and(|token| token.until > now))
        {
            return last.result.clone();
        }
        let result = ask().await;
        slot.asked.fetch_add(1, Ordering::Relaxed);
        *last = Some(Last { auth: auth.clone(), result: result.clone() });
        result
    }

    fn slot(&self, endpoint: EndpointId) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= REMEMBERED && !slots.contains_key(&endpoint) {
            slots.clear();
        }
        Arc::clone(slots.entry(endpoint).or_default())
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(…)")
    }
}

fn authorization(value: &str) -> Header {
    ("authorization".to_owned(), value.to_owned())
}

/// RFC 7617.
fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
