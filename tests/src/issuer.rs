//! An issuer of access tokens: its keys on a server of its own, and tokens signed with them, without the library that
//! Postrider checks them with.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, anyhow};
use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use postrider_local::{Receiver, Reply};
use serde_json::{Value, json};

/// Where its keys are.
const KEYS: &str = "/issuer/keys";

/// An issuer whose server answers until this is dropped.
pub struct Issuer {
    receiver: Receiver,
    published: Arc<Mutex<Vec<Value>>>,
}

/// A key with its name.
pub struct Signer {
    /// `kid`.
    pub name: String,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Issuer {
    /// An issuer without keys.
    pub fn start() -> Result<Self> {
        let issuer = Self { receiver: Receiver::start()?, published: Arc::default() };
        let metadata = json!({"issuer": issuer.url(), "jwks_uri": issuer.receiver.url(KEYS)}).to_string();
        issuer
            .receiver
            .on("/issuer/.well-known/openid-configuration", move |_, _| Reply::status(200).body(metadata.clone()));
        let published = Arc::clone(&issuer.published);
        issuer.receiver.on(KEYS, move |_, _| {
            let keys = published.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Reply::status(200).body(json!({ "keys": keys }).to_string())
        });
        Ok(issuer)
    }

    /// Its `iss`.
    pub fn url(&self) -> String {
        self.receiver.url("/issuer")
    }

    /// Publishes these keys in place of those before.
    pub fn publish(&self, signers: &[&Signer]) {
        let keys = signers.iter().map(|signer| signer.jwk()).collect();
        *self.published.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// How often its keys were asked for.
    pub fn asked(&self) -> usize {
        self.receiver.received(KEYS).len()
    }
}

impl Signer {
    /// An RSA key of 2048 bits, for RS256.
    pub fn rsa(name: &str) -> Result<Self> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("no RSA key"))?;
        Ok(Self { name: name.to_owned(), pair: Pair::Rsa(pair) })
    }

    /// A key on the curve P-256, for ES256.
    pub fn ec(name: &str) -> Result<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| anyhow!("no EC key"))?;
        Ok(Self { name: name.to_owned(), pair: Pair::Ec(pair) })
    }

    /// An Ed25519 key, for `EdDSA`.
    pub fn ed(name: &str) -> Result<Self> {
        let pair = Ed25519KeyPair::generate().map_err(|_| anyhow!("no Ed25519 key"))?;
        Ok(Self { name: name.to_owned(), pair: Pair::Ed(pair) })
    }

    /// The algorithm that it signs with.
    pub fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::Ec(_) => "ES256",
            Pair::Ed(_) => "EdDSA",
        }
    }

    /// Its public half (RFC 7517).
    pub fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
                json!({"kty": "RSA", "use": "sig", "n": text(n), "e": text(e)})
            }
            Pair::Ec(pair) => {
                // 4, then both coordinates.
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..])})
            }
            Pair::Ed(pair) => json!({"kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref())}),
        };
        jwk["kid"] = json!(self.name);
        jwk
    }

    /// A token with these claims.
    pub fn token(&self, claims: &Value) -> Result<String> {
        self.token_with(&json!({"alg": self.algorithm(), "kid": self.name, "typ": "at+jwt"}), claims)
    }

    /// A token with this header, whatever it says.
    pub fn token_with(&self, head: &Value, claims: &Value) -> Result<String> {
        let text = unsigned(head, claims);
        let signature = self.sign(text.as_bytes()).context("signing a token")?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// A token of the algorithm HS256, with the public half as its secret.
    pub fn confused(&self, claims: &Value) -> String {
        let text = unsigned(&json!({"alg": "HS256", "kid": self.name}), claims);
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.jwk().to_string().as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes())))
    }

    fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature).ok()?;
                Some(signature)
            }
            Pair::Ec(pair) => Some(pair.sign(&random, text).ok()?.as_ref().to_vec()),
            Pair::Ed(pair) => Some(pair.sign(text).as_ref().to_vec()),
        }
    }
}

fn unsigned(head: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(head), part(claims))
}
