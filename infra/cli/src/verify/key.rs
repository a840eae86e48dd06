//! What a receiver verifies with.

use std::{fmt, str::FromStr};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use postrider_core::{secret::SigningSecret, sign};

/// An endpoint's secret as its owner has it. Never shown.
#[derive(Clone)]
pub(crate) struct Key {
    text: String,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    /// `whsec_` (and `whsk_`): signing anew must give the same.
    Secret(SigningSecret),
    /// `whpk_`.
    Public([u8; 32]),
}

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signed<'a> {
    pub(crate) id: &'a str,
    pub(crate) timestamp: i64,
    pub(crate) body: &'a [u8],
}

impl Key {
    /// `v1` or `v1a`.
    pub(crate) fn version(&self) -> &'static str {
        if self.text.starts_with("whsec_") { "v1" } else { "v1a" }
    }

    /// Whether one of the header's signatures is this key's.
    pub(crate) fn has_signed(&self, signed: Signed<'_>, header: &str) -> bool {
        let mut all = header.split(' ');
        match &self.kind {
            Kind::Secret(secret) => {
                let Signed { id, timestamp, body } = signed;
                let expected = sign::signatures(std::slice::from_ref(secret), id, timestamp, body);
                all.any(|signature| signature == expected)
            }
            Kind::Public(public) => {
                let content = [format!("{}.{}.", signed.id, signed.timestamp).as_bytes(), signed.body].concat();
                all.filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1a,")?).ok())
                    .any(|signature| UnparsedPublicKey::new(&ED25519, public).verify(&content, &signature).is_ok())
            }
        }
    }

    /// Keys that somebody has signed with who misread this one's text: its bytes without decoding them.
    pub(crate) fn misread(&self) -> Vec<Self> {
        let texts = [self.text.as_str(), self.text.strip_prefix("whsec_").unwrap_or_default()];
        let secrets = texts.into_iter().filter_map(|text| SigningSecret::from_bytes(text.into()).ok());
        let is_symmetric = self.version() == "v1";
        secrets
            .filter(|_| is_symmetric)
            .map(|secret| Self { text: self.text.clone(), kind: Kind::Secret(secret) })
            .collect()
    }

    pub(crate) fn is(&self, text: &str) -> bool {
        self.text == text
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let kind = match text.strip_prefix("whpk_") {
            Some(encoded) => {
                let bytes = STANDARD.decode(encoded).map_err(|_| "whpk_ is followed by padded standard base64")?;
                Kind::Public(bytes.try_into().map_err(|_| "a public key has 32 bytes")?)
            }
            None => Kind::Secret(text.parse().map_err(|error| format!("a secret {error}"))?),
        };
        Ok(Self { text: text.to_owned(), kind })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}
