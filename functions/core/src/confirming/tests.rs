use std::time::Duration;

use super::*;
use crate::{
    delivery::Attempt,
    entity::{Application, Metadata},
    ids::{AppId, AttemptId, EndpointId, Id, Ksuid, MessageId},
    job::Job,
    keyring::Keyring,
    memory::Memory,
    message::Message,
    ports::DeliveryKey,
};

const NOW: Time = Time::from_secs(1_800_000_000);

fn id<T: Id>(n: u8) -> T {
    T::from_ksuid(Ksuid::from_bytes([n; 20]))
}

fn ring() -> Keyring {
    Keyring::parse(r#"{"current":"k1","k1":"0123456789abcdef0123456789abcdef"}"#).expect("keyring")
}

/// For the attempt of that number.
fn token(attempt: u8) -> String {
    let (app, endpoint, message) = (id(1), id(2), id(3));
    let expires_at = NOW.plus(Duration::from_mins(1));
    Confirmation { app, endpoint, message, attempt: id(attempt), expires_at }.token(&ring()).expect("token")
}

fn unconfirmed() -> State {
    State::Unconfirmed { due: NOW.plus(Duration::from_mins(1)), parked: false }
}

/// A store with a delivery in that state, after two attempts.
fn record(state: State, tries: u32) -> Memory {
    let memory = Memory::default();
    let attempt = |n| {
        let (id, at, response) = (id(n), NOW, String::new());
        Attempt { id, at, millis: 5, status: 202, fault: None, response, url: String::new(), manual: false }
    };
    let mut delivery = Delivery::new(id(1), id(2), id(3), NOW.plus(Duration::from_hours(1)));
    (delivery.state, delivery.tries, delivery.rev) = (state, tries, 2);
    delivery.attempts = vec![attempt(10), attempt(11)];
    memory.state().deliveries.insert((delivery.endpoint, delivery.message), delivery);
    memory
}

async fn confirm(memory: &Memory, token: &str, now: Time) -> Result<(), Problem> {
    let ring = ring();
    Confirmer { directory: memory, record: memory, keys: &ring, jobs: memory, now }.confirm(token).await
}

fn state(memory: &Memory) -> (State, u64) {
    let key: DeliveryKey = (id::<EndpointId>(2), id::<MessageId>(3));
    let state = memory.state();
    (state.deliveries[&key].state, state.deliveries[&key].rev)
}

/// Status and code of a refusal.
fn refusal(result: Result<(), Problem>) -> (u16, &'static str) {
    match result {
        Err(Problem::Refused { status, code, .. }) => (status, code),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn the_last_attempt_is_confirmed_and_confirming_it_again_changes_nothing() {
    let memory = record(unconfirmed(), 1);
    for _ in 0..2 {
        confirm(&memory, &token(11), NOW).await.expect("confirmed");
        assert_eq!(state(&memory), (State::Succeeded, 3));
    }
    assert_eq!(memory.state().jobs, []);
}

#[tokio::test]
async fn what_has_moved_on_is_too_late() {
    let waiting = State::Waiting { due: NOW, parked: false };
    for (standing, attempt, code) in
        [(unconfirmed(), 10, "too_late"), (State::Succeeded, 10, "too_late"), (waiting, 11, "too_late")]
    {
        let memory = record(standing, 1);
        assert_eq!(refusal(confirm(&memory, &token(attempt), NOW).await), (409, code), "{attempt} {standing:?}");
        assert_eq!(state(&memory), (standing, 2));
    }
}

#[tokio::test]
async fn what_comes_before_its_attempt_is_recorded_is_noted() {
    for memory in [Memory::default(), record(State::Waiting { due: NOW, parked: false }, 1)] {
        confirm(&memory, &token(12), NOW).await.expect("noted");
        assert_eq!(memory.state().confirmed.values().copied().collect::<Vec<AttemptId>>(), [id(12)]);
    }
}

#[tokio::test]
async fn a_bad_or_expired_token_is_not_found() {
    let memory = record(unconfirmed(), 1);
    let good = token(11);
    let altered = format!("{}A", &good[..good.len() - 1]);
    for (token, now) in [("", NOW), ("x", NOW), (&altered, NOW), (&good, NOW.plus(Duration::from_mins(1)))] {
        assert_eq!(refusal(confirm(&memory, token, now).await), (404, "not_found"), "{token}");
    }
    assert_eq!(state(&memory), (unconfirmed(), 2));
}

#[tokio::test]
async fn a_message_that_was_failing_is_told_to_have_recovered() {
    let memory = record(unconfirmed(), FAILING + 1);
    let app: AppId = id(1);
    memory.state().applications.insert(
        app,
        Application {
            id: app,
            org: "org_a".parse().expect("org"),
            uid: None,
            name: "A".to_owned(),
            throttle_rate: None,
            publish_rate: None,
            metadata: Metadata::new(),
            created_at: NOW,
            updated_at: NOW,
            rev: 1,
        },
    );
    memory.state().messages.insert(
        (app, id(3)),
        Message {
            id: id(3),
            app,
            event_type: "t".to_owned(),
            event_id: Some("e".to_owned()),
            channels: None,
            payload: Some("{}".into()),
            content_type: None,
            at: NOW,
            expires_at: NOW.plus(Duration::from_hours(1)),
            endpoints: Vec::new(),
            held: Vec::new(),
            also: Vec::new(),
            trace: None,
            fans_out: false,
        },
    );
    confirm(&memory, &token(11), NOW).await.expect("confirmed");
    let jobs = memory.state().jobs.clone();
    let [Job::Tell { event_type, data, .. }] = &jobs[..] else { panic!("{jobs:?}") };
    assert_eq!((event_type.as_str(), &data["msgEventId"]), ("message.attempt.recovered", &"e".into()));
    assert_eq!(data["lastAttempt"]["id"], id::<AttemptId>(11).to_string());
}
