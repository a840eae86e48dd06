//! What organizations demand of messages: how it is held against them, and how seldom it is read.

use std::time::Duration;

use futures::executor::block_on;
use postrider_core::{
    claim::ClaimKey,
    entity::{EventType, Settings, Unlisted},
    problem::{Problem, from_json},
    publish::{Draft, Publisher, Repeatable},
};
use serde_json::{Value, json};

use crate::world::{START, World, app_id};

type Instance = Publisher<World, World, World, World>;

fn publish(instance: &Instance, key: Option<&str>, body: &Value) -> Result<(), Problem> {
    let org = "org_a".parse().expect("an organization");
    let body = body.to_string();
    let draft: Draft<'_> = from_json(body.as_bytes()).expect("a draft");
    let key = key.map(|key| ClaimKey::idempotency(&org, "/path", key));
    let request = Repeatable { key, fingerprint: body.clone() };
    block_on(instance.publish(&org, &app_id().to_string(), &draft, &request)).map(drop)
}

/// Where a message is refused; nothing if it is not.
fn places(instance: &Instance, body: &Value) -> Vec<String> {
    match publish(instance, None, body) {
        Ok(()) => Vec::new(),
        Err(Problem::Invalid(items)) => items.iter().map(|item| item.loc.join(".")).collect(),
        Err(other) => panic!("{other}"),
    }
}

fn settle(world: &World, settings: Settings) {
    world.tables().settings.insert("org_a".parse().expect("org"), settings);
}

fn define(world: &World, members: &Value) {
    let mut kind = json!({"name": "a", "description": "", "created_at": START, "updated_at": START, "rev": 1});
    let (all, members) = (kind.as_object_mut().expect("an object"), members.as_object().expect("an object"));
    all.extend(members.clone());
    let kind: EventType = serde_json::from_value(kind).expect("an event type");
    world.tables().event_types.insert(("org_a".parse().expect("org"), kind.name.clone()), kind);
}

/// The organization demands that payloads of `a` have an `id`.
fn demanding() -> World {
    let world = World::new(1);
    settle(&world, Settings { validates: true, ..Settings::default() });
    let schema = json!({"type": "object", "required": ["id"], "properties": {"n": {"items": {"type": "integer"}}}});
    define(&world, &json!({"schemas": {"1": false, "2": schema}, "validation": {}}));
    world
}

fn message(payload: &Value) -> Value {
    json!({"eventType": "a", "payload": payload})
}

#[test]
fn a_payload_that_does_not_satisfy_is_refused_with_the_failing_places_and_nothing_is_stored() {
    let world = demanding();
    let instance = world.publisher();
    let bad = message(&json!({"n": [1, "x", 2.5]}));
    assert_eq!(places(&instance, &bad), ["body.payload.id", "body.payload.n.1", "body.payload.n.2"]);
    assert_eq!((world.stored(), world.waiting()), ((0, 0), (0, 0)));
    assert_eq!(places(&instance, &message(&json!({"id": 1}))), [""; 0]);
    let many = message(&json!({"n": vec!["x"; 1_000]}));
    assert_eq!(places(&instance, &many).len(), 50);
    // Other types are nobody's business.
    assert_eq!(places(&instance, &json!({"eventType": "b", "payload": {}})), [""; 0]);
}

#[test]
fn a_raw_payload_must_be_json_that_satisfies() {
    let instance = demanding().publisher();
    let raw = |text: &str| {
        let params = json!({"rawPayload": text, "contentType": "application/json"});
        json!({"eventType": "a", "payload": {"id": 1}, "transformationsParams": params})
    };
    let place = "body.transformationsParams.rawPayload";
    assert_eq!(places(&instance, &raw("<id/>")), [place]);
    assert_eq!(places(&instance, &raw("[]")), [place]);
    assert_eq!(places(&instance, &raw("{}")), [format!("{place}.id")]);
    assert_eq!(places(&instance, &raw(&"[".repeat(5_000))), [place]);
    assert_eq!(places(&instance, &raw(r#"{"id":1}"#)), [""; 0]);
}

#[test]
fn unknown_and_archived_types_are_refused_where_the_organization_wants_that() {
    let body = message(&json!({}));
    let (accept, refuse) = (Unlisted::Accept, Unlisted::Refuse);
    for (unknown, archived, is_known, is_archived, refused) in [
        (accept, accept, false, false, false),
        (refuse, accept, false, false, true),
        (accept, refuse, false, false, false),
        (refuse, accept, true, true, false),
        (accept, refuse, true, true, true),
        (refuse, refuse, true, false, false),
    ] {
        let world = World::new(1);
        settle(&world, Settings { unknown, archived, ..Settings::default() });
        if is_known {
            define(&world, &json!({"archived": is_archived}));
        }
        let expected = if refused { vec!["body.eventType"] } else { vec![] };
        assert_eq!(places(&world.publisher(), &body), expected, "{unknown:?} {archived:?} {is_known} {is_archived}");
    }
}

#[test]
fn demands_are_read_once_in_half_a_minute_and_a_change_counts_within_it() {
    let world = World::new(1);
    let instance = world.publisher();
    let body = message(&json!({}));
    for _ in 0..100 {
        assert_eq!(places(&instance, &body), [""; 0]);
    }
    assert_eq!(world.side().looked, (1, 0));
    settle(&world, Settings { unknown: Unlisted::Refuse, ..Settings::default() });
    world.pass(Duration::from_secs(29));
    assert_eq!(places(&instance, &body), [""; 0]);
    world.pass(Duration::from_secs(1));
    for _ in 0..100 {
        assert_eq!(places(&instance, &body), ["body.eventType"]);
    }
    assert_eq!(world.side().looked, (2, 1));
    define(&world, &json!({}));
    world.pass(Duration::from_secs(30));
    assert_eq!(places(&instance, &body), [""; 0]);
    assert_eq!(world.side().looked, (3, 2));
}

#[test]
fn a_request_that_was_accepted_is_answered_again_whatever_is_demanded_by_now() {
    let world = demanding();
    define(&world, &json!({"rev": 1}));
    let instance = world.publisher();
    let body = message(&json!({}));
    publish(&instance, Some("key"), &body).expect("accepted");
    define(&world, &json!({"rev": 2, "schemas": {"1": {"required": ["id"]}}, "validation": {"version": "1"}}));
    world.pass(Duration::from_mins(1));
    publish(&instance, Some("key"), &body).expect("the same answer");
    assert_eq!(places(&instance, &body), ["body.payload.id"]);
    assert_eq!(publish(&instance, Some("other"), &body).map_err(|problem| problem.status()), Err(422));
    assert_eq!(world.stored().0, 1);
}

#[test]
fn what_is_demanded_of_applications_is_not_demanded_of_operational_webhooks() {
    let world = World::new(0);
    let operator = postrider_core::operational::OPERATIONAL_ORG;
    let settings = Settings { unknown: Unlisted::Refuse, ..Settings::default() };
    world.tables().settings.insert(operator.parse().expect("org"), settings);
    world.tables().applications.values_mut().for_each(|app| app.org = operator.parse().expect("org"));
    let body = message(&json!({})).to_string();
    let draft: Draft<'_> = from_json(body.as_bytes()).expect("a draft");
    let request = Repeatable { key: None, fingerprint: String::new() };
    let (publisher, org, app) = (world.operational_publisher(), operator.parse().expect("org"), app_id().to_string());
    assert!(block_on(publisher.publish(&org, &app, &draft, &request)).is_ok());
    assert_eq!(world.side().looked, (0, 0));
}

#[test]
fn of_messages_that_are_published_together_each_is_judged_by_its_own_type() {
    let world = demanding();
    let instance = world.publisher();
    let bodies = [message(&json!({})), message(&json!({"id": 1})), json!({"eventType": "b", "payload": {}})];
    let texts: Vec<_> = bodies.iter().map(Value::to_string).collect();
    let drafts = texts.iter().map(|text| from_json::<Draft<'_>>(text.as_bytes())).collect();
    let request = Repeatable { key: None, fingerprint: String::new() };
    let (org, app) = ("org_a".parse().expect("org"), app_id().to_string());
    let outcomes = block_on(instance.publish_all(&org, &app, drafts, &request)).expect("outcomes");
    let refused: Vec<_> = outcomes.iter().map(Result::is_err).collect();
    assert_eq!(refused, [true, false, false]);
    assert_eq!((world.stored().0, world.side().looked), (2, (1, 2)));
}
