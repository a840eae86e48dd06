//! Signatures of Standard Webhooks 1.0.0: `v1`, HMAC-SHA256 over `{id}.{timestamp}.{body}`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{ids::MessageId, secret::SigningSecret, time::Time};

/// The `webhook-signature` header: one signature a secret, in their order, with single spaces between.
pub fn signatures(secrets: &[SigningSecret], id: &str, timestamp: i64, body: &[u8]) -> String {
    let mut header = String::with_capacity(secrets.len() * 48);
    for secret in secrets {
        if !header.is_empty() {
            header.push(' ');
        }
        header.push_str("v1,");
        STANDARD.encode_string(digest(secret, id, timestamp, body), &mut header);
    }
    header
}

fn digest(secret: &SigningSecret, id: &str, timestamp: i64, body: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.bytes()) else { return [0; 32] };
    mac.update(id.as_bytes());
    mac.update(b".");
    mac.update(timestamp.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

/// The three headers that every delivery carries. The id is the message's, the time is this attempt's.
pub fn headers(secrets: &[SigningSecret], message: MessageId, at: Time, body: &[u8]) -> [(&'static str, String); 3] {
    let (id, timestamp) = (message.to_string(), at.secs());
    let signature = signatures(secrets, &id, timestamp, body);
    [("webhook-id", id), ("webhook-timestamp", timestamp.to_string()), ("webhook-signature", signature)]
}

#[cfg(test)]
mod tests {
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
}
