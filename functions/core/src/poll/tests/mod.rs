//! Polling over ports in memory.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::{
    entity::{Application, Endpoint},
    ids::{Id as _, Ksuid, MessageId},
    memory::{Bench, Memory},
    message::Message,
    ports::Messages as _,
};

mod consumers;
mod late;
mod order;

const START: Time = Time::from_secs(1_800_000_000);
const DAYS_90: Duration = Duration::from_hours(24 * 90);

struct World {
    memory: Memory,
    bench: Bench,
    caller: Caller,
    app: AppId,
    endpoint: EndpointId,
}

impl World {
    /// With one poller, `ep`.
    fn new() -> Self {
        let (app, endpoint) =
            (AppId::from_ksuid(Ksuid::from_bytes([1; 20])), EndpointId::from_ksuid(Ksuid::from_bytes([2; 20])));
        let memory = Memory::default();
        let application: Application = stored(json!({
            "id": app, "org": "org_a", "uid": "app", "name": "A", "created_at": START, "updated_at": START, "rev": 1,
        }));
        let poller: Endpoint = stored(json!({
            "id": endpoint, "app": app, "uid": "ep", "url": "https://poller.invalid/", "version": 1,
            "secrets": { "current": "k1:AAAA" }, "delivery": { "type": "poller" },
            "created_at": START, "updated_at": START, "rev": 1,
        }));
        memory.state().applications.insert(app, application);
        memory.state().endpoints.insert((app, endpoint), poller);
        let caller = Caller::organization("org_a".parse().expect("org"));
        Self { memory, bench: Bench::at(START), caller, app, endpoint }
    }

    fn poller(&self) -> Poller<'_, Memory, Memory, Bench> {
        Poller { directory: &self.memory, record: &self.memory, ambient: &self.bench }
    }

    /// The n-th message; its id is made now.
    fn message(&self, n: u32) -> Message {
        self.bench.pass(Duration::from_millis(4));
        let at = self.bench.now();
        Message {
            id: MessageId::from_ksuid(self.bench.ksuid()),
            app: self.app,
            event_type: if n.is_multiple_of(2) { "even".to_owned() } else { "odd".to_owned() },
            event_id: None,
            channels: None,
            payload: Some(format!("{{\"n\":{n}}}").into()),
            content_type: None,
            at,
            expires_at: at.plus(DAYS_90),
            endpoints: Vec::new(),
            held: Vec::new(),
            also: Vec::new(),
            trace: None,
            fans_out: false,
        }
    }

    async fn announce(&self, message: &Message) {
        let arrivals: Vec<_> = Arrival::everywhere(message, &[self.endpoint], self.bench.now()).collect();
        self.memory.announce(&arrivals).await.expect("announced");
    }

    async fn publish(&self, n: u32) -> Message {
        let message = self.message(n);
        self.announce(&message).await;
        self.memory.store(std::slice::from_ref(&message)).await.expect("stored");
        message
    }

    async fn publish_all(&self, numbers: std::ops::Range<u32>) {
        for n in numbers {
            self.publish(n).await;
        }
    }

    async fn poll(&self, iterator: Option<&str>, limit: u64) -> Page {
        let ask = PollIn::new(Some(limit), None, iterator, MessageFilter::default()).expect("valid");
        self.poller().poll(&self.caller, "app", "ep", ask).await.map(Page::from).expect("a page")
    }

    /// Everything from there on, page by page.
    async fn poll_all(&self, iterator: Option<&str>, limit: u64) -> Page {
        let mut all = self.poll(iterator, limit).await;
        while !all.done {
            let next = self.poll(Some(&all.iterator), limit).await;
            all = Page { numbers: [all.numbers, next.numbers].concat(), ..next };
        }
        all
    }

    async fn consume(&self, consumer: &str, iterator: Option<&str>, limit: u64) -> Page {
        let ask = PollIn::new(Some(limit), None, iterator, MessageFilter::default()).expect("valid");
        let page = self.poller().poll_consumer(&self.caller, "app", "ep", consumer, ask).await;
        page.map(Page::from).expect("a page")
    }
}

/// A page, with the numbers that the messages were published with.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Page {
    numbers: Vec<u32>,
    iterator: String,
    done: bool,
}

impl From<PollOut> for Page {
    fn from(out: PollOut) -> Self {
        let number = |row: &Value| u32::try_from(row["payload"]["n"].as_u64().expect("a number")).expect("small");
        let rows = serde_json::to_value(&out.data).expect("JSON");
        let numbers = rows.as_array().expect("a list").iter().map(number).collect();
        Self { numbers, iterator: out.iterator, done: out.done }
    }
}

fn stored<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("an entity")
}

#[tokio::test]
async fn who_may_poll_what() {
    let world = World::new();
    let poll = async |caller: &Caller, app: &str, endpoint: &str| {
        let ask = PollIn::new(None, None, None, MessageFilter::default()).expect("valid");
        world.poller().poll(caller, app, endpoint, ask).await.map(drop).map_err(|problem| problem.status())
    };
    let own = Caller { app: Some(world.app), ..world.caller.clone() };
    let other = Caller::organization("org_b".parse().expect("org"));
    assert_eq!(poll(&own, "app", "ep").await, Ok(()));
    assert_eq!(poll(&world.caller, "app", &world.endpoint.to_string()).await, Ok(()));
    assert_eq!(poll(&other, &world.app.to_string(), "ep").await, Err(404));
    assert_eq!(poll(&world.caller, "app", "none").await, Err(404));
    let change = |change: fn(&mut Endpoint)| {
        change(world.memory.state().endpoints.values_mut().next().expect("the poller"));
    };
    world.publish(1).await;
    change(|poller| poller.disabled = true);
    assert_eq!(poll(&own, "app", "ep").await, Err(409));
    world.publish(2).await;
    change(|poller| poller.disabled = false);
    assert_eq!(world.poll(None, 10).await.numbers, [1, 2]);
    change(|poller| poller.delivery = crate::manner::Manner::default());
    assert_eq!(poll(&own, "app", "ep").await, Err(404));
}

#[test]
fn what_is_asked_for_is_checked() {
    let ask = |limit, wait, iterator| {
        let asked = PollIn::new(limit, wait, iterator, MessageFilter::default());
        asked.map(drop).map_err(|problem| problem.status())
    };
    assert_eq!(ask(Some(250), Some(20), Some("1.2")), Ok(()));
    for bad in [ask(Some(251), None, None), ask(None, Some(21), None)] {
        assert_eq!(bad, Err(422));
    }
    for iterator in ["", "1", "1.", ".1", "1.-1", "a.1", "1.99999999999999999999", "msg_x"] {
        assert_eq!(ask(None, None, Some(iterator)), Err(422), "{iterator}");
    }
}

#[tokio::test]
async fn a_poll_that_waits_ends_with_the_first_message_or_its_time() {
    let world = World::new();
    let wait = async |seconds| {
        let ask = PollIn::new(None, Some(seconds), None, MessageFilter::default()).expect("valid");
        let started = world.bench.now();
        let page = world.poller().poll(&world.caller, "app", "ep", ask).await.map(Page::from).expect("a page");
        (page, started.until(world.bench.now()))
    };
    let (page, waited) = wait(20).await;
    assert_eq!((page.numbers.len(), page.done, waited), (0, true, Duration::from_secs(20)));
    let (_, waited) = wait(0).await;
    assert_eq!(waited, Duration::ZERO);
    world.publish(1).await;
    let (page, waited) = wait(20).await;
    assert_eq!((page.numbers, waited), (vec![1], Duration::ZERO));
}

#[tokio::test]
async fn of_an_application_s_polls_not_all_may_wait_and_none_that_finds_something_has_to() {
    let world = World::new();
    let poll = async |wait| {
        let ask = PollIn::new(None, Some(wait), None, MessageFilter::default()).expect("valid");
        world.poller().poll(&world.caller, "app", "ep", ask).await.map(drop).map_err(|problem| problem.status())
    };
    let reserve = || {
        let of = Paced::Waits(world.app);
        pacing::pass(&world.memory, of, world.bench.now(), WAIT_INTERVAL, WAITS_AHEAD)
    };
    for nth in 0..=WAITS_AHEAD {
        assert!(reserve().await.is_ok(), "{nth}");
    }
    assert_eq!((poll(20).await, poll(0).await), (Err(429), Ok(())));
    world.publish(1).await;
    assert_eq!(poll(20).await, Ok(()));
}
