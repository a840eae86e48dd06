//! Confirmation tokens: what a delivery's confirmation URL ends in. Whoever has one may say of this attempt that it was
//! taken, until it expires, and nothing else.
//!
//! A token is base64url of the four ids, the expiry and the name of the root key, then an HMAC-SHA256 of all that with
//! a key derived from that root key.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{
    ids::{AppId, AttemptId, EndpointId, Id, Ksuid, MessageId},
    keyring::{KeyError, Keyring},
    time::Time,
};

const PURPOSE: &str = "postrider/confirm/1";
const ID: usize = 20;
const CLAIMS: usize = 4 * ID + 8;
const MAC: usize = 32;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmation {
    /// The application.
    pub app: AppId,
    /// The endpoint that confirms.
    pub endpoint: EndpointId,
    /// The message that it confirms.
    pub message: MessageId,
    /// The attempt that brought it.
    pub attempt: AttemptId,
    /// It is good until then, in whole seconds.
    pub expires_at: Time,
}

/// Why a token confirms nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotConfirmed {
    /// Altered, of another deployment, or not a token at all.
    #[error("not a confirmation link, or not a whole one")]
    Invalid,
    /// Its time is over.
    #[error("the confirmation link has expired")]
    Expired,
}

impl Confirmation {
    /// The token.
    pub fn token(&self, ring: &Keyring) -> Result<String, KeyError> {
        let mut bytes = Vec::with_capacity(CLAIMS + MAC + ring.current().len());
        for id in [self.app.ksuid(), self.endpoint.ksuid(), self.message.ksuid(), self.attempt.ksuid()] {
            bytes.extend(id.bytes());
        }
        bytes.extend(self.expires_at.secs().to_be_bytes());
        bytes.extend(ring.current().as_bytes());
        let mac = mac(ring, ring.current(), &bytes)?.finalize().into_bytes();
        bytes.extend(mac);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Where the receiver confirms; nothing if the keyring lacks its own key.
    pub(crate) fn url(&self, ring: &Keyring, api_url: &str) -> Option<String> {
        let token = self.token(ring).ok()?;
        Some(format!("{}/api/v1/confirm/{token}", api_url.trim_end_matches('/')))
    }

    /// Checks a token and tells what it is for.
    pub fn verify(ring: &Keyring, token: &str, now: Time) -> Result<Self, NotConfirmed> {
        let confirmation = Self::authentic(ring, token).ok_or(NotConfirmed::Invalid)?;
        if confirmation.expires_at <= now { Err(NotConfirmed::Expired) } else { Ok(confirmation) }
    }

    fn authentic(ring: &Keyring, token: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (signed, signature) = bytes.split_last_chunk::<MAC>()?;
        mac(ring, name(signed)?, signed).ok()?.verify_slice(signature).ok()?;
        Self::read(signed)
    }

    fn read(claims: &[u8]) -> Option<Self> {
        let (app, rest) = id(claims)?;
        let (endpoint, rest) = id(rest)?;
        let (message, rest) = id(rest)?;
        let (attempt, rest) = id(rest)?;
        let expires_at = Time::from_secs(i64::from_be_bytes(*rest.first_chunk()?));
        Some(Self { app, endpoint, message, attempt, expires_at })
    }
}

/// The name of the root key that a token says it was signed with.
pub fn key_name(token: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (signed, _) = bytes.split_last_chunk::<MAC>()?;
    name(signed).map(str::to_owned)
}

fn name(signed: &[u8]) -> Option<&str> {
    std::str::from_utf8(signed.get(CLAIMS..)?).ok()
}

fn id<T: Id>(bytes: &[u8]) -> Option<(T, &[u8])> {
    let (id, rest) = bytes.split_first_chunk::<ID>()?;
    Some((T::from_ksuid(Ksuid::from_bytes(*id)), rest))
}

fn mac(ring: &Keyring, key: &str, bytes: &[u8]) -> Result<Hmac<Sha256>, KeyError> {
    let key = ring.derive(key, PURPOSE)?;
    let mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| KeyError::Malformed)?;
    Ok(mac.chain_update(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = r#"{"current":"k1","k1":"0123456789abcdef0123456789abcdef"}"#;
    const AFTER: &str =
        r#"{"current":"k2","k1":"0123456789abcdef0123456789abcdef","k2":"fedcba9876543210fedcba9876543210"}"#;
    const OTHER: &str = r#"{"current":"k1","k1":"another-root-another-root-another"}"#;
    const NOW: Time = Time::from_secs(1_800_000_000);

    fn ring(text: &str) -> Keyring {
        Keyring::parse(text).expect("keyring")
    }

    fn confirmation() -> Confirmation {
        Confirmation {
            app: AppId::from_ksuid(Ksuid::from_bytes([1; 20])),
            endpoint: EndpointId::from_ksuid(Ksuid::from_bytes([2; 20])),
            message: MessageId::from_ksuid(Ksuid::from_bytes([3; 20])),
            attempt: AttemptId::from_ksuid(Ksuid::from_bytes([4; 20])),
            expires_at: NOW,
        }
    }

    #[test]
    fn a_token_tells_what_it_is_for_until_it_expires_and_over_a_root_rotation() {
        let token = confirmation().token(&ring(BEFORE)).expect("a token");
        assert!(token.len() < 170 && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        let earlier = Time::from_secs(NOW.secs() - 1);
        assert_eq!(Confirmation::verify(&ring(AFTER), &token, earlier), Ok(confirmation()));
        assert_eq!(Confirmation::verify(&ring(AFTER), &token, NOW), Err(NotConfirmed::Expired));
        let newer = confirmation().token(&ring(AFTER)).expect("a token");
        assert_eq!(key_name(&newer).as_deref(), Some("k2"));
        assert_eq!(Confirmation::verify(&ring(BEFORE), &newer, earlier), Err(NotConfirmed::Invalid));
    }

    #[test]
    fn a_token_of_another_key_is_refused() {
        let token = confirmation().token(&ring(OTHER)).expect("a token");
        assert_eq!(Confirmation::verify(&ring(BEFORE), &token, Time::from_secs(0)), Err(NotConfirmed::Invalid));
    }

    #[test]
    fn a_token_of_which_anything_is_altered_is_refused() {
        let (ring, then) = (ring(BEFORE), Time::from_secs(0));
        let token = confirmation().token(&ring).expect("a token");
        for at in 0..token.len() {
            let other = if &token[at..=at] == "A" { "B" } else { "A" };
            let altered = format!("{}{other}{}", &token[..at], &token[at + 1..]);
            assert_eq!(Confirmation::verify(&ring, &altered, then), Err(NotConfirmed::Invalid), "{at}");
            assert_eq!(Confirmation::verify(&ring, &token[..at], then), Err(NotConfirmed::Invalid), "{at}");
        }
        assert_eq!(Confirmation::verify(&ring, &format!("{token}A"), then), Err(NotConfirmed::Invalid));
        assert_eq!(key_name("\u{20ac}"), None);
    }
}
