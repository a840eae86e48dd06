//! Tokens that are signed here without the library that checks them.

use std::{
    sync::{Mutex, atomic::AtomicUsize, atomic::Ordering},
    time::Duration,
};

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
        Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use super::*;
use crate::{
    access::Door,
    keyring::Keyring,
    memory::Memory,
    outbound::{Fault, Unfetched},
    token::Scope,
};

const ISSUER: &str = "https://id.example/tenant";
const NOW: Time = Time::from_secs(1_800_000_000);

enum Signer {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair, &'static str, usize),
    Ed(Ed25519KeyPair),
}

impl Signer {
    fn rsa(encoding: &'static dyn RsaEncoding) -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"), encoding)
    }

    fn ec(algorithm: &'static EcdsaSigningAlgorithm, curve: &'static str, size: usize) -> Self {
        Self::Ec(EcdsaKeyPair::generate(algorithm).expect("a key"), curve, size)
    }

    fn ed() -> Self {
        Self::Ed(Ed25519KeyPair::generate().expect("a key"))
    }

    fn jwk(&self, kid: &str) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa(pair, _) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                json!({"kty": "RSA", "kid": kid, "use": "sig", "n": text(n.big_endian_without_leading_zero()), "e": text(e.big_endian_without_leading_zero())})
            }
            Self::Ec(pair, curve, size) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": curve, "kid": kid, "x": text(&point[1..=*size]), "y": text(&point[size + 1..])})
            }
            Self::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": text(pair.public_key().as_ref())})
            }
        }
    }

    fn sign(&self, text: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, text, &mut signature).expect("signs");
                signature
            }
            Self::Ec(pair, ..) => pair.sign(&random, text).expect("signs").as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(text).as_ref().to_vec(),
        }
    }

    fn token(&self, head: &Value, claims: &Value) -> String {
        signed(head, claims, |text| self.sign(text))
    }
}

fn signed(head: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(head), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(text.as_bytes()));
    format!("{text}.{signature}")
}

fn head(alg: &str) -> Value {
    json!({"alg": alg, "kid": "a", "typ": "at+jwt"})
}

/// Good claims, with others in their place.
fn claims(others: Value) -> Value {
    let now = NOW.secs();
    let mut all = json!({
        "iss": ISSUER, "aud": ["other", "postrider"], "sub": "client-1", "iat": now, "exp": now + 600,
        "org": "org_a", "scope": "openid postrider:read postrider:publish",
    });
    let Value::Object(others) = others else { panic!("no object") };
    for (name, value) in others {
        all[name] = value;
    }
    all
}

/// Publishes keys, and counts how often they are asked for.
#[derive(Default)]
struct Published {
    keys: Mutex<Vec<Value>>,
    is_away: Mutex<bool>,
    other_issuer: bool,
    asked: AtomicUsize,
}

impl Fetcher for &Published {
    async fn fetch(&self, url: &str, _limit: usize, _timeout: Duration) -> Result<String, Unfetched> {
        if *self.is_away.lock().expect("lock") {
            return Err(Fault::Connect.into());
        }
        let metadata = format!("{ISSUER}/.well-known/openid-configuration");
        if url == metadata {
            let issuer = if self.other_issuer { "https://evil.example" } else { ISSUER };
            return Ok(json!({"issuer": issuer, "jwks_uri": "https://keys.example/jwks"}).to_string());
        }
        assert_eq!(url, "https://keys.example/jwks");
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(json!({"keys": *self.keys.lock().expect("lock")}).to_string())
    }
}

impl Published {
    fn of(keys: &[Value]) -> Self {
        Self { keys: Mutex::new(keys.to_vec()), ..Self::default() }
    }

    fn door(&self) -> Door<&Self> {
        Door::new(Some(Issuer::new(trust(), self)))
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

fn trust() -> Trust {
    Trust {
        issuer: ISSUER.to_owned(),
        audience: "postrider".to_owned(),
        organization: Organization::Claim("org".to_owned()),
        application_claim: Some("app".to_owned()),
        scope_prefix: "postrider:".to_owned(),
    }
}

async fn admit(door: &Door<&Published>, token: &str, now: Time) -> Result<Caller, u16> {
    let ring = Keyring::parse(r#"{"current":"a","a":"0123456789abcdef0123456789abcdef"}"#).expect("keyring");
    door.admit(&ring, &Memory::default(), token, now).await.map_err(|problem| problem.status())
}

#[tokio::test]
async fn tokens_of_every_kind_of_key_are_let_in() {
    for (alg, signer) in [
        ("RS256", Signer::rsa(&RSA_PKCS1_SHA256)),
        ("PS512", Signer::rsa(&RSA_PSS_SHA512)),
        ("ES256", Signer::ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256", 32)),
        ("ES384", Signer::ec(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384", 48)),
        ("EdDSA", Signer::ed()),
    ] {
        let published = Published::of(&[json!({"kty": "what", "kid": "a"}), signer.jwk("b"), signer.jwk("a")]);
        let caller = admit(&published.door(), &signer.token(&head(alg), &claims(json!({}))), NOW).await;
        let caller = caller.unwrap_or_else(|status| panic!("{alg}: {status}"));
        assert_eq!((caller.org.as_str(), caller.app), ("org_a", None));
        assert_eq!(caller.scopes, [Scope::Read, Scope::Publish].into_iter().collect());
        let credential = caller.token.expect("a credential");
        assert_eq!((credential.subject.as_deref(), credential.id.len()), (Some("client-1"), 32));
    }
}

#[tokio::test]
async fn claims_decide() {
    let signer = Signer::ed();
    let published = Published::of(&[signer.jwk("a")]);
    let door = published.door();
    let now = NOW.secs();
    for (others, status) in [
        (json!({}), 200),
        (json!({"aud": "postrider"}), 200),
        (json!({"exp": now - 30}), 200),
        (json!({"nbf": now + 30}), 200),
        (json!({"exp": f64::from(1_800_000_100_u32) + 0.5}), 200),
        (json!({"scope": null, "scp": ["postrider:manage"]}), 200),
        (json!({"app": "app_2tAbcdefghijklmnopqrstuvwxy"}), 200),
        (json!({"iss": "https://id.example/tenant/"}), 401),
        (json!({"aud": "other"}), 401),
        (json!({"aud": []}), 401),
        (json!({"aud": null}), 401),
        (json!({"exp": now - 61}), 401),
        (json!({"exp": null}), 401),
        (json!({"exp": "soon"}), 401),
        (json!({"nbf": now + 61}), 401),
        (json!({"sub": null}), 401),
        (json!({"org": null}), 401),
        (json!({"org": "acme"}), 401),
        (json!({"app": "acme"}), 401),
        (json!({"app": null}), 401),
        (json!({"cnf": {"jkt": "x"}}), 401),
    ] {
        let text = others.to_string();
        let result = admit(&door, &signer.token(&head("EdDSA"), &claims(others)), NOW).await;
        assert_eq!(result.as_ref().map_or_else(|status| *status, |_| 200), status, "{text}");
    }
    let scp = claims(json!({"scope": "read postriderXread", "scp": "postrider:manage"}));
    let caller = admit(&door, &signer.token(&head("EdDSA"), &scp), NOW).await.expect("a caller");
    assert_eq!(caller.scopes, [Scope::Manage].into_iter().collect());
    let none = admit(&door, &signer.token(&head("EdDSA"), &claims(json!({"scope": "read"}))), NOW).await;
    assert_eq!(none.map(|caller| caller.scopes), Ok(Scopes::read("")));
}

#[tokio::test]
async fn no_token_chooses_how_it_is_checked() {
    let (rsa, ed) = (Signer::rsa(&RSA_PKCS1_SHA256), Signer::ed());
    let published = Published::of(&[rsa.jwk("a"), ed.jwk("b"), json!({"kty": "oct", "kid": "c", "k": "c2VjcmV0"})]);
    let door = published.door();
    let good = claims(json!({}));
    // The public key as a secret, in each of the forms that a library might take it in.
    let jwk = rsa.jwk("a");
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().expect("n")).expect("base64");
    let hs256 = |head: Value, key: &[u8]| {
        signed(&head, &good, |text| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec())
    };
    let with = |name: &str, value: Value| {
        let mut head = head("RS256");
        head[name] = value;
        rsa.token(&head, &good)
    };
    let real = rsa.token(&head("RS256"), &good);
    assert!(admit(&door, &real, NOW).await.is_ok());
    let (text, signature) = real.rsplit_once('.').expect("three parts");
    for (why, token) in [
        ("HS256 with the modulus", hs256(head("HS256"), &modulus)),
        ("HS256 with the JWK", hs256(head("HS256"), jwk.to_string().as_bytes())),
        ("HS256 with a published secret", hs256(json!({"alg": "HS256", "kid": "c"}), b"secret")),
        ("none", signed(&head("none"), &good, |_| Vec::new())),
        ("none with a signature", {
            let (_, payload) = text.split_once('.').expect("two parts");
            format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode(head("none").to_string()))
        }),
        ("an algorithm of another kind of key", rsa.token(&head("EdDSA"), &good)),
        ("another kind of key", ed.token(&head("EdDSA"), &good)),
        ("another algorithm of the same key", rsa.token(&head("PS256"), &good)),
        ("an unknown key", with("kid", json!("z"))),
        ("no key named, of several", with("kid", Value::Null)),
        ("another type", with("typ", json!("logout+jwt"))),
        ("something critical", with("crit", json!(["exp"]))),
        ("without its signature", format!("{text}.")),
        ("five parts", format!("{real}.a.b")),
    ] {
        assert_eq!(admit(&door, &token, NOW).await.map(drop), Err(401), "{why}");
    }
    for typ in ["JWT", "application/at+jwt"] {
        assert!(admit(&door, &with("typ", json!(typ)), NOW).await.is_ok(), "{typ}");
    }
}

#[tokio::test]
async fn a_new_key_is_found_and_made_up_ones_do_not_hammer_the_issuer() {
    let (old, new) = (Signer::ed(), Signer::ed());
    let published = Published::of(&[old.jwk("a")]);
    let door = published.door();
    let of_old = old.token(&head("EdDSA"), &claims(json!({"exp": NOW.secs() + 90_000})));
    let new_head = json!({"alg": "EdDSA", "kid": "b"});
    let of_new = new.token(&new_head, &claims(json!({"exp": NOW.secs() + 90_000})));
    assert!(admit(&door, &of_old, NOW).await.is_ok());
    *published.keys.lock().expect("lock") = vec![new.jwk("b")];
    let at = |secs| NOW.plus(Duration::from_secs(secs));
    for secs in 0..30 {
        assert_eq!(admit(&door, &of_new, at(secs)).await.map(drop), Err(401));
    }
    assert_eq!(published.asked(), 1);
    assert!(admit(&door, &of_new, at(30)).await.is_ok());
    assert_eq!((admit(&door, &of_old, at(31)).await.map(drop), published.asked()), (Err(401), 2));
    // The issuer is away: its keys go on for a day.
    *published.is_away.lock().expect("lock") = true;
    assert!(admit(&door, &of_new, at(86_000)).await.is_ok());
    assert_eq!(admit(&door, &of_new, at(86_500)).await.map(drop), Err(503));
    assert_eq!(admit(&door, &of_new, at(86_501)).await.map(drop), Err(503));
    *published.is_away.lock().expect("lock") = false;
    assert!(admit(&door, &of_new, at(86_600)).await.is_ok());
}

#[tokio::test]
async fn without_the_issuers_keys_nobody_is_let_in_and_nothing_is_the_callers_fault() {
    let signer = Signer::ed();
    let token = signer.token(&head("EdDSA"), &claims(json!({})));
    let published = Published { other_issuer: true, ..Published::of(&[signer.jwk("a")]) };
    assert_eq!(admit(&published.door(), &token, NOW).await.map(drop), Err(503));
    let foreign = signer.token(&head("EdDSA"), &claims(json!({"iss": "https://evil.example"})));
    assert_eq!(admit(&published.door(), &foreign, NOW).await.map(drop), Err(401));
    assert_eq!(published.asked(), 0);
    let none: Door<&Published> = Door::new(None);
    assert_eq!(admit(&none, &token, NOW).await.map(drop), Err(401));
}
