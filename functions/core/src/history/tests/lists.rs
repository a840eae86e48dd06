use super::*;
use crate::{
    claim::{Claim, ClaimKey},
    delivery::Reason,
};

fn listed(world: &World, filter: MessageFilter) -> Vec<String> {
    ids(&run(world.history().messages(&world.caller, "app", ask(250, None), filter)).expect("page"))
}

#[test]
fn messages_are_filtered_by_type_channel_and_time_and_newest_first() {
    let world = World::new();
    let all: Vec<_> = (0..12_u8).map(|n| message(u32::from(n) * 10, n)).collect();
    all.iter().cloned().for_each(|message| world.store(message));
    let of = |keep: &dyn Fn(usize) -> bool| -> Vec<_> {
        all.iter().enumerate().rev().filter(|(n, _)| keep(*n)).map(|(_, message)| message.id.to_string()).collect()
    };
    assert_eq!(listed(&world, MessageFilter::default()), of(&|_| true));
    let filter = MessageFilter { event_types: vec!["type.1".to_owned(), "no".to_owned()], ..MessageFilter::default() };
    assert_eq!(listed(&world, filter), of(&|n| n % 2 == 1));
    let filter = MessageFilter { channel: Some("c".to_owned()), ..MessageFilter::default() };
    assert_eq!(listed(&world, filter), of(&|n| n % 3 == 0));
    let window = Window { before: Some(all[8].at), after: Some(all[3].at) };
    assert_eq!(listed(&world, MessageFilter { window, ..MessageFilter::default() }), of(&|n| (3..8).contains(&n)));
    let window = Window { before: None, after: Some(Time::from_secs(0)) };
    assert_eq!(listed(&world, MessageFilter { window, ..MessageFilter::default() }).len(), 12);
    let window = Window { before: Some(all[3].at), after: Some(all[8].at) };
    assert!(listed(&world, MessageFilter { window, ..MessageFilter::default() }).is_empty());
}

#[test]
fn expired_messages_are_not_found() {
    let world = World::new();
    let mut old = message(1, 1);
    old.expires_at = NOW;
    world.store(old.clone());
    world.store(message(2, 2));
    assert_eq!(listed(&world, MessageFilter::default()).len(), 1);
    let get = run(world.history().message(&world.caller, "app", &old.id.to_string(), true));
    assert_eq!(get.map(drop).map_err(|problem| problem.status()), Err(404));
}

#[test]
fn a_message_is_found_by_event_id_and_shown_byte_for_byte() {
    let world = World::new();
    let stored = message(1, 1);
    let event_id = stored.event_id.clone().expect("one");
    let claim =
        Claim { id: stored.id.ksuid(), fingerprint: String::new(), lease: NOW, expires_at: LATER, answer: None };
    world.memory.state().claims.insert(ClaimKey::EventId(app(), event_id.clone()), claim);
    let get = |content| run(world.history().message(&world.caller, "app", &event_id, content));
    // In flight: the claim stands, the message does not.
    assert_eq!(get(true).map(drop).map_err(|problem| problem.status()), Err(404));
    world.store(stored);
    let text = serde_json::to_string(&get(true).expect("found")).expect("JSON");
    assert!(text.contains(r#""payload":{ "b":1,"a" : 1.0 },"#) && text.contains(r#""channels":null"#), "{text}");
    assert_eq!(shown(&get(false).expect("found"))["payload"], serde_json::json!({}));
}

#[test]
fn destinations_show_how_far_each_delivery_is() {
    let world = World::new();
    let mut of = message(1, 1);
    of.endpoints = (10..15).map(endpoint).collect();
    of.held = vec![endpoint(15)];
    let due = NOW.plus(std::time::Duration::from_secs(5));
    let failed = |to| vec![attempt(AttemptId::new(NOW, [1; 11], to), 500)];
    world.record(of.id, endpoint(11), State::Waiting { due, parked: true }, failed(endpoint(11)));
    world.record(of.id, endpoint(12), State::Succeeded, Vec::new());
    world.record(of.id, endpoint(13), State::Failed(Reason::Exhausted), failed(endpoint(13)));
    world.record(of.id, endpoint(14), State::Canceled(Reason::EndpointDeleted), Vec::new());
    for n in 10..16 {
        let mut world_endpoint = super::attempts::an_endpoint(endpoint(n));
        world_endpoint.disabled = n == 15;
        let mut state = world.memory.state();
        let place = if n == 14 { &mut state.deleted } else { &mut state.endpoints };
        place.insert((app(), endpoint(n)), world_endpoint);
    }
    let id = of.id.to_string();
    world.store(of);
    let page = run(world.history().endpoints_of_message(&world.caller, "app", &id, ask(50, None))).expect("page");
    let rows = shown(&page)["data"].as_array().expect("rows").clone();
    let seen: Vec<_> = rows.iter().map(|row| (row["status"].as_u64(), row["nextAttempt"].is_string())).collect();
    let expected = [(1, false), (3, true), (0, false), (2, false), (2, false), (1, false)];
    assert_eq!(seen, expected.map(|(status, next)| (Some(status), next)));
    assert!(rows.iter().all(|row| row.get("metadata").is_none() && row["url"].is_string()));
    let page = run(world.history().endpoints_of_message(&world.caller, "app", &id, ask(4, None))).expect("page");
    assert!(!page.done && page.data.len() == 4);
    let rest = run(world.history().endpoints_of_message(&world.caller, "app", &id, ask(4, page.iterator.as_deref())));
    assert!(rest.is_ok_and(|rest| rest.done && rest.data.len() == 2));
}

#[test]
fn messages_of_an_endpoint_are_those_tried_or_ended() {
    let world = World::new();
    world.memory.state().endpoints.insert((app(), endpoint(7)), super::attempts::an_endpoint(endpoint(7)));
    let due = NOW.plus(std::time::Duration::from_secs(5));
    let tried = || vec![attempt(AttemptId::new(NOW, [1; 11], endpoint(7)), 500)];
    let states = [
        (State::Waiting { due, parked: false }, tried()),
        (State::Waiting { due, parked: true }, Vec::new()),
        (State::Succeeded, tried()),
        (State::Failed(Reason::EndpointDisabled), Vec::new()),
    ];
    for (n, (state, attempts)) in states.into_iter().enumerate() {
        let of = message(u32::try_from(n).expect("few") * 10, u8::try_from(n).expect("few"));
        world.record(of.id, endpoint(7), state, attempts);
        world.store(of);
    }
    let list = |status, filter| {
        let history = world.history();
        let page = run(history.messages_of_endpoint(&world.caller, "app", "e", ask(50, None), filter, status));
        shown(&page.expect("page"))["data"].as_array().expect("rows").clone()
    };
    let all = list(None, MessageFilter::default());
    let seen: Vec<_> = all.iter().map(|row| (row["status"].as_u64(), row.get("nextAttempt").is_some())).collect();
    assert_eq!(seen, [(2, false), (0, false), (3, true)].map(|(status, next)| (Some(status), next)));
    assert_eq!(list(Some(Status::Pending), MessageFilter::default()).len(), 0);
    assert_eq!(list(Some(Status::Sending), MessageFilter::default())[0]["eventType"], "type.0");
    let filter = MessageFilter { event_types: vec!["type.1".to_owned()], ..MessageFilter::default() };
    assert_eq!(list(None, filter).len(), 1);
}

#[test]
fn an_expunged_payload_reads_as_the_contract_says_and_the_message_stays() {
    let world = World::new();
    let stored = Message { payload: None, content_type: Some("text/plain".to_owned()), ..message(1, 1) };
    world.store(stored.clone());
    let get = |content| run(world.history().message(&world.caller, "app", &stored.id.to_string(), content));
    assert_eq!(shown(&get(true).expect("found"))["payload"], serde_json::json!({"expired": true}));
    assert_eq!(shown(&get(false).expect("found"))["payload"], serde_json::json!({}));
}
