//! The member `delivery` of an endpoint as it is sent, and its rules.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    auth_in::{AuthIn, Seal},
    headers::{self, HEADER_NAME},
};
use crate::{
    filter::Filter,
    given::{Given, object},
    manner::{Auth, Batching, Confirming, Format, Kind, Manner, Method},
    problem::Problem,
    rules::{Check, NAME_LIMIT},
    secret::KeyType,
    shapes::AnyObject,
};

/// The name under which Standard Webhooks knows of it; the others that begin like this are Postrider's own.
const EVENT_TYPE: &str = "webhook-event-type";
/// The least and the most of each.
const EVENTS: (u32, u32) = (2, 100);
const SECONDS: (u32, u32) = (1, 900);
const CONFIRM_SECONDS: (u32, u32) = (1, 86_400);

/// How to deliver: what Postrider adds to an endpoint of the contract. A member that is `null` falls to its default.
// Not `Debug`: it may hold a secret.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(rename = "DeliveryIn", extend("not" = not_together()))]
pub(super) struct MannerIn {
    /// How messages reach the customer; it stays what it was made as.
    #[serde(rename = "type")]
    kind: Option<Kind>,
    /// Whether deliveries are held until it is resumed.
    paused: Given<bool>,
    /// The method of the requests.
    method: Given<Method>,
    /// The form of the requests' bodies.
    format: Given<Format>,
    /// A header in which the event type is sent as well.
    #[schemars(length(min = 1, max = NAME_LIMIT), regex(pattern = HEADER_NAME), example = "x-event-type")]
    event_type_header: Given<String>,
    #[serde(deserialize_with = "object")]
    auth: Given<AuthIn>,
    #[serde(deserialize_with = "object")]
    batch: Given<BatchIn>,
    #[serde(deserialize_with = "object")]
    confirm: Given<ConfirmIn>,
    /// Whether the receiver was asked for its consent, as `CloudEvents`' abuse protection has it, before anything is sent.
    consent: Given<bool>,
    /// Only messages with such a payload, in the language of `EventBridge`'s patterns.
    #[schemars(with = "Given<AnyObject>", example = crate::filter::example())]
    filter: Given<Value>,
    /// What [`MannerIn::check`] makes of `filter`.
    #[serde(skip)]
    checked_filter: Given<Filter>,
    /// The kind of signing secret that is generated for a new endpoint.
    key_type: Option<KeyType>,
}

/// Several events in one request, as a JSON array.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "BatchIn")]
struct BatchIn {
    /// Events in one request, at most.
    #[schemars(range(min = EVENTS.0, max = EVENTS.1), example = 10)]
    max_events: u32,
    /// Seconds that the first of them waits, at most.
    #[schemars(range(min = SECONDS.0, max = SECONDS.1), example = 5)]
    max_seconds: u32,
}

/// A delivery succeeds when its receiver calls a URL that came with it, not already by a 2xx.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ConfirmIn")]
struct ConfirmIn {
    /// Seconds after its response in which the receiver must.
    #[schemars(range(min = CONFIRM_SECONDS.0, max = CONFIRM_SECONDS.1), example = 300)]
    within_seconds: u32,
}

impl MannerIn {
    /// Checks every rule that needs no look at what is stored.
    pub(super) fn check(&mut self, check: &mut Check, plain_http: bool) {
        if let Some(Err(why)) = self.event_type_header.value().map(|name| event_type_header(name)) {
            check.fail(&["body", "delivery", "eventTypeHeader"], why);
        }
        if let Some(auth) = self.auth.value_mut() {
            auth.check(check, plain_http);
        }
        if let Some(batch) = self.batch.value() {
            within(check, ["batch", "maxEvents"], batch.max_events, EVENTS);
            within(check, ["batch", "maxSeconds"], batch.max_seconds, SECONDS);
        }
        if let Some(confirm) = self.confirm.value() {
            within(check, ["confirm", "withinSeconds"], confirm.within_seconds, CONFIRM_SECONDS);
        }
        self.check_filter(check);
    }

    fn check_filter(&mut self, check: &mut Check) {
        self.checked_filter = match self.filter.as_ref().map(Filter::parse) {
            Given::Absent => Given::Absent,
            Given::Null => Given::Null,
            Given::Value(Ok(filter)) => Given::Value(filter),
            Given::Value(Err(misfit)) => {
                misfit.note(check, &["body", "delivery", "filter"]);
                Given::Absent
            }
        };
    }

    /// Whether the endpoint receives requests.
    pub(super) const fn kind(&self) -> Option<Kind> {
        self.kind
    }

    /// The type of a new signing key.
    pub(super) const fn key_type(&self) -> Option<KeyType> {
        self.key_type
    }

    /// Changes `manner`, member by member; refuses what does not go together.
    pub(super) fn merge(&self, manner: &mut Manner, standing: &Auth, seal: Seal<'_>) -> Result<(), Problem> {
        let given = self.clone();
        given.paused.apply_or_default(&mut manner.paused);
        given.method.apply_or_default(&mut manner.method);
        given.format.apply_or_default(&mut manner.format);
        given.event_type_header.apply(&mut manner.event_type_header);
        match given.auth {
            Given::Absent => {}
            Given::Null => manner.auth = Auth::None,
            Given::Value(auth) => manner.auth = auth.sealed(standing, seal)?,
        }
        given.batch.map(batching).apply(&mut manner.batch);
        given.confirm.map(|confirm| Confirming { within_seconds: confirm.within_seconds }).apply(&mut manner.confirm);
        given.consent.apply_or_default(&mut manner.consent);
        given.checked_filter.apply(&mut manner.filter);
        goes_together(manner)
    }
}

/// What [`goes_together`] refuses of one request.
fn not_together() -> Value {
    let object = json!({ "type": "object" });
    // With a default it would go together; that is said in words.
    let others = ["method", "format", "eventTypeHeader", "auth", "batch", "confirm", "paused", "consent"];
    let other = others.map(|name| json!({ "required": [name], "properties": { name: { "not": { "type": "null" } } } }));
    json!({ "anyOf": [
        { "required": ["type"], "properties": { "type": { "const": Kind::Poller } }, "anyOf": other },
        { "required": ["batch", "confirm"], "properties": { "batch": object, "confirm": object } },
        { "required": ["batch", "format"], "properties": { "batch": object, "format": { "const": Format::CloudEventsBinary } } },
    ] })
}

fn batching(batch: BatchIn) -> Batching {
    let small = |number| u16::try_from(number).unwrap_or(u16::MAX);
    Batching { max_events: small(batch.max_events), max_seconds: small(batch.max_seconds) }
}

fn goes_together(manner: &Manner) -> Result<(), Problem> {
    let mut check = Check::default();
    let as_poller = Manner { kind: Kind::Poller, filter: manner.filter.clone(), ..Manner::default() };
    if manner.kind == Kind::Poller && *manner != as_poller {
        let why = "a poller receives no requests: of the members of delivery it may have filter only";
        check.fail(&["body", "delivery", "type"], why);
    }
    if manner.batch.is_some() && manner.confirm.is_some() {
        check.fail(
            &["body", "delivery", "batch"],
            "cannot be had together with confirm: events are confirmed one by one",
        );
    }
    if manner.batch.is_some() && manner.format == Format::CloudEventsBinary {
        let why = "cannot be had together with the format cloudevents-binary, whose headers are of one event";
        check.fail(&["body", "delivery", "batch"], why);
    }
    if let (Auth::Header { name, .. }, Some(header)) = (&manner.auth, &manner.event_type_header)
        && name.eq_ignore_ascii_case(header)
    {
        check.fail(&["body", "delivery", "eventTypeHeader"], "is the header of the authentication");
    }
    check.finish()
}

fn event_type_header(name: &str) -> Result<(), &'static str> {
    if name.eq_ignore_ascii_case(EVENT_TYPE) {
        return Ok(());
    }
    if name.eq_ignore_ascii_case("authorization") { Err("this header cannot be set") } else { header_name(name) }
}

/// A header that neither Postrider nor a format of its own has a use for.
pub(super) fn header_name(name: &str) -> Result<(), &'static str> {
    let is_attribute = name.get(..3).is_some_and(|prefix| prefix.eq_ignore_ascii_case("ce-"));
    if is_attribute { Err("this header cannot be set") } else { headers::check_name(name) }
}

fn within(check: &mut Check, field: [&str; 2], number: u32, (least, most): (u32, u32)) {
    if !(least..=most).contains(&number) {
        check.fail(&["body", "delivery", field[0], field[1]], format!("must be {least} to {most}"));
    }
}
