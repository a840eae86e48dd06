//! What a producer sends.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use crate::{
    given::object,
    ids::{Id as _, MessageId},
    manage::ApplicationIn,
    problem::Problem,
    rules::{CONTENT_TYPE, CONTENT_TYPE_LIMIT, Check, is_content_type},
    shapes::{AnyObject, Name, Uid},
    token::{Caller, Scope},
    trace::TraceParent,
};

/// Days a message is kept unless the producer says otherwise, and the limits of what it may say.
pub const RETENTION_DAYS: i64 = 90;
const SHORTEST_RETENTION_DAYS: i64 = 5;
const MESSAGE_CHANNELS: usize = 5;
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// A message to be published.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "MessageIn")]
pub struct Draft<'a> {
    /// What happened.
    #[schemars(with = "Name", example = "invoice.paid")]
    pub(super) event_type: String,
    /// What is sent, to the byte. `data` is another name of it.
    #[serde(borrow, alias = "data")]
    #[schemars(with = "AnyObject", example = payload_example())]
    payload: &'a RawValue,
    /// Your own id for it, usable in place of its id; no other message of the application may have it.
    #[serde(default)]
    #[schemars(with = "Option<Uid<MessageId>>", example = "evt-1")]
    pub(super) event_id: Option<String>,
    /// Only endpoints that listen to one of them, or to all, get it.
    #[serde(default)]
    #[schemars(with = "Option<Vec<Name>>", length(min = 1, max = MESSAGE_CHANNELS), example = ["project_1337"])]
    pub(super) channels: Option<Vec<String>>,
    /// Days for which it is kept.
    #[serde(default = "default_retention")]
    #[schemars(range(min = SHORTEST_RETENTION_DAYS, max = RETENTION_DAYS))]
    pub(super) payload_retention_period: i64,
    /// An application to be made if the path names none; its uid is the one in the path. Of a token without the scope
    /// `manage` it is ignored.
    #[serde(default, deserialize_with = "object")]
    pub(super) application: Option<ApplicationIn>,
    #[serde(default, deserialize_with = "object")]
    transformations_params: Option<Raw>,
    /// Of the request's header.
    #[serde(skip)]
    pub(super) trace: Option<TraceParent>,
}

/// A payload to show in descriptions.
pub(crate) fn payload_example() -> Value {
    json!({ "invoice": "inv_1", "total": 2000 })
}

fn has_raw() -> Value {
    json!({ "required": ["rawPayload"], "properties": { "rawPayload": { "type": "string" } } })
}

fn has_content_type() -> Value {
    let content_type = json!({ "type": "string", "maxLength": CONTENT_TYPE_LIMIT, "pattern": CONTENT_TYPE });
    json!({ "properties": {
        "contentType": content_type,
        "headers": { "patternProperties": { "^[Cc][Oo][Nn][Tt][Ee][Nn][Tt]-[Tt][Yy][Pp][Ee]$": content_type } },
    } })
}

const fn default_retention() -> i64 {
    RETENTION_DAYS
}

/// A body that is not a JSON object, in place of `payload`. Other members mean nothing.
// The client libraries send it here, beside an empty payload.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TransformationsParams", extend("if" = has_raw(), "then" = has_content_type()))]
#[expect(clippy::struct_field_names, reason = "the contract's name")]
struct Raw {
    /// The body, to the byte.
    #[serde(default)]
    #[schemars(example = "<invoice total=\"2000\"/>")]
    raw_payload: Option<String>,
    /// Only `content-type` is looked at.
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    /// The media type of the body.
    #[serde(default)]
    #[schemars(example = "application/xml")]
    content_type: Option<Value>,
}

impl<'a> Draft<'a> {
    /// As this caller may send it: making an application needs `manage` besides.
    #[must_use]
    pub fn by(self, caller: &Caller) -> Self {
        let application = self.application.filter(|_| caller.scopes.allow(Scope::Manage));
        Self { application, ..self }
    }

    /// An event that did not come as a message.
    pub(crate) const fn new(event_type: String, event_id: Option<String>, payload: &'a RawValue) -> Self {
        Self {
            event_type,
            payload,
            event_id,
            channels: None,
            payload_retention_period: RETENTION_DAYS,
            application: None,
            transformations_params: None,
            trace: None,
        }
    }

    /// In that trace.
    #[must_use]
    pub fn traced(self, trace: Option<TraceParent>) -> Self {
        Self { trace, ..self }
    }

    /// What a third party has sent: a JSON object is the payload, anything else a raw one of its content type.
    pub(crate) fn received(event_type: String, body: &'a str, content_type: Option<&str>) -> Self {
        let object: Option<&'a RawValue> = serde_json::from_str(body).ok();
        if let Some(object) = object.filter(|value| value.get().starts_with('{')) {
            return Self::new(event_type, None, object);
        }
        let content_type = content_type.filter(|text| is_content_type(text)).map(Value::from);
        let raw = Raw { raw_payload: Some(body.to_owned()), headers: None, content_type };
        Self { transformations_params: Some(raw), ..Self::new(event_type, None, empty()) }
    }

    /// Checks every rule of the contract.
    pub fn check(&self) -> Result<(), Problem> {
        let mut check = Check::default();
        check.name("eventType", &self.event_type);
        check.uid("eventId", self.event_id.as_deref(), MessageId::PREFIX);
        check.channels(self.channels.as_deref(), MESSAGE_CHANNELS);
        if !self.payload.get().starts_with('{') {
            check.fail(&["body", "payload"], "must be a JSON object");
        }
        if !(SHORTEST_RETENTION_DAYS..=RETENTION_DAYS).contains(&self.payload_retention_period) {
            check.fail(&["body", "payloadRetentionPeriod"], "must be 5 to 90 days");
        }
        let given = self.raw().and_then(|(raw, _)| raw.given());
        if let Some((loc, value)) = given
            && !value.as_str().is_some_and(is_content_type)
        {
            check.fail(&loc, "must be a media type such as application/xml, at most 255 bytes");
        }
        check.nested("application", self.application.as_ref().map_or(Ok(()), ApplicationIn::check));
        check.finish()
    }

    fn raw(&self) -> Option<(&Raw, &str)> {
        let raw = self.transformations_params.as_ref()?;
        Some((raw, raw.raw_payload.as_deref()?))
    }

    /// Where that text was given.
    pub(super) fn content_place(&self) -> &'static [&'static str] {
        if self.raw().is_some() { &["body", "transformationsParams", "rawPayload"] } else { &["body", "payload"] }
    }

    /// The text to deliver, and its content type unless it is a JSON object like any other.
    pub(super) fn content(&self) -> (&str, Option<String>) {
        let Some((raw, text)) = self.raw() else { return (self.payload.get(), None) };
        let json = serde_json::from_str::<&RawValue>(text).ok();
        let default = if json.is_some() { JSON } else { TEXT };
        let given = raw.given().and_then(|(_, value)| value.as_str()).unwrap_or(default);
        // Without space around it, which the queue would not carry.
        let is_plain = given == JSON && text.starts_with('{') && json.is_some_and(|value| value.get() == text);
        (text, (!is_plain).then(|| given.to_owned()))
    }
}

/// What stands beside a raw payload.
fn empty() -> &'static RawValue {
    serde_json::from_str("{}").unwrap_or(RawValue::NULL)
}

impl Raw {
    /// The content type that was given, and where.
    fn given(&self) -> Option<(Vec<&str>, &Value)> {
        let place = |rest: &[&'static str]| [&["body", "transformationsParams"], rest].concat();
        let header = self.headers.iter().flatten().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let header = header.map(|(name, value)| ([place(&["headers"]), vec![name.as_str()]].concat(), value));
        header.or_else(|| Some((place(&["contentType"]), self.content_type.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::from_json;

    fn content(params: &str) -> (String, Option<String>) {
        let body = format!(r#"{{"eventType":"a","payload":{{}},"transformationsParams":{params}}}"#);
        let draft: Draft<'_> = from_json(body.as_bytes()).expect("a draft");
        draft.check().expect("valid");
        let (text, content_type) = draft.content();
        (text.to_owned(), content_type)
    }

    #[test]
    fn a_raw_payload_replaces_the_body_and_has_a_content_type() {
        for (params, text, content_type) in [
            (r#"{"rawPayload":"<a/>","headers":{"content-type":"application/xml"}}"#, "<a/>", Some("application/xml")),
            (r#"{"rawPayload":"<a/>","headers":{"Content-Type":"text/xml"},"x":1}"#, "<a/>", Some("text/xml")),
            (r#"{"rawPayload":"a;b","contentType":"text/csv"}"#, "a;b", Some("text/csv")),
            (r#"{"rawPayload":"a\u0000b"}"#, "a\0b", Some(TEXT)),
            (r#"{"rawPayload":"[1, 2]"}"#, "[1, 2]", Some(JSON)),
            (r#"{"rawPayload":"{ \"b\":1}"}"#, r#"{ "b":1}"#, None),
            (r#"{"rawPayload":" {}"}"#, " {}", Some(JSON)),
            (r#"{"rawPayload":"{}","contentType":"application/x"}"#, "{}", Some("application/x")),
            (r#"{"headers":{"content-type":7}}"#, "{}", None),
            ("null", "{}", None),
        ] {
            assert_eq!(content(params), (text.to_owned(), content_type.map(str::to_owned)), "{params}");
        }
    }

    #[test]
    fn a_content_type_that_cannot_be_a_header_is_refused_where_it_was_given() {
        let long = "a".repeat(250) + "/xml";
        for (given, loc) in [
            (r#""headers":{"content-type":"xml"}"#.to_owned(), r#""headers","content-type""#),
            (r#""headers":{"content-type":"a/b\r\nx: y"}"#.to_owned(), r#""headers","content-type""#),
            (r#""headers":{"Content-Type":null}"#.to_owned(), r#""headers","Content-Type""#),
            (r#""contentType":7"#.to_owned(), r#""transformationsParams","contentType""#),
            (format!(r#""contentType":"a/{long}""#), r#""transformationsParams","contentType""#),
        ] {
            let body =
                format!(r#"{{"eventType":"a","payload":{{}},"transformationsParams":{{"rawPayload":"x",{given}}}}}"#);
            let draft: Draft<'_> = from_json(body.as_bytes()).expect("a draft");
            let problem = draft.check().expect_err("refused");
            assert!(problem.status() == 422 && problem.body().contains(loc), "{given}: {}", problem.body());
        }
    }
}
