//! Opening what an endpoint's requests need that is sealed, with the keyring that has the key.

use std::time::Duration;

use crate::{
    authorize::{Header, Tokens, Unauthorized},
    entity::Endpoint,
    keyring::{KeyError, Keyring, Sealed},
    outbound::Sender,
    ports::{Keys, Unavailable},
    secret::SigningSecret,
    time::Time,
};

/// What a request needs that is sealed.
pub(crate) struct Opened {
    /// The keys that sign now: the current one, then the old ones in grace.
    pub(crate) secrets: Vec<SigningSecret>,
    /// What opens the rest.
    pub(crate) ring: Keyring,
}

/// Why nothing was opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotOpened {
    /// The keyring could not be read.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// No key opens it.
    #[error("the endpoint's secrets do not open: {0}")]
    Sealed(#[from] KeyError),
}

/// Opens the endpoint's signing keys.
pub(crate) async fn opened<K: Keys>(keys: &K, endpoint: &Endpoint, now: Time) -> Result<Opened, NotOpened> {
    let old = endpoint.secrets.old.iter().filter(|old| old.expires_at > now).map(|old| &old.key);
    let sealed: Vec<&Sealed> = std::iter::once(&endpoint.secrets.current).chain(old).collect();
    let open = |ring: &Keyring| {
        let secrets = sealed.iter().map(|sealed| ring.open(sealed, endpoint.id)).collect::<Result<_, _>>()?;
        Ok(Opened { secrets, ring: ring.clone() })
    };
    Ok(keys.opened(open).await??)
}

/// The header that the endpoint wants. It may have to be asked for, which takes up to the timeout.
pub(crate) async fn authorization<K: Keys, S: Sender>(
    (keys, tokens, sender): (&K, &Tokens, &S),
    endpoint: &Endpoint,
    opened: &Opened,
    now: Time,
    timeout: Duration,
) -> Result<Option<Header>, Unauthorized> {
    match tokens.header(endpoint, &opened.ring, sender, now, timeout).await {
        Err(Unauthorized::Sealed(KeyError::UnknownKey(name))) => match keys.keyring(Some(&name)).await {
            Ok(ring) => tokens.header(endpoint, &ring, sender, now, timeout).await,
            Err(error) => {
                tracing::error!(error = crate::ports::chain(&error), "the keyring could not be read");
                Err(Unauthorized::Sealed(KeyError::UnknownKey(name)))
            }
        },
        done => done,
    }
}
