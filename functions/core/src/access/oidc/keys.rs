//! The keys of an issuer, as this process knows them.
//!
//! They are asked for when they are first needed, when they are old, and when a token names one that is not among them
//! (the issuer has a new one), but not more often than every [`PAUSE`]: made-up names must not make us hammer the issuer.
//! While it is away, the keys there are go on for a day.

use std::time::Duration;

use futures::lock::Mutex;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

use super::published::{self, Key};
use crate::{
    outbound::{Fetcher, Unfetched},
    ports::{Unavailable, chain},
    time::Time,
};

/// How long keys are used without asking again: so long a key counts that the issuer has taken back.
const LIFETIME: Duration = Duration::from_mins(10);
/// How long they are used while the issuer is away.
const LONGEST_LIFETIME: Duration = Duration::from_hours(24);
/// Between one question and the next.
const PAUSE: Duration = Duration::from_secs(30);
/// The same while there are no keys at all.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// Bytes of the issuer's metadata, and of its keys.
const LIMIT: usize = 256 * 1024;
/// For each of the two.
const TIMEOUT: Duration = Duration::from_secs(4);

/// An issuer's keys.
#[derive(Debug)]
pub(super) struct Keys<F> {
    issuer: String,
    fetcher: F,
    /// Held while asking, so that one asks for all.
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    keys: Vec<Key>,
    /// When they were read.
    read: Option<Time>,
    /// When they were last asked for, in vain perhaps.
    asked: Option<Time>,
}

/// Why an issuer's keys cannot be had.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("{0} cannot be had")]
    Unfetched(&'static str, #[source] Unfetched),
    #[error("{0} cannot be read")]
    Unreadable(&'static str),
    #[error("its metadata is of another issuer")]
    OtherIssuer,
    #[error("it has not answered a moment ago")]
    Away,
}

/// The part of the metadata that matters (`OpenID` Connect Discovery 1.0, section 3; RFC 8414, section 2).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl Known {
    /// The key of that name, or without a name the only one, if it fits the algorithm.
    fn find(&self, kid: Option<&str>, alg: Algorithm) -> Option<DecodingKey> {
        let key = match kid {
            Some(kid) => self.keys.iter().find(|key| key.kid.as_deref() == Some(kid) && key.fits(alg)),
            None => match self.keys.as_slice() {
                [only] => Some(only).filter(|only| only.fits(alg)),
                _ => None,
            },
        };
        key.map(Key::key)
    }

    fn are_younger_than(&self, age: Duration, now: Time) -> bool {
        self.read.is_some_and(|read| read.until(now) < age)
    }

    fn have_rested(&self, now: Time) -> bool {
        let pause = if self.read.is_some() { PAUSE } else { FIRST_PAUSE };
        self.asked.is_none_or(|asked| asked.until(now) >= pause || now < asked)
    }
}

impl<F: Fetcher> Keys<F> {
    pub(super) fn new(issuer: &str, fetcher: F) -> Self {
        Self { issuer: issuer.to_owned(), fetcher, known: Mutex::default() }
    }

    /// The key for a token, if the issuer has such a one.
    pub(super) async fn find(
        &self,
        kid: Option<&str>,
        alg: Algorithm,
        now: Time,
    ) -> Result<Option<DecodingKey>, Unavailable> {
        let mut known = self.known.lock().await;
        let found = known.find(kid, alg);
        if (found.is_some() && known.are_younger_than(LIFETIME, now)) || !known.have_rested(now) {
            return usable(&known, found, now, Unusable::Away);
        }
        known.asked = Some(now);
        match self.ask().await {
            Ok(keys) => {
                *known = Known { keys, read: Some(now), asked: Some(now) };
                Ok(known.find(kid, alg))
            }
            Err(error) => {
                tracing::warn!(error = chain(&error), "the keys of the issuer of tokens cannot be read");
                usable(&known, found, now, error)
            }
        }
    }

    async fn ask(&self) -> Result<Vec<Key>, Unusable> {
        const METADATA: &str = "its metadata";
        const KEYS: &str = "its key set";
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let text = self.fetcher.fetch(&url, LIMIT, TIMEOUT).await.map_err(|why| Unusable::Unfetched(METADATA, why))?;
        let metadata: Metadata = serde_json::from_str(&text).map_err(|_| Unusable::Unreadable(METADATA))?;
        // Discovery, section 4.3: another's metadata must not be taken for the issuer's.
        if metadata.issuer != self.issuer {
            return Err(Unusable::OtherIssuer);
        }
        let text = self.fetcher.fetch(&metadata.jwks_uri, LIMIT, TIMEOUT).await;
        published::keys(&text.map_err(|why| Unusable::Unfetched(KEYS, why))?).ok_or(Unusable::Unreadable(KEYS))
    }
}

/// What is known, unless it is too old to say anything.
fn usable(
    known: &Known,
    found: Option<DecodingKey>,
    now: Time,
    why: Unusable,
) -> Result<Option<DecodingKey>, Unavailable> {
    if known.are_younger_than(LONGEST_LIFETIME, now) {
        Ok(found)
    } else {
        Err(Unavailable::new("asking the issuer of tokens for its keys", why))
    }
}
