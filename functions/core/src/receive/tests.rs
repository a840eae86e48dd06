//! The presets on what senders' own documentation and standards have signed, and the use case on ports in memory.

use serde_json::json;

use super::*;

/// A request that somebody else has signed.
struct Sample {
    preset: serde_json::Value,
    secret: &'static str,
    headers: Vec<(&'static str, String)>,
    body: &'static str,
    at: i64,
    accepted: Accepted,
}

impl Sample {
    fn verify(&self, headers: &[(&str, String)], body: &[u8], at: i64) -> Result<Accepted, Refused> {
        let preset: Preset = serde_json::from_value(self.preset.clone()).expect("a preset");
        assert_eq!(preset.check_secret(self.secret), Ok(()));
        let headers: Headers = headers.iter().map(|(name, value)| (*name, value)).collect();
        let request = Request { headers: &headers, body, now: Time::from_secs(at) };
        preset.verify(&["an other secret".to_owned(), self.secret.to_owned()], &request)
    }
}

/// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation>.
fn github() -> Sample {
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    Sample {
        preset: json!({"type": "github"}),
        secret: "It's a Secret to Everybody",
        headers: vec![
            ("X-Hub-Signature-256", signature.to_owned()),
            ("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958".to_owned()),
            ("X-GitHub-Event", "issues".to_owned()),
        ],
        body: "Hello, World!",
        at: 0,
        accepted: Accepted::event("72d3162e-cc78-11e3-81ab-4c9367dc0958", "issues"),
    }
}

/// The same, described: the generic preset knows what GitHub does.
fn described() -> Sample {
    let config = json!({
        "signatureHeader": "x-hub-signature-256", "prefix": "sha256=", "id": {"header": "x-github-delivery"},
        "eventType": {"header": "x-github-event"},
    });
    Sample { preset: json!({"type": "hmac", "config": config}), ..github() }
}

/// <https://docs.slack.dev/authentication/verifying-requests-from-slack>.
fn slack() -> Sample {
    let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    Sample {
        preset: json!({"type": "slack"}),
        secret: "8f742231b10e8888abcd99yyyzzz85a5",
        headers: vec![
            ("X-Slack-Signature", signature.to_owned()),
            ("X-Slack-Request-Timestamp", "1531420618".to_owned()),
            ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
        ],
        body: "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&\
               channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&\
               response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F\
               96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
        at: 1_531_420_618,
        accepted: Accepted::event(signature, "slash_command"),
    }
}

/// The vector of the specification's libraries.
fn standard_webhooks() -> Sample {
    Sample {
        preset: json!({"type": "standard-webhooks"}),
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        headers: vec![
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned()),
            ("webhook-timestamp", "1614265330".to_owned()),
            ("webhook-signature", "v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".to_owned()),
        ],
        body: r#"{"test": 2432232314}"#,
        at: 1_614_265_330,
        accepted: Accepted::Event { id: Some("msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned()), kind: None },
    }
}

/// RFC 7515, appendix A.3: it has an issuer and an end, and no id.
fn jwt() -> Sample {
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290\
                 Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    Sample {
        preset: json!({"type": "jwt", "config": {"algorithm": "ES256", "issuer": "joe", "eventType": {"claim": "iss"}}}),
        secret: r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        headers: vec![("Authorization", format!("Bearer {token}"))],
        body: "",
        at: 1_300_819_380,
        accepted: Accepted::Event { id: None, kind: Some("joe".to_owned()) },
    }
}

fn samples() -> Vec<Sample> {
    vec![github(), described(), slack(), standard_webhooks(), jwt()]
}

#[test]
fn what_the_senders_documentation_has_signed_is_accepted() {
    for sample in samples() {
        let verified = sample.verify(&sample.headers, sample.body.as_bytes(), sample.at);
        assert_eq!(verified, Ok(sample.accepted.clone()), "{}", sample.preset);
    }
}

#[test]
fn no_byte_of_the_body_or_the_signature_may_differ() {
    for sample in samples() {
        for at in 0..sample.body.len() {
            let mut body = sample.body.as_bytes().to_vec();
            body[at] ^= 1;
            let verified = sample.verify(&sample.headers, &body, sample.at);
            assert_eq!(verified, Err(Refused::BadSignature), "{} byte {at}", sample.preset);
        }
        let mut headers = sample.headers.clone();
        let signature = &mut headers.iter_mut().max_by_key(|(_, value)| value.len()).expect("a signature").1;
        let changed =
            if signature.contains("v1,") { "g0hM9SsE" } else { &signature[signature.len() - 9..signature.len() - 3] };
        let other: String = changed.chars().rev().collect();
        *signature = signature.replace(changed, &other);
        let verified = sample.verify(&headers, sample.body.as_bytes(), sample.at);
        assert_eq!(verified, Err(Refused::BadSignature), "{}", sample.preset);
    }
}

#[test]
fn what_is_well_signed_but_old_is_told_so_and_what_is_not_is_never_told_more() {
    for sample in [slack(), standard_webhooks(), jwt()] {
        for wrong in [sample.at + 301, if sample.preset["type"] == "jwt" { sample.at + 60 } else { sample.at - 301 }] {
            let verified = sample.verify(&sample.headers, sample.body.as_bytes(), wrong);
            assert_eq!(verified, Err(Refused::OutOfTime), "{}", sample.preset);
            let forged = sample.verify(&sample.headers[1..], sample.body.as_bytes(), wrong);
            assert_eq!(forged, Err(Refused::BadSignature), "{}", sample.preset);
        }
    }
}

#[test]
fn a_signature_that_was_sent_twice_is_none() {
    for sample in samples() {
        let mut headers = sample.headers.clone();
        headers.extend(sample.headers.clone());
        let verified = sample.verify(&headers, sample.body.as_bytes(), sample.at);
        assert_eq!(verified, Err(Refused::BadSignature), "{}", sample.preset);
        let joined: Vec<_> = sample.headers.iter().map(|(name, value)| (*name, format!("{value}, {value}"))).collect();
        let verified = sample.verify(&joined, sample.body.as_bytes(), sample.at);
        assert_eq!(verified, Err(Refused::BadSignature), "{}", sample.preset);
    }
}

#[test]
fn a_token_cannot_choose_its_algorithm() {
    use jsonwebtoken::{Algorithm, EncodingKey, Header};
    let public = jwt().secret;
    let claims = json!({"iss": "joe", "exp": 1_300_819_380});
    for algorithm in [Algorithm::HS256, Algorithm::HS512] {
        let key = EncodingKey::from_secret(public.as_bytes());
        let token = jsonwebtoken::encode(&Header::new(algorithm), &claims, &key).expect("a token");
        let headers = [("authorization", format!("Bearer {token}"))];
        assert_eq!(jwt().verify(&headers, b"", 1_300_819_380), Err(Refused::BadSignature));
    }
    // {"alg":"none"}
    let token = format!("eyJhbGciOiJub25lIn0.{}.", "eyJpc3MiOiJqb2UiLCJleHAiOjEzMDA4MTkzODB9");
    let headers = [("authorization", format!("Bearer {token}"))];
    assert_eq!(jwt().verify(&headers, b"", 1_300_819_380), Err(Refused::BadSignature));
}
