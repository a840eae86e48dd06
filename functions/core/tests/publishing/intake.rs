//! The other ways in: what is handed over again is published once, what cannot be published is set aside once and says
//! why, and everything else comes again.

use std::{sync::Arc, time::Duration};

use futures::executor::block_on;
use postrider_core::{
    claim::{KEY_LIFETIME, LEASE},
    intake::{EventMap, Intake, Letter},
    memory::counting,
    metric::Metric,
    ports::Reject,
};
use serde_json::{Value, json};

use crate::world::{World, app_id};

type Entrance = Intake<World, World, World, World, World>;

fn map() -> EventMap {
    let types = "OrderPaid=order.paid".parse().expect("types");
    EventMap { organization: Some("org_a".parse().expect("an organization")), types, ..EventMap::default() }
}

fn intake(world: &World) -> Entrance {
    Intake::new(Arc::new(world.publisher()), world.clone(), map())
}

fn letter(id: &str, body: &Value) -> Letter {
    Letter { id: id.to_owned(), key: None, body: body.to_string() }
}

fn message(n: u32) -> Value {
    json!({"organization": "org_a", "application": app_id(), "message": {"eventType": "a", "payload": {"n": n}}})
}

fn event(id: &str, detail_type: &str, detail: &Value) -> Value {
    json!({"version": "0", "id": id, "detail-type": detail_type, "source": "shop", "account": "1", "detail": detail})
}

/// The ids that come again.
fn hand_over(world: &World, letters: Vec<Letter>) -> Vec<String> {
    block_on(intake(world).letters(letters))
}

/// The reasons of what was set aside.
fn reasons(world: &World) -> Vec<(u16, &'static str)> {
    world.side().rejects.iter().map(|reject| (reject.status, reject.reason)).collect()
}

#[test]
fn a_letter_is_published_once_however_often_it_is_handed_over() {
    let world = World::new(2);
    for _ in 0..3 {
        assert!(hand_over(&world, vec![letter("1", &message(1)), letter("2", &message(1))]).is_empty());
    }
    assert_eq!((world.stored().0, world.waiting().0), (2, 4));
    // A key of the producer's own goes before the id of the queue.
    for id in ["3", "4"] {
        let keyed = Letter { key: Some("mine".to_owned()), ..letter(id, &message(3)) };
        assert!(hand_over(&world, vec![keyed]).is_empty());
    }
    assert_eq!((world.stored().0, reasons(&world)), (3, vec![]));
}

#[test]
fn after_a_crash_at_any_call_the_next_time_completes_it() {
    for (call, effect) in (0..8).flat_map(|call| [(call, false), (call, true)]) {
        let world = World::new(2);
        world.die_at(call, effect);
        let letters = || vec![letter("1", &message(1)), letter("bad", &json!({"organization": "x"}))];
        let _ = hand_over(&world, letters());
        world.revive();
        world.pass(LEASE);
        assert!(hand_over(&world, letters()).is_empty(), "{call} {effect}");
        assert_eq!(world.stored().0, 1, "{call} {effect}");
        let rejects = reasons(&world);
        assert!((1..=2).contains(&rejects.len()) && rejects.iter().all(|reason| *reason == (422, "invalid")));
    }
}

#[test]
fn what_comes_again_because_of_a_failure_here_is_counted() {
    let world = World::new(2);
    let letters = || vec![letter("1", &message(1)), letter("bad", &json!({"organization": "x"}))];
    world.die_at(0, false);
    let (back, undone) = counting(Metric::Undone, || hand_over(&world, letters()));
    assert!(undone > 0 && usize::try_from(undone) == Ok(back.len()), "{back:?} {undone}");
    world.revive();
    world.pass(LEASE);
    // What cannot be published is no failure here.
    assert_eq!(counting(Metric::Undone, || hand_over(&world, letters())), (vec![], 0));
}

#[test]
fn what_cannot_be_published_is_set_aside_with_its_reason_and_its_neighbours_are_published() {
    let world = World::new(1);
    let unknown = json!({"organization": "org_a", "application": "nobody", "message": message(1)["message"]});
    let foreign = json!({"organization": "org_b", "application": app_id(), "message": message(1)["message"]});
    let invalid =
        json!({"organization": "org_a", "application": app_id(), "message": {"eventType": "", "payload": []}});
    let large = json!({"organization": "org_a", "application": app_id(), "message": {"eventType": "a", "payload": {"x": "x".repeat(262_144)}}});
    let all = [message(1), unknown, foreign, invalid, large, json!([]), message(2)];
    let letters = all.iter().enumerate().map(|(n, body)| letter(&n.to_string(), body)).collect();
    assert!(hand_over(&world, letters).is_empty());
    assert_eq!(world.stored().0, 2);
    let mut reasons = reasons(&world);
    reasons.sort_unstable();
    let expected =
        [(404, "not_found"), (404, "not_found"), (413, "payload_too_large"), (422, "invalid"), (422, "invalid")];
    assert_eq!(reasons, expected);
    let rejects = world.side().rejects.clone();
    let as_it_came = all[3].to_string();
    let invalid = rejects.iter().find(|reject| reject.body == as_it_came).expect("as it came");
    assert!(invalid.detail.contains("eventType") && invalid.detail.contains("payload"), "{invalid:?}");
}

#[test]
fn an_event_of_the_bus_is_published_by_its_map_once() {
    let world = World::new(1);
    let detail = json!({"applicationUid": app_id(), "total": 7});
    let paid = event("e1", "OrderPaid", &detail).to_string();
    for _ in 0..2 {
        block_on(intake(&world).event(&paid)).expect("published");
    }
    block_on(intake(&world).event(&event("e2", "order.sent", &detail).to_string())).expect("published");
    let tables = world.tables();
    let mut stored: Vec<_> = tables
        .messages
        .values()
        .map(|message| (&*message.event_type, message.payload.as_deref().unwrap_or_default()))
        .collect();
    stored.sort_unstable();
    let detail = detail.to_string();
    assert_eq!(stored, [("order.paid", detail.as_str()), ("order.sent", detail.as_str())]);
}

#[test]
fn events_that_cannot_be_published_are_set_aside_and_can_be_sent_again_by_the_queue() {
    let world = World::new(1);
    let all = [
        event("e1", "Order Sent", &json!({"applicationUid": app_id()})),
        event("e2", "a", &json!({"application": app_id()})),
        event("e3", "a", &json!({"applicationUid": "acme"})),
        event("e4", "a", &json!("text")),
        json!({"detail-type": "a"}),
    ];
    for event in &all {
        block_on(intake(&world).event(&event.to_string())).expect("set aside");
    }
    assert_eq!(
        reasons(&world),
        [(422, "invalid"), (422, "invalid"), (404, "not_found"), (422, "invalid"), (422, "invalid")]
    );
    world.tables().applications.values_mut().for_each(|app| app.uid = Some("acme".to_owned()));
    let again = world.side().rejects[2].body.clone();
    let failed = json!({"requestContext": {"condition": "RetriesExhausted"}, "requestPayload": all[2]}).to_string();
    for (id, body) in [("1", again), ("2", failed)] {
        assert!(hand_over(&world, vec![Letter { id: id.to_owned(), key: None, body }]).is_empty());
    }
    assert_eq!(world.stored().0, 1);
}

#[test]
fn what_a_service_or_a_rate_refuses_comes_again() {
    let world = World::new(1);
    let slow = Intake::new(Arc::new(world.publisher().with_rate(1)), world.clone(), map());
    let letters = || (0..3).map(|n| letter(&n.to_string(), &message(n))).collect();
    let back = block_on(slow.letters(letters()));
    assert_eq!((back.len(), world.stored().0), (2, 1));
    world.die_at(0, false);
    assert_eq!(hand_over(&world, letters()).len(), 3);
    assert!(
        block_on(intake(&world).event(&event("e", "a", &json!({"applicationUid": app_id()})).to_string())).is_err()
    );
    world.revive();
    world.pass(Duration::from_mins(1));
    assert!(hand_over(&world, letters()).is_empty());
    assert_eq!((world.stored().0, reasons(&world)), (3, vec![]));
}

#[test]
fn a_key_is_for_one_letter() {
    let world = World::new(1);
    let keyed = |n| Letter { key: Some("k".to_owned()), ..letter("1", &message(n)) };
    assert!(hand_over(&world, vec![keyed(1)]).is_empty());
    assert!(hand_over(&world, vec![keyed(2)]).is_empty());
    assert_eq!(reasons(&world), [(422, "invalid")]);
    assert_eq!(world.side().rejects[0].key.as_deref(), Some("k"));
    world.pass(KEY_LIFETIME);
    assert!(hand_over(&world, vec![keyed(2)]).is_empty());
    assert_eq!(world.stored().0, 2);
}

#[test]
fn what_is_set_aside_fits_a_queue() {
    let problem = postrider_core::problem::Problem::not_found(&"é\u{ffff}\u{1}".repeat(1_000));
    let reject = Reject::new("{\"a\":\"\u{ffff}\u{fffe}\"}", None, &problem);
    assert_eq!(reject.body, r#"{"a":"\uffff\ufffe"}"#);
    assert!(reject.detail.len() <= 1_024 && !reject.detail.contains('\u{ffff}'));
}
