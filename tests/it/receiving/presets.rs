//! One table: every type of source, and what it makes of a good request, a bad one, an old one and a repeated one.

use super::*;

/// A sender: its script's name, the source, what it sends, and the event type that it becomes.
struct Case {
    sender: &'static str,
    source: Value,
    body: &'static str,
    event_type: &'static str,
    /// What is not signed may differ: then only the credential counts.
    signs_body: bool,
    repeats_are_known: bool,
}

fn case(sender: &'static str, source: Value, body: &'static str, event_type: &'static str) -> Case {
    Case { sender, source, body, event_type, signs_body: true, repeats_are_known: true }
}

fn jwt(sender: &'static str, algorithm: &str) -> Case {
    let config = json!({
        "algorithm": algorithm, "issuer": "acme", "audience": "postrider", "bodyDigestClaim": "request_body_sha256",
        "eventType": {"claim": "event"},
    });
    case(sender, json!({"type": "jwt", "config": config}), r#"{"order":  7}"#, "invoice.paid")
}

fn cases() -> Vec<Case> {
    let sha512 = json!({
        "signatureHeader": "x-acme-signature", "prefix": "v2=", "algorithm": "sha512", "encoding": "base64",
        "secretEncoding": "base64", "signedContent": "{id}|{timestamp}|{body}", "timestampHeader": "x-acme-time",
        "id": {"header": "x-acme-id"}, "eventType": {"pointer": "/what"},
    });
    let sha1 = json!({"signatureHeader": "x-legacy-signature", "algorithm": "sha1", "id": {"pointer": "/id"}});
    let shown = json!({"header": "x-api-key", "id": {"header": "x-event-id"}, "eventType": {"pointer": "/type"}});
    let named = json!({"type": "github", "eventTypePrefix": "code", "eventTypes": {"push": "code-was.pushed"}});
    vec![
        case("standard_webhooks", json!({"type": "standard-webhooks"}), r#"{"type": "user.created"}"#, "user.created"),
        case("standard_webhooks_public", json!({"type": "standard-webhooks"}), r#"{"type":"a.b"}"#, "a.b"),
        case("github", json!({"type": "github"}), r#"{"ref": "refs/heads/main",  "name": "größer"}"#, "github.push"),
        case("github", named, "payload=%7B%22ref%22%3A%22x%22%7D", "code-was.pushed"),
        case(
            "stripe",
            json!({"type": "stripe"}),
            r#"{"id":"evt_1","object":"event","type":"invoice.paid"}"#,
            "stripe.invoice.paid",
        ),
        case("shopify", json!({"type": "shopify"}), r#"{"id":820982911946154508}"#, "shopify.orders.create"),
        case(
            "slack",
            json!({"type": "slack"}),
            r#"{"type":"event_callback","event_id":"Ev1","event":{"type":"app_mention"}}"#,
            "slack.app_mention",
        ),
        case("slack_form", json!({"type": "slack"}), "command=%2Fdeploy&text=now", "slack.slash_command"),
        case(
            "slack_form",
            json!({"type": "slack"}),
            "payload=%7B%22type%22%3A%22block_actions%22%7D",
            "slack.block_actions",
        ),
        case("hmac_sha512", json!({"type": "hmac", "config": sha512}), r#"{"what":"a/b"}"#, "a.b"),
        case("hmac_sha1", json!({"type": "hmac", "config": sha1}), r#"{"id": 17}"#, "event"),
        Case {
            signs_body: false,
            ..case("api_key", json!({"type": "api-key", "config": shown}), r#"{"type":"x"}"#, "x")
        },
        Case {
            signs_body: false,
            repeats_are_known: false,
            ..case("basic", json!({"type": "api-key", "config": {"username": "acme"}}), "[1, 2]", "event")
        },
        jwt("jwt_hs256", "HS256"),
        jwt("jwt_rs256", "RS256"),
        jwt("jwt_es256", "ES256"),
        jwt("jwt_eddsa", "EdDSA"),
    ]
}

/// The bytes of a header or a body with one of them changed.
fn changed(text: &str, at: usize) -> String {
    let other = if text.as_bytes()[at] == b'1' { "2" } else { "1" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

/// The headers, with one byte of the credential changed: of the longest, in its middle.
fn forged(headers: &[(String, String)]) -> Vec<(String, String)> {
    let longest = headers.iter().map(|(_, value)| value.len()).max().unwrap_or_default();
    let forge = |(name, value): &(String, String)| {
        let value = if value.len() == longest { changed(value, longest - 6) } else { value.clone() };
        (name.clone(), value)
    };
    headers.iter().map(forge).collect()
}

/// Everything that must be refused, and nothing of it is stored.
async fn refuses(stack: &Stack, tenant: &Tenant, path: &str, case: &Case, signed: &Signed) -> Result<()> {
    let body = case.body.as_bytes();
    let other = changed(case.body, case.body.len() - 3).into_bytes();
    let credential = signed.headers.iter().map(|(_, value)| value.len()).max();
    let without: Vec<_> = signed.headers.iter().filter(|(_, value)| Some(value.len()) != credential).cloned().collect();
    let mut requests =
        vec![(forged(&signed.headers), body, 401, "bad_signature"), (without, body, 401, "bad_signature")];
    if case.signs_body {
        requests.push((signed.headers.clone(), &other, 401, "bad_signature"));
    }
    if let Some(stale) = &signed.stale {
        requests.push((stale.clone(), body, 400, "out_of_time"));
        requests.push((forged(stale), body, 401, "bad_signature"));
    }
    for (headers, body, status, code) in requests {
        let reply = send(stack, Method::POST, path, &headers, body).await?;
        ensure!(reply.status == status, "{}: {status} {code} expected: {}", case.sender, reply.text);
        reply.assert_refused(status, code);
    }
    ensure!(stored(tenant).await? == 0, "{}: something was stored", case.sender);
    Ok(())
}

/// What is good arrives as a message, and a second time only where nothing tells that it is the same.
async fn accepts(stack: &Stack, tenant: &Tenant, path: &str, case: &Case, signed: &Signed) -> Result<()> {
    let endpoint = tenant.endpoint("/hook").await?;
    let mut answers = Vec::new();
    for _ in 0..3 {
        let reply = send(stack, Method::POST, path, &signed.headers, case.body.as_bytes()).await?;
        ensure!(reply.status == 200, "{}: {} {}", case.sender, reply.status, reply.text);
        answers.push(reply.text);
    }
    let once = if case.repeats_are_known { 1 } else { answers.len() };
    let received = tenant.receiver.wait_for("/hook", once, PATIENCE).await?;
    verify(&tenant.secret(&endpoint.id).await?, &received[0])?;
    ensure!(received[0].body == case.body, "{}: {:?}", case.sender, received[0].body);
    ensure!(received[0].header("webhook-event-type") == Some(case.event_type), "{}: {:?}", case.sender, received[0]);
    ensure!(stored(tenant).await? == once, "{}: published more than once", case.sender);
    answers.dedup();
    ensure!(answers.len() == once, "{}: {answers:?}", case.sender);
    ensure!(answers[0].is_empty() == case.sender.starts_with("slack"), "{}: {answers:?}", case.sender);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_takes_in_once_what_its_sender_has_signed_and_refuses_what_differs_or_is_old() -> Result<()> {
    let stack = world().main().await?;
    let cases = cases();
    let wanted: Vec<_> = cases.iter().map(|case| (case.sender, case.body)).collect();
    for (case, signed) in cases.iter().zip(sign(&wanted).await?) {
        let tenant = stack.tenant("preset").await?;
        let path = source(&tenant, case.source.clone(), &signed.secret).await?;
        refuses(&stack, &tenant, &path, case, &signed).await?;
        accepts(&stack, &tenant, &path, case, &signed).await?;
        let old = if signed.stale.is_some() { "400 when old" } else { "signs no time" };
        println!("{:26} {:22} 401 with a byte changed, {old}, published once", case.sender, case.event_type);
    }
    Ok(())
}
