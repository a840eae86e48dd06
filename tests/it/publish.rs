//! Publishing and what arrives.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use postrider_local::Received;
use postrider_tests::{PATIENCE, Tenant, eventually, verify, world};
use serde_json::json;
use svix::models::{
    ApplicationIn, ApplicationPatch, EndpointHeadersIn, EndpointIn, EndpointPatch, EventTypeIn, MessageIn,
    MessageStatus,
};

#[tokio::test]
async fn a_published_event_arrives_signed_and_is_recorded() -> Result<()> {
    let tenant = world().main().await?.tenant("publish").await?;
    let endpoint = tenant.endpoint("/hook").await?;
    let message = tenant.publish("invoice.paid", json!({"total": 2000})).await?;
    let received = tenant.receiver.wait_for("/hook", 1, PATIENCE).await?;
    verify(&tenant.secret(&endpoint.id).await?, &received[0])?;
    assert_eq!(received[0].header("webhook-id"), Some(message.id.as_str()));
    let attempts = tenant.attempted(&message.id, 1).await?;
    assert_eq!((attempts.len(), attempts[0].response_status_code), (1, 200));
    Ok(())
}

fn set(names: &[&str]) -> Option<BTreeSet<String>> {
    (!names.is_empty()).then(|| names.iter().map(|name| (*name).to_owned()).collect())
}

/// An endpoint at `/<name>` with that uid, for these event types and channels.
async fn subscribe(tenant: &Tenant, name: &str, types: &[&str], channels: &[&str], disabled: bool) -> Result<String> {
    let endpoint = EndpointIn {
        uid: Some(name.to_owned()),
        event_types: set(types),
        channels: set(channels),
        disabled: Some(disabled),
        ..EndpointIn::new(tenant.receiver.url(&format!("/{name}")))
    };
    Ok(tenant.endpoint_with(endpoint).await?.id)
}

/// The uids of the endpoints a message is for, with how far it is there.
async fn destinations(tenant: &Tenant, message: &str) -> Result<BTreeMap<String, MessageStatus>> {
    let list = tenant.svix.message_attempt();
    let list = list.list_attempted_destinations(tenant.app.clone(), message.to_owned(), None).await?;
    Ok(list.data.into_iter().map(|endpoint| (endpoint.uid.unwrap_or_default(), endpoint.status)).collect())
}

/// The messages that have come to a path, each of them once.
fn arrived(tenant: &Tenant, path: &str) -> BTreeSet<String> {
    let received = tenant.receiver.received(path);
    let ids: BTreeSet<_> = received.iter().filter_map(|request| request.header("webhook-id")).collect();
    assert_eq!(ids.len(), received.len(), "something came twice to {path}");
    ids.into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn an_event_goes_to_the_enabled_endpoints_that_want_its_type_and_its_channels() -> Result<()> {
    let tenant = world().main().await?.tenant("fan-out").await?;
    for name in ["invoice.paid", "invoice.sent"] {
        tenant.svix.event_type().create(EventTypeIn::new(name.to_owned(), String::new()), None).await?;
    }
    subscribe(&tenant, "all", &[], &[], false).await?;
    subscribe(&tenant, "paid", &["invoice.paid"], &[], false).await?;
    subscribe(&tenant, "red", &[], &["red", "pink"], false).await?;
    subscribe(&tenant, "paid-and-red", &["invoice.paid"], &["red"], false).await?;
    subscribe(&tenant, "off", &["invoice.paid"], &[], true).await?;
    let events: [(&str, &[&str], &[&str]); 5] = [
        ("invoice.paid", &[], &["all", "paid", "off"]),
        ("invoice.sent", &["red", "blue"], &["all", "red"]),
        ("invoice.sent", &["blue"], &["all"]),
        ("invoice.unknown", &["pink"], &["all", "red"]),
        ("invoice.paid", &["red"], &["all", "paid", "red", "paid-and-red", "off"]),
    ];
    let mut expected: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (event_type, channels, wanted) in events {
        let message = MessageIn { channels: set(channels), ..MessageIn::new(event_type.to_owned(), json!({})) };
        let message = tenant.publish_with(message).await?;
        let names: BTreeSet<_> = destinations(&tenant, &message.id).await?.into_keys().collect();
        assert_eq!(Some(names), set(wanted), "{event_type} {channels:?}");
        for name in wanted.iter().filter(|name| **name != "off") {
            expected.entry(*name).or_default().insert(message.id.clone());
        }
    }
    for (name, messages) in expected {
        let path = format!("/{name}");
        tenant.receiver.wait_for(&path, messages.len(), PATIENCE).await?;
        assert_eq!(arrived(&tenant, &path), messages, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_published_while_an_endpoint_is_disabled_is_held_and_what_comes_later_is_sent() -> Result<()> {
    let tenant = world().main().await?.tenant("disabled").await?;
    let off = subscribe(&tenant, "off", &[], &[], true).await?;
    let held = tenant.publish("a", json!({})).await?;
    let enable = EndpointPatch { disabled: Some(false), ..EndpointPatch::new() };
    tenant.svix.endpoint().patch(tenant.app.clone(), off, enable).await?;
    let sent = tenant.publish("a", json!({})).await?;
    tenant.attempted(&sent.id, 1).await?;
    assert_eq!(arrived(&tenant, "/off"), BTreeSet::from([sent.id.clone()]));
    assert_eq!(destinations(&tenant, &held.id).await?, BTreeMap::from([("off".to_owned(), MessageStatus::Pending)]));
    assert_eq!(destinations(&tenant, &sent.id).await?, BTreeMap::from([("off".to_owned(), MessageStatus::Success)]));
    Ok(())
}

/// Publishes a payload as it is; gives the message's id.
async fn publish_raw(tenant: &Tenant, payload: &str) -> Result<String> {
    let body = format!(r#"{{ "payload" : {payload} , "eventType" : "raw" }}"#);
    // Without content: not every JSON text is one that our parser here reads.
    let reply = tenant.api.post_raw(&format!("/app/{}/msg?with_content=false", tenant.app), &[], body).await?;
    anyhow::ensure!(reply.status == 202, "{payload:.80}: {}", reply.text);
    Ok(reply.json()["id"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn payloads_arrive_byte_for_byte_as_they_were_published() -> Result<()> {
    let tenant = world().main().await?.tenant("bytes").await?;
    let endpoint = tenant.endpoint("/hook").await?;
    let payloads = [
        "{}".to_owned(),
        "{\n}".to_owned(),
        "{ \"z\" :\t1,\r\n\n \"a\"  :[ 1 ,2 ] }".to_owned(),
        r#"{"n":[1.0,1.10,1e5,1E+05,-0,-0.0,0.1e-7,123456789012345678901234567890,1e999]}"#.to_owned(),
        r#"{"a":1,"b":2,"a":3,"\u0061":{"a":1,"a":1}}"#.to_owned(),
        r#"{"s":"\u00e9\ud83d\ude00\/\"\\\b\f\n\u0000\uffff\ud800"}"#.to_owned(),
        "{\"é😀\u{ffff}\u{fffe}\u{7f}\u{85}\u{2028}\u{feff}\u{10ffff}\":\"\u{ffff}\"}".to_owned(),
        r#"{"html":"<a href='x'>&amp;</a>","then":"]]>","percent":"%00%FF","plus":"a+b"}"#.to_owned(),
        format!("{}1{}", "{\"a\":".repeat(500), "}".repeat(500)),
    ];
    let mut expected = BTreeMap::new();
    for payload in payloads {
        expected.insert(publish_raw(&tenant, &payload).await?, payload);
    }
    let received = tenant.receiver.wait_for("/hook", expected.len(), PATIENCE).await?;
    let secret = tenant.secret(&endpoint.id).await?;
    for request in received {
        let payload = request.header("webhook-id").and_then(|id| expected.remove(id));
        assert_eq!(str::from_utf8(&request.body).ok().map(str::to_owned), payload);
        verify(&secret, &request)?;
    }
    assert!(expected.is_empty(), "{expected:?}");
    Ok(())
}

/// The values of a header, of which there may be several.
fn values<'a>(request: &'a Received, name: &str) -> Vec<&'a str> {
    request.headers.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
}

#[tokio::test]
async fn requests_carry_the_customers_headers_which_cannot_replace_ours() -> Result<()> {
    let tenant = world().main().await?.tenant("headers").await?;
    let endpoint = tenant.endpoint("/hook").await?.id;
    let theirs = [("X-Team", "a, b;c=\"d\""), ("authorization", "Bearer theirs"), ("Accept", "text/plain")];
    let headers = theirs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let headers = EndpointHeadersIn::new(headers.into_iter().collect());
    tenant.svix.endpoint().set_headers(tenant.app.clone(), endpoint.clone(), headers).await?;
    let path = format!("/app/{}/endpoint/{endpoint}/headers", tenant.app);
    for ours in ["User-Agent", "content-TYPE", "Webhook-Id", "webhook-signature", "Host", "Content-Length"] {
        let refused = tenant.api.patch(&path, &json!({"headers": {ours: "theirs"}})).await?;
        refused.assert_invalid(&["body", "headers", ours]);
    }
    let message = tenant.publish("a", json!({})).await?;
    let request = &tenant.receiver.wait_for("/hook", 1, PATIENCE).await?[0];
    let user_agent = concat!("Postrider/", env!("CARGO_PKG_VERSION"));
    let ours = [("user-agent", user_agent), ("content-type", "application/json"), ("webhook-id", &message.id)];
    for (name, value) in ours.into_iter().chain(theirs) {
        assert_eq!(values(request, &name.to_lowercase()), [value], "{name}");
    }
    assert_eq!(request.method, "POST");
    let host = tenant.receiver.url("").replace("http://", "");
    assert_eq!((values(request, "host"), values(request, "content-length")), (vec![host.as_str()], vec!["2"]));
    Ok(())
}

#[tokio::test]
async fn a_uid_names_the_application_that_has_it_now() -> Result<()> {
    let tenant = world().main().await?.tenant("uid").await?;
    let applications = tenant.svix.application();
    let named = |uid: serde_json::Value| serde_json::from_value::<ApplicationPatch>(json!({ "uid": uid }));
    tenant.endpoint("/first").await?;
    applications.patch(tenant.app.clone(), named(json!("acme"))?).await?;
    let publish = async || {
        let message = MessageIn::new("a".to_owned(), json!({}));
        tenant.svix.message().create("acme".to_owned(), message, None).await
    };
    let first = publish().await?;
    applications.patch(tenant.app.clone(), named(json!(null))?).await?;
    assert_eq!(postrider_tests::refusal(publish().await), 404);
    let second = ApplicationIn { uid: Some("acme".to_owned()), ..ApplicationIn::new("Second".to_owned()) };
    applications.create(second, None).await?;
    let endpoint = EndpointIn::new(tenant.receiver.url("/second"));
    tenant.svix.endpoint().create("acme".to_owned(), endpoint, None).await?;
    let second = publish().await?;
    tenant.receiver.wait_for("/second", 1, PATIENCE).await?;
    tenant.receiver.wait_for("/first", 1, PATIENCE).await?;
    assert_eq!(arrived(&tenant, "/first"), BTreeSet::from([first.id]));
    assert_eq!(arrived(&tenant, "/second"), BTreeSet::from([second.id]));
    Ok(())
}

#[tokio::test]
async fn large_payloads_arrive_up_to_a_request_of_256_kib() -> Result<()> {
    let tenant = world().main().await?.tenant("large").await?;
    let endpoint = tenant.endpoint("/hook").await?;
    let secret = tenant.secret(&endpoint.id).await?;
    // Two of them do not fit a queue batch; the last makes a request of exactly the limit.
    for (nth, size) in [200 * 1024, 262_144 - r#"{ "payload" :  , "eventType" : "raw" }"#.len()].into_iter().enumerate()
    {
        let filling: String = (0..size - r#"{"a":""}"#.len()).map(|i| char::from(b'!' + noise(i))).collect();
        let payload = format!(r#"{{"a":"{filling}"}}"#);
        let id = publish_raw(&tenant, &payload).await?;
        let received = tenant.receiver.wait_for("/hook", nth + 1, PATIENCE).await?;
        assert!(received[nth].body == payload, "{} bytes of {}", received[nth].body.len(), payload.len());
        verify(&secret, &received[nth])?;
        let shown = tenant.api.get(&format!("/app/{}/msg/{id}", tenant.app)).await?;
        assert!(shown.json()["payload"]["a"] == filling, "{:.200}", shown.text);
    }
    Ok(())
}

/// A number below 62 that does not compress, and makes no quote nor backslash.
fn noise(i: usize) -> u8 {
    let mixed = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let number = u8::try_from((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 58).unwrap_or_default();
    if matches!(b'!' + number, b'"' | b'\\') { 0 } else { number.min(61) }
}

#[tokio::test]
async fn without_content_answers_withhold_the_payload_and_the_delivery_does_not() -> Result<()> {
    let tenant = world().main().await?.tenant("content").await?;
    tenant.endpoint("/hook").await?;
    let path = format!("/app/{}/msg", tenant.app);
    let body = r#"{"eventType":"a","payload":{"secret":"word"},"eventId":"once"}"#;
    let made = tenant.api.post_raw(&format!("{path}?with_content=false"), &[], body).await?;
    assert_eq!((made.status, &made.json()["payload"]), (202, &json!({})));
    let received = tenant.receiver.wait_for("/hook", 1, PATIENCE).await?;
    assert_eq!(received[0].body, r#"{"secret":"word"}"#);
    for (query, payload) in [("", json!({"secret": "word"})), ("?with_content=false", json!({}))] {
        let one = tenant.api.get(&format!("{path}/once{query}")).await?.json();
        assert_eq!((&one["payload"], &one["id"]), (&payload, &made.json()["id"]));
        let all = tenant.api.get(&format!("{path}{query}")).await?.json();
        assert_eq!(all["data"], json!([one]), "{query}");
    }
    let attempts = format!("/app/{}/attempt/msg/once?with_content=false", tenant.app);
    let shown = async || Ok(Some(tenant.api.get(&attempts).await?.json()).filter(|list| list["data"][0].is_object()));
    assert_eq!(eventually("an attempt", shown).await?["data"][0]["response"], "{}");
    Ok(())
}
