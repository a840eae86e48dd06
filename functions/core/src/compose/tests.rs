use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::{
    entity::{Metadata, Secrets},
    health::Health,
    ids::{AppId, EndpointId, Ksuid},
    keyring::Sealed,
    manner::{Manner, Method},
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NOW: Time = Time::from_secs(1_800_000_000);
/// Such as no serializer writes it.
const PAYLOAD: &str = "{ \"b\":1,\"a\" : 1.0, \"b\":2 }";

fn settings() -> Settings {
    Settings {
        user_agent: "Postrider/1".to_owned(),
        event_type_header: "webhook-event-type".to_owned(),
        source: "https://hooks.example.com/".to_owned(),
    }
}

pub(crate) fn endpoint(delivery: Manner) -> Endpoint {
    Endpoint {
        id: EndpointId::from_ksuid(Ksuid::from_bytes([2; 20])),
        app: AppId::from_ksuid(Ksuid::from_bytes([1; 20])),
        uid: None,
        url: "https://example.com/hook".to_owned(),
        version: 1,
        description: String::new(),
        disabled: false,
        event_types: None,
        channels: None,
        throttle_rate: None,
        metadata: Metadata::new(),
        headers: BTreeMap::new(),
        secrets: Secrets { current: Sealed::none(), old: Vec::new() },
        delivery,
        health: Health::default(),
        created_at: NOW,
        updated_at: NOW,
        rev: 1,
    }
}

fn format(format: Format) -> Manner {
    Manner { format, ..Manner::default() }
}

fn id(n: u8) -> MessageId {
    MessageId::from_ksuid(Ksuid::new(NOW, [n; 15]))
}

/// A message of a payload; the type makes it raw.
struct Published(Arc<str>, Option<&'static str>);

impl Published {
    fn new(payload: &str, content_type: Option<&'static str>) -> Self {
        Self(payload.into(), content_type)
    }

    fn event(&self, n: u8) -> Event<'_> {
        Event { id: id(n), event_type: "invoice.paid", content_type: self.1, payload: &self.0, trace: None }
    }
}

fn call<T>(endpoint: &Endpoint, make: impl FnOnce(&Call<'_>) -> T) -> T {
    let (settings, secrets) = (settings(), [SECRET.parse().expect("a legal secret")]);
    make(&Call {
        settings: &settings,
        endpoint,
        secrets: &secrets,
        authorization: None,
        confirm_url: None,
        at: NOW,
        timeout: Duration::from_secs(15),
    })
}

fn of(endpoint: &Endpoint, payload: &str, content_type: Option<&'static str>) -> Outbound {
    call(endpoint, |call| call.event(&Published::new(payload, content_type).event(3)))
}

fn header<'a>(request: &'a Outbound, name: &str) -> Option<&'a str> {
    let mut found = request.headers.iter().filter(|(there, _)| there.eq_ignore_ascii_case(name));
    let first = found.next().map(|(_, value)| value.as_str());
    assert_eq!(found.next(), None, "{name} is there once");
    first
}

fn body(request: &Outbound) -> &str {
    std::str::from_utf8(&request.body).expect("text")
}

/// The signature is of this id and of the bytes that are sent.
fn assert_signed(request: &Outbound, id: &str) {
    let secrets = [SECRET.parse().expect("a legal secret")];
    let signature = sign::signatures(&secrets, id, NOW.secs(), &request.body);
    assert_eq!(header(request, "webhook-signature"), Some(signature.as_str()));
    assert_eq!(header(request, "webhook-id"), Some(id));
    assert_eq!(header(request, "webhook-timestamp"), Some("1800000000"));
}

#[test]
fn as_published_the_body_is_the_payload_byte_for_byte() {
    let endpoint = endpoint(Manner { method: Method::Put, ..Manner::default() });
    let request = of(&endpoint, PAYLOAD, None);
    assert_eq!((body(&request), request.method), (PAYLOAD, Method::Put));
    let expected =
        [("content-type", "application/json"), ("user-agent", "Postrider/1"), ("webhook-event-type", "invoice.paid")];
    for (name, value) in expected {
        assert_eq!(header(&request, name), Some(value));
    }
    assert_eq!(request.headers.len(), 6);
    assert_signed(&request, &id(3).to_string());
}

#[test]
fn a_raw_payload_goes_out_with_its_own_type() {
    let request = of(&endpoint(Manner::default()), "<a>\u{e9}</a>", Some("application/xml; charset=utf-8"));
    assert_eq!(body(&request), "<a>é</a>");
    assert_eq!(header(&request, "content-type"), Some("application/xml; charset=utf-8"));
    assert_signed(&request, &id(3).to_string());
}

#[test]
fn an_endpoint_has_the_event_type_in_the_header_that_it_names() {
    let request =
        of(&endpoint(Manner { event_type_header: Some("X-Event".to_owned()), ..Manner::default() }), "{}", None);
    assert_eq!((header(&request, "x-event"), header(&request, "webhook-event-type")), (Some("invoice.paid"), None));
}

#[test]
fn the_customers_own_headers_are_sent_and_replace_none_of_ours() {
    let mut endpoint =
        endpoint(Manner { event_type_header: Some("x-event".to_owned()), ..format(Format::CloudEventsBinary) });
    let theirs = [
        "Webhook-Id",
        "webhook-anything",
        "Content-Type",
        "Content-Length",
        "HOST",
        "User-Agent",
        "X-Event",
        "CE-Id",
        "ce-other",
        "Authorization",
        "x-own",
    ];
    endpoint.headers = theirs.map(|name| (name.to_owned(), "theirs".to_owned())).into();
    let authorization = ("authorization".to_owned(), "Bearer t".to_owned());
    let published = Published::new(PAYLOAD, None);
    let request = call(&endpoint, |call| {
        Call { authorization: Some(&authorization), confirm_url: Some("https://c"), ..*call }.event(&published.event(3))
    });
    let kept: Vec<&str> = request.headers.iter().filter(|(_, v)| v == "theirs").map(|(n, _)| n.as_str()).collect();
    assert_eq!(kept, ["x-own"]);
    assert_eq!(header(&request, "authorization"), Some("Bearer t"));
    assert_eq!(header(&request, "webhook-confirm-url"), Some("https://c"));
    let batch = call(&endpoint, |call| call.batch(&[published.event(1), published.event(2)]));
    assert_eq!((header(&batch, "x-event"), header(&batch, "authorization")), (None, Some("theirs")));
}

#[test]
fn cloud_events_binary_leaves_the_body_and_tells_the_rest_in_headers() {
    let request = of(&endpoint(format(Format::CloudEventsBinary)), PAYLOAD, None);
    assert_eq!(body(&request), PAYLOAD);
    let source = format!("https://hooks.example.com/{}", AppId::from_ksuid(Ksuid::from_bytes([1; 20])));
    let message = id(3).to_string();
    let expected = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", &message),
        ("ce-source", &source),
        ("ce-type", "invoice.paid"),
        ("ce-time", "2027-01-15T08:00:00.000000Z"),
    ];
    for (name, value) in expected {
        assert_eq!(header(&request, name), Some(value));
    }
    assert_signed(&request, &message);
}

#[test]
fn attributes_are_percent_encoded_as_the_binding_says() {
    assert_eq!(body::encoded("Euro € 😀 \"100%\"\n~!"), "Euro%20%E2%82%AC%20%F0%9F%98%80%20%22100%25%22%0A~!");
}

#[test]
fn cloud_events_structured_holds_json_as_published_and_other_text_as_a_string() {
    let endpoint = endpoint(format(Format::CloudEventsStructured));
    let request = of(&endpoint, PAYLOAD, None);
    assert!(body(&request).ends_with(&format!("\"data\":{PAYLOAD}}}")), "{}", body(&request));
    assert_eq!(header(&request, "content-type"), Some("application/cloudevents+json"));
    assert_signed(&request, &id(3).to_string());
    let event: Value = serde_json::from_slice(&request.body).expect("JSON");
    let attributes = ["specversion", "id", "source", "type", "time", "datacontenttype"];
    assert!(attributes.iter().all(|name| event[name].is_string()), "{event}");
    for (payload, kind, data) in [
        ("<a b=\"c\"/>", "application/xml", Value::from("<a b=\"c\"/>")),
        ("[1]", "application/vnd.a+json; v=1", serde_json::json!([1])),
        ("[1", "Application/JSON", Value::from("[1")),
    ] {
        let event: Value = serde_json::from_slice(&of(&endpoint, payload, Some(kind)).body).expect("JSON");
        assert_eq!((&event["data"], &event["datacontenttype"]), (&data, &Value::from(kind)));
    }
}

#[test]
fn a_batch_is_an_array_in_order_with_one_signature_and_no_event_type_header() {
    let (json, xml) = (Published::new(PAYLOAD, None), Published::new("<a/>", Some("text/xml")));
    let request = call(&endpoint(Manner::default()), |call| call.batch(&[json.event(2), xml.event(1)]));
    let expected = format!(
        "[{{\"id\":\"{}\",\"eventType\":\"invoice.paid\",\"timestamp\":\"2027-01-15T08:00:00.000000Z\",\"payload\":{PAYLOAD}}},\
         {{\"id\":\"{}\",\"eventType\":\"invoice.paid\",\"timestamp\":\"2027-01-15T08:00:00.000000Z\",\
         \"contentType\":\"text/xml\",\"payload\":\"<a/>\"}}]",
        id(2),
        id(1)
    );
    assert_eq!(body(&request), expected);
    assert_eq!(header(&request, "content-type"), Some("application/json"));
    assert_eq!(header(&request, "webhook-event-type"), None);
    assert_signed(&request, &batch_id([id(1), id(2)]));
}

#[test]
fn a_batch_of_cloud_events_is_one_in_the_batch_format() {
    let published = Published::new(PAYLOAD, None);
    for form in [Format::CloudEventsStructured, Format::CloudEventsBinary] {
        let request = call(&endpoint(format(form)), |call| call.batch(&[published.event(1), published.event(2)]));
        assert_eq!(header(&request, "content-type"), Some("application/cloudevents-batch+json"));
        let events: Vec<Value> = serde_json::from_slice(&request.body).expect("an array");
        assert!(events.len() == 2 && events.iter().all(|event| event["specversion"] == "1.0"));
        assert_eq!(header(&request, "ce-id"), None);
    }
}

#[test]
fn a_batchs_id_is_that_of_its_members_in_any_order() {
    let two = batch_id([id(1), id(2)]);
    assert_eq!(two, batch_id([id(2), id(1)]));
    assert!(two != batch_id([id(1)]) && two != batch_id([id(1), id(3)]));
    assert!(two.starts_with("batch_") && two.len() == 33);
}

#[test]
fn the_receivers_key_stands_before_the_event_types_header() {
    let (endpoint, published) = (endpoint(Manner::default()), Published::new("{}", None));
    let key = ("Webhook-Event-Type".to_owned(), "the key".to_owned());
    let outbound = call(&endpoint, |call| Call { authorization: Some(&key), ..*call }.event(&published.event(1)));
    let values: Vec<_> =
        outbound.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(&key.0)).map(|(_, value)| value).collect();
    assert_eq!(values, ["the key"]);
}
