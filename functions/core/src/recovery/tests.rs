//! Recovery over ports in memory.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::{
    delivery::{Delivery, Reason, State},
    entity::Endpoint,
    ids::{AppId, Ksuid, OrgId, TaskId},
    job::Job,
    memory::{Bench, Memory},
    message::{Content, Message},
    ports::Ambient as _,
    token::Caller,
};

const NOW: Time = Time::from_secs(1_800_000_000);

struct World {
    memory: Memory,
    bench: Bench,
}

fn app() -> AppId {
    AppId::from_ksuid(Ksuid::from_bytes([1; 20]))
}

fn endpoint(n: u8) -> EndpointId {
    EndpointId::from_ksuid(Ksuid::from_bytes([n; 20]))
}

fn caller() -> Caller {
    Caller::organization("org_a".parse().expect("an organization"))
}

fn message_id(n: u32) -> MessageId {
    MessageId::from_ksuid(Ksuid::new(NOW.minus(Duration::from_secs(10_000 - u64::from(n))), [7; 15]))
}

impl World {
    /// With endpoints 2 and 3.
    fn new() -> Self {
        let world = Self { memory: Memory::default(), bench: Bench::at(NOW) };
        let application = json!({
            "id": app(), "org": "org_a", "rev": 1, "name": "a", "created_at": NOW, "updated_at": NOW,
        });
        let mut state = world.memory.state();
        state.applications.insert(app(), serde_json::from_value(application).expect("an application"));
        for n in [2, 3] {
            let json = json!({
                "id": endpoint(n), "app": app(), "rev": 1, "url": "https://example.com/", "version": 1,
                "secrets": { "current": "k1:" }, "created_at": NOW, "updated_at": NOW,
            });
            state.endpoints.insert((app(), endpoint(n)), serde_json::from_value(json).expect("an endpoint"));
        }
        drop(state);
        world
    }

    fn change(&self, n: u8, change: impl FnOnce(&mut Endpoint)) {
        change(self.memory.state().endpoints.get_mut(&(app(), endpoint(n))).expect("an endpoint"));
    }

    fn publish(&self, n: u32, endpoints: &[u8]) {
        let message = Message {
            id: message_id(n),
            app: app(),
            event_type: "a.b".to_owned(),
            event_id: None,
            channels: None,
            payload: Some("{}".into()),
            content_type: None,
            at: message_id(n).ksuid().time(),
            expires_at: NOW.plus(Duration::from_hours(24)),
            endpoints: endpoints.iter().map(|n| endpoint(*n)).collect(),
            held: Vec::new(),
            also: Vec::new(),
            trace: None,
            fans_out: false,
        };
        self.memory.state().messages.insert((app(), message.id), message);
    }

    fn record(&self, n: u32, at: u8, state: State, tries: u32) {
        let delivery = Delivery::new(app(), endpoint(at), message_id(n), NOW.plus(Duration::from_hours(24)));
        let delivery = Delivery { state, tries, rev: 1, ..delivery };
        self.memory.state().deliveries.insert((delivery.endpoint, delivery.message), delivery);
    }

    fn standing(&self, n: u32, at: u8) -> Option<Delivery> {
        self.memory.state().deliveries.get(&(endpoint(at), message_id(n))).cloned()
    }

    fn is_held(&self, n: u32, at: u8) -> bool {
        self.standing(n, at).is_some_and(|delivery| matches!(delivery.state, State::Held { .. }))
    }

    fn recoveries(&self) -> Recoveries<'_, Memory, Memory, Memory, Bench> {
        let memory = &self.memory;
        Recoveries { directory: memory, record: memory, queues: memory, ambient: &self.bench }
    }

    async fn begin(&self, what: What, body: Value) -> Result<TaskId, u16> {
        let body = serde_json::from_value(body).expect("a body");
        let names = (&*app().to_string(), &*endpoint(2).to_string());
        let begun = self.recoveries().begin(&caller(), self.bench.ksuid(), names, what, body).await;
        let out = serde_json::to_value(begun.map_err(|problem| problem.status())?).expect("JSON");
        assert_eq!(out["status"], "running");
        Ok(out["id"].as_str().and_then(|id| id.parse().ok()).expect("an id"))
    }

    fn worker(&self) -> Recoverer<Memory, Memory, Memory, Bench> {
        let memory = || self.memory.clone();
        Recoverer::new(memory(), memory(), memory(), self.bench.clone())
    }

    /// Works on every job there is, until none is left; gives the last task as it is shown.
    async fn work(&self) -> Value {
        let worker = self.worker();
        let mut last = Value::Null;
        let next = || self.memory.state().jobs.pop();
        while let Some(job) = next() {
            let Job::Task { org, task } = job else { panic!("{job:?}") };
            worker.run(&org, task, self.bench.now().plus(Duration::from_secs(40))).await.expect("worked");
            let task = self.recoveries().task(&caller(), &task.to_string()).await.expect("a task");
            last = serde_json::to_value(task).expect("JSON");
        }
        last
    }
}

const FAILED: State = State::Failed(Reason::Exhausted);
const WAITING: State = State::Waiting { due: NOW, parked: true };

fn since() -> Value {
    json!({ "since": NOW.minus(Duration::from_mins(150)) })
}

#[tokio::test]
async fn what_failed_or_is_being_retried_is_held_once_and_nothing_else() {
    let world = World::new();
    for (n, state, tries) in [
        (999, FAILED, 9),
        (1_001, FAILED, 9),
        (1_002, State::Succeeded, 1),
        (1_003, WAITING, 3),
        (1_004, WAITING, 0),
        (1_005, State::Canceled(Reason::Canceled), 0),
        (1_006, State::Failed(Reason::EndpointDeleted), 0),
    ] {
        world.publish(n, &[2]);
        world.record(n, 2, state, tries);
    }
    world.begin(What::Recover, since()).await.expect("begun");
    let task = world.work().await;
    assert_eq!(
        (&task["status"], &task["data"]["examined"], &task["data"]["changed"]),
        (&json!("finished"), &json!(6), &json!(2))
    );
    let held: Vec<_> = (999..1_007).filter(|n| world.is_held(*n, 2)).collect();
    assert_eq!(held, [1_001, 1_003]);
    let revived = world.standing(1_001, 2).expect("a record");
    assert_eq!((revived.round, revived.tries, revived.rev), (1, 0, 2), "copies of the first round are leftovers now");
    assert_eq!(world.memory.state().valves[&endpoint(2)], 2);
    world.begin(What::Recover, since()).await.expect("begun");
    assert_eq!(world.work().await["data"]["changed"], 0, "what is held already is left alone");
}

#[tokio::test]
async fn a_long_recovery_goes_on_in_other_invocations_and_after_a_death() {
    let world = World::new();
    for n in 1_001..1_351 {
        world.publish(n, &[2]);
        world.record(n, 2, FAILED, 9);
    }
    let id = world.begin(What::Recover, since()).await.expect("begun");
    let org: OrgId = "org_a".parse().expect("an organization");
    let worker = world.worker();
    // No time at all: the job comes again.
    worker.run(&org, id, world.bench.now()).await.expect("worked");
    assert_eq!(world.memory.state().jobs.len(), 2);
    let begun = world.memory.state().tasks[&id].clone();
    world.work().await;
    // It dies before it records a page: the page is done again, and changes nothing.
    world.memory.state().tasks.insert(id, begun);
    world.memory.state().jobs.push(Job::Task { org, task: id });
    let task = world.work().await;
    assert_eq!(
        (&task["status"], &task["data"]["examined"], &task["data"]["changed"]),
        (&json!("finished"), &json!(350), &json!(0))
    );
    assert!((1_001..1_351).all(|n| world.standing(n, 2).is_some_and(|delivery| delivery.rev == 2)));
}

#[tokio::test]
async fn what_was_never_sent_is_sent_where_it_fits() {
    let world = World::new();
    world.change(2, |endpoint| endpoint.event_types = Some(vec!["a.b".to_owned()]));
    world.publish(1_001, &[3]);
    world.publish(1_002, &[2]);
    world.publish(1_003, &[2]);
    world.record(1_003, 2, State::Failed(Reason::EndpointDisabled), 0);
    world.publish(1_004, &[2]);
    world.record(1_004, 2, FAILED, 9);
    world.publish(1_005, &[]);
    world.memory.state().messages.get_mut(&(app(), message_id(1_005))).expect("a message").event_type = "c".to_owned();
    world.begin(What::ReplayMissing, since()).await.expect("begun");
    assert_eq!(world.work().await["data"]["changed"], 2);
    let held: Vec<_> = (1_001..1_006).filter(|n| world.is_held(*n, 2)).collect();
    assert_eq!(held, [1_001, 1_003], "1002 is in the queue, 1004 was attempted, 1005 is of another type");
    assert_eq!(world.memory.state().messages[&(app(), message_id(1_001))].also, [endpoint(2)]);
}

#[tokio::test]
async fn what_waits_is_canceled_with_a_record_or_without() {
    let world = World::new();
    for n in [1_001, 1_002, 1_003] {
        world.publish(n, &[2]);
    }
    world.publish(1_004, &[3]);
    world.record(1_002, 2, WAITING, 1);
    world.record(1_003, 2, State::Succeeded, 1);
    world.begin(What::CancelPending, since()).await.expect("begun");
    assert_eq!(world.work().await["data"]["changed"], 2);
    for n in [1_001, 1_002] {
        assert_eq!(world.standing(n, 2).map(|delivery| delivery.state), Some(State::Canceled(Reason::Canceled)));
    }
    assert_eq!(world.standing(1_004, 2), None);
    let cancel = async |n: u32| {
        let names = (&*app().to_string(), &*message_id(n).to_string(), &*endpoint(2).to_string());
        world.recoveries().cancel(&caller(), names.0, names.1, names.2).await.map_err(|problem| problem.status())
    };
    assert_eq!(cancel(1_001).await, Ok(()), "again");
    assert_eq!(cancel(1_003).await, Err(409));
    assert_eq!(cancel(1_004).await, Err(404));
}

#[tokio::test]
async fn dead_letters_are_listed_newest_first_and_redriven_where_somebody_takes_them() {
    let world = World::new();
    for (n, at) in [(1_001, 2), (1_002, 3), (1_003, 2)] {
        world.publish(n, &[2, 3]);
        world.record(n, at, FAILED, 9);
    }
    let list = async |iterator: Option<String>| {
        let ask = crate::page::Ask::new(Some(2), iterator.as_deref()).expect("a page");
        let page = world.recoveries().dead_letters(&caller(), &app().to_string(), None, (None, None), ask).await;
        serde_json::to_value(page.expect("a list")).expect("JSON")
    };
    let first = list(None).await;
    assert_eq!(first["data"][0]["messageId"], json!(message_id(1_003)));
    assert_eq!((&first["data"][0]["reason"], &first["done"]), (&json!("exhausted"), &json!(false)));
    let second = list(first["iterator"].as_str().map(str::to_owned)).await;
    assert_eq!((second["data"].as_array().map(Vec::len), &second["done"]), (Some(1), &json!(true)));
    world.change(3, |endpoint| endpoint.disabled = true);
    let redrive = RedriveIn::default();
    world.recoveries().redrive(&caller(), world.bench.ksuid(), &app().to_string(), &redrive).await.expect("begun");
    assert_eq!(world.work().await["data"]["changed"], 2);
    assert!(world.is_held(1_001, 2) && world.is_held(1_003, 2) && !world.is_held(1_002, 3));
}

#[tokio::test]
async fn an_iterator_outside_of_the_time_that_is_asked_for_is_no_error() {
    let world = World::new();
    world.publish(1_001, &[2]);
    world.record(1_001, 2, FAILED, 9);
    let at = message_id(1_001).ksuid().time();
    let day = Duration::from_hours(24);
    let list = async |before, after, iterator: Option<&str>| {
        let ask = crate::page::Ask::new(None, iterator).expect("a page");
        let page = world.recoveries().dead_letters(&caller(), &app().to_string(), None, (before, after), ask).await;
        page.expect("a list").data.len()
    };
    let key = DeadKey { message: message_id(1_001), endpoint: endpoint(2) };
    for (iterator, found) in [(None, 1), (Some(key.text()), 0), (Some(format!("-{}", key.text())), 0)] {
        assert_eq!(list(None, None, iterator.as_deref()).await, found, "{iterator:?}");
        // Its place is after the span, before it, and the span's ends are the wrong way round.
        for (before, after) in [(Some(at.minus(day)), None), (None, Some(at.plus(day))), (Some(at), Some(at.plus(day)))]
        {
            assert_eq!(list(before, after, iterator.as_deref()).await, 0, "{iterator:?} {before:?} {after:?}");
        }
    }
}

#[tokio::test]
async fn a_resend_is_one_attempt_by_hand() {
    let world = World::new();
    world.publish(1_001, &[3]);
    let (app, message) = (app().to_string(), message_id(1_001).to_string());
    for at in [2, 3] {
        world.recoveries().resend(&caller(), &app, &message, &endpoint(at).to_string()).await.expect("queued");
    }
    let parcels = world.memory.state().parcels.clone();
    let queued = parcels.iter().map(|parcel| match &parcel.content {
        Content::Delivery(envelope) => envelope.manual.map(|manual| manual.queued),
        Content::Flush(_) => None,
    });
    assert_eq!(queued.collect::<Vec<_>>(), [Some(false), Some(true)]);
    assert_eq!(
        world.memory.state().messages.values().next().map(|message| message.also.clone()),
        Some(vec![endpoint(2)])
    );
    world.change(2, |endpoint| endpoint.disabled = true);
    let refused = world.recoveries().resend(&caller(), &app, &message, &endpoint(2).to_string()).await;
    assert_eq!(refused.map_err(|problem| problem.status()), Err(409));
}

#[tokio::test]
async fn tasks_are_their_organizations_and_disabled_endpoints_are_refused() {
    let world = World::new();
    let id = world.begin(What::Recover, since()).await.expect("begun");
    let other = Caller::organization("org_b".parse().expect("an organization"));
    let shown = world.recoveries().task(&other, &id.to_string()).await;
    assert_eq!(shown.map(drop).map_err(|problem| problem.status()), Err(404));
    let another = AppId::from_ksuid(Ksuid::from_bytes([9; 20]));
    let foreign = Caller { app: Some(another), ..caller() };
    let shown = world.recoveries().task(&foreign, &id.to_string()).await;
    assert_eq!(shown.map(drop).map_err(|problem| problem.status()), Err(404));
    assert_eq!(world.begin(What::Recover, json!({ "since": NOW.plus(Duration::from_secs(1)) })).await, Err(422));
    world.change(2, |endpoint| endpoint.disabled = true);
    assert_eq!(world.begin(What::Recover, since()).await, Err(409));
    assert!(world.begin(What::CancelPending, since()).await.is_ok());
    world.memory.state().endpoints.remove(&(app(), endpoint(2)));
    assert_eq!(world.work().await["status"], "failed");
}

#[tokio::test]
async fn tasks_begin_at_a_pace() {
    let world = World::new();
    let mut begun = 0;
    while world.begin(What::ReplayMissing, since()).await.is_ok() {
        begun += 1;
    }
    assert_eq!((begun, world.begin(What::ReplayMissing, since()).await), (11, Err(429)));
    world.bench.pass(Duration::from_secs(10));
    assert!(world.begin(What::ReplayMissing, since()).await.is_ok());
}
