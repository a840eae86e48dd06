//! The keyring, from Secrets Manager, cached for minutes.

use std::{sync::Arc, time::Duration};

use aws_sdk_secretsmanager::Client;
use postrider_core::{
    keyring::Keyring,
    ports::{Ambient as _, Keys, Unavailable},
    time::Time,
};
use tokio::sync::Mutex;

use crate::{
    System,
    cause::{Cause, chain, unavailable},
    connect::Late,
};

/// How long a keyring is used without asking again.
const LIFETIME: Duration = Duration::from_mins(5);
/// A key that is not in it is asked for at most so often: made-up key names must not hammer Secrets Manager.
const PAUSE: Duration = Duration::from_secs(10);

/// A secret that holds the keyring. Clones share one cache.
#[derive(Debug, Clone)]
pub struct SecretKeys {
    client: Late<Client>,
    secret: String,
    /// Held while asking, so that one asks for all.
    cache: Arc<Mutex<Option<Cached>>>,
}

#[derive(Debug, Clone)]
struct Cached {
    keyring: Keyring,
    /// When it was read.
    read: Time,
    /// When it was last asked for, in vain perhaps.
    asked: Time,
}

/// What to do with a request for a key.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    UseCached,
    /// A failure matters only if the cached keyring lacks the key.
    Refresh,
}

impl Cached {
    fn step(&self, wanted: Option<&str>, now: Time) -> Step {
        let rested = self.asked.until(now) >= PAUSE || now < self.asked;
        let fresh = self.read.until(now) < LIFETIME;
        if (fresh && self.has(wanted)) || !rested { Step::UseCached } else { Step::Refresh }
    }

    fn has(&self, wanted: Option<&str>) -> bool {
        wanted.is_none_or(|name| self.keyring.has(name))
    }
}

impl SecretKeys {
    pub(crate) fn new(client: Late<Client>, secret: &str) -> Self {
        Self { client, secret: secret.to_owned(), cache: Arc::default() }
    }

    async fn read(&self) -> Result<Keyring, Unavailable> {
        const WHAT: &str = "Secrets Manager: reading the keyring";
        let request = self.client.get_secret_value().secret_id(&self.secret);
        let output = request.send().await.map_err(unavailable(WHAT))?;
        let text = output.secret_string.ok_or_else(|| Unavailable::new(WHAT, Cause("it is not text".to_owned())))?;
        Keyring::parse(&text).map_err(|error| Unavailable::new(WHAT, error))
    }
}

impl Keys for SecretKeys {
    async fn keyring(&self, wanted: Option<&str>) -> Result<Keyring, Unavailable> {
        let mut cache = self.cache.lock().await;
        let now = System.now();
        if let Some(cached) = cache.as_ref()
            && cached.step(wanted, now) == Step::UseCached
        {
            return Ok(cached.keyring.clone());
        }
        // Boxed, since it is rare: whoever wants a key would carry the state of a request about.
        match (Box::pin(self.read()).await, cache.as_mut()) {
            (Ok(keyring), _) => {
                *cache = Some(Cached { keyring: keyring.clone(), read: now, asked: now });
                Ok(keyring)
            }
            // Signing goes on with the keys there are while Secrets Manager is away.
            (Err(error), Some(cached)) if cached.has(wanted) => {
                tracing::warn!(error = chain(&error), "the keyring cannot be read again; using the last one");
                cached.asked = now;
                Ok(cached.keyring.clone())
            }
            (Err(error), cached) => {
                // Nobody asks more often because it is away.
                if let Some(cached) = cached {
                    cached.asked = now;
                }
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cached(read: i64, asked: i64) -> Cached {
        let text = r#"{"current":"k1","k1":"0123456789abcdef0123456789abcdef"}"#;
        let keyring = Keyring::parse(text).expect("a keyring");
        Cached { keyring, read: Time::from_secs(read), asked: Time::from_secs(asked) }
    }

    #[test]
    fn is_read_again_after_five_minutes() {
        assert_eq!(cached(0, 0).step(None, Time::from_secs(299)), Step::UseCached);
        assert_eq!(cached(0, 0).step(Some("k1"), Time::from_secs(300)), Step::Refresh);
    }

    #[test]
    fn an_unknown_key_is_asked_for_every_ten_seconds_at_most() {
        assert_eq!(cached(0, 0).step(Some("k2"), Time::from_secs(9)), Step::UseCached);
        assert_eq!(cached(0, 0).step(Some("k2"), Time::from_secs(10)), Step::Refresh);
    }

    #[test]
    fn after_a_failure_the_old_one_is_used_for_ten_seconds() {
        assert_eq!(cached(0, 400).step(None, Time::from_secs(405)), Step::UseCached);
        assert_eq!(cached(0, 400).step(None, Time::from_secs(410)), Step::Refresh);
    }
}
