//! Signatures of Standard Webhooks 1.0.0 over `{id}.{timestamp}.{body}`: `v1` is HMAC-SHA256, `v1a` is Ed25519.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{secret::SigningSecret, time::Time};

/// The `webhook-signature` header: one signature a secret, in their order, with single spaces between.
pub fn signatures(secrets: &[SigningSecret], id: &str, timestamp: i64, body: &[u8]) -> String {
    let prefix = format!("{id}.{timestamp}.");
    let all: Vec<String> = secrets.iter().map(|secret| signature(secret, prefix.as_bytes(), body)).collect();
    all.join(" ")
}

fn signature(secret: &SigningSecret, prefix: &[u8], body: &[u8]) -> String {
    if let Some(pair) = secret.pair() {
        format!("v1a,{}", STANDARD.encode(pair.sign(&[prefix, body].concat())))
    } else {
        format!("v1,{}", STANDARD.encode(digest(secret, prefix, body)))
    }
}

fn digest(secret: &SigningSecret, prefix: &[u8], body: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.bytes()) else { return [0; 32] };
    mac.update(prefix);
    mac.update(body);
    mac.finalize().into_bytes().into()
}

/// The three headers that every delivery carries. The id is the message's (or the batch's), the time is this attempt's.
pub fn headers(secrets: &[SigningSecret], id: &str, at: Time, body: &[u8]) -> [(&'static str, String); 3] {
    let timestamp = at.secs();
    let signature = signatures(secrets, id, timestamp, body);
    [("webhook-id", id.to_owned()), ("webhook-timestamp", timestamp.to_string()), ("webhook-signature", signature)]
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signature, VerifyingKey};

    use super::*;

    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn signs_the_published_vector() {
        let secret = SECRET.parse().expect("a legal secret");
        let header = signatures(&[secret], ID, 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(header, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn another_implementation_verifies_each_secret_of_a_rotation() {
        let texts = [SECRET.to_owned(), SigningSecret::generate([7; 24]).reveal()];
        let secrets: Vec<SigningSecret> = texts.iter().map(|text| text.parse().expect("a legal secret")).collect();
        let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs().cast_signed();
        let body = br#"{"a":1}"#;
        let header = signatures(&secrets, ID, now, body);
        assert_eq!(header.split(' ').count(), 2);
        for text in texts {
            let headers = [("webhook-id", ID), ("webhook-timestamp", &now.to_string()), ("webhook-signature", &header)];
            let map =
                headers.iter().map(|(k, v)| ((*k).parse().expect("a name"), v.parse().expect("a value"))).collect();
            let webhook = standardwebhooks::Webhook::new(&text).expect("a legal secret");
            webhook.verify(body, &map).expect("verifies");
            webhook.verify(br#"{"a":2}"#, &map).expect_err("another body does not verify");
        }
    }
    /// The `v1a` signature, verified as its specification says with an implementation that has not made it.
    fn verifies(whpk: &str, signature: &str, content: &[u8]) -> bool {
        let decode = |text: &str| STANDARD.decode(text).expect("base64");
        let public = decode(whpk.strip_prefix("whpk_").expect("a public key"));
        let signature = decode(signature.strip_prefix("v1a,").expect("an asymmetric signature"));
        let key = VerifyingKey::from_bytes(&public.try_into().expect("32 bytes")).expect("a point");
        key.verify_strict(content, &Signature::from_slice(&signature).expect("64 bytes")).is_ok()
    }

    #[test]
    fn another_implementation_verifies_the_signature_of_an_asymmetric_key() {
        let secret = SigningSecret::generate_asymmetric([9; 32]);
        let header = signatures(std::slice::from_ref(&secret), ID, 1_614_265_330, b"{\"a\":1}");
        let signed = format!("{ID}.1614265330.{{\"a\":1}}");
        assert!(verifies(&secret.reveal(), &header, signed.as_bytes()));
        assert!(!verifies(&secret.reveal(), &header, signed.replace("1}", "2}").as_bytes()));
        assert!(!verifies(&SigningSecret::generate_asymmetric([8; 32]).reveal(), &header, signed.as_bytes()));
    }

    #[test]
    fn a_rotation_between_kinds_signs_with_both() {
        let asymmetric = SigningSecret::generate_asymmetric([9; 32]);
        let header = signatures(&[asymmetric.clone(), SECRET.parse().expect("a legal secret")], ID, 7, b"{}");
        let (first, second) = header.split_once(' ').expect("two signatures");
        assert!(verifies(&asymmetric.reveal(), first, format!("{ID}.7.{{}}").as_bytes()));
        assert!(second.starts_with("v1,"));
    }
}
