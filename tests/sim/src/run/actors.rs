//! Who does what in a run.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use futures::future::{Either, select};
use postrider_core::{
    claim::{ClaimKey, fingerprint},
    compose,
    deliver::{Courier, Received, Settings},
    message::{Content, Message},
    ports::{Ambient as _, Way},
    problem::Problem,
    publish::{Draft, Publisher, Repeatable},
    time::Time,
    wake::Waker,
};

use crate::{
    planted::{Bug, Suspect},
    queue::Queued,
    scenario::{Change, START},
    world::{Dead, FUNCTION_TIMEOUT, World, app, endpoint_id, number, org},
};

const SCHEDULER_RUN: Duration = Duration::from_secs(45);
const SCHEDULER_TIMEOUT: Duration = Duration::from_mins(1);
const RELEASES: u32 = 10;
const MINUTE: i64 = 60_000_000;
/// What the API gives a request, and how long a producer waits before it repeats one.
const API_TIMEOUT: Duration = Duration::from_secs(29);
const PATIENCE: Duration = Duration::from_secs(31);
const MOST_TRIES: u8 = 40;

/// A function that takes longer than this is killed.
async fn within<T>(world: &World, limit: Duration, work: impl Future<Output = T>) -> T {
    match select(pin!(work), world.pause(limit)).await {
        Either::Left((value, _)) => value,
        Either::Right(_) => {
            world.lock().excuse("killed: out of time");
            world.die().await;
        }
    }
}

/// An instance of the delivery function, as the event source mapping feeds it.
pub(super) async fn deliver(world: World, way: Way, bug: Option<Bug>) {
    let settings = settings(&world);
    let ledger = Suspect::new(world.clone(), bug);
    let courier = Courier::new(&ledger, world.clone(), world.clone(), world.clone(), world.clone(), settings);
    loop {
        let batch = Receive { world: &world, way, timer: None }.await;
        let latency = world.lock().dice.millis(1, 100);
        world.pause(latency).await;
        let received = batch.iter().map(received).collect();
        let deadline = world.now().plus(FUNCTION_TIMEOUT);
        let back = within(&world, FUNCTION_TIMEOUT, courier.handle(received, way, deadline)).await;
        acknowledge(&world, way, &batch, &ledger.answer(back));
        ledger.acknowledged().await;
        world.lock().end();
    }
}

fn settings(world: &World) -> Settings {
    let scenario = world.lock().scenario.clone();
    Settings {
        schedule: scenario.schedule.parse().expect("a schedule"),
        attempt_timeout: Duration::from_secs(15),
        park_after: scenario.park_after,
        max_receives: scenario.max_receives,
        disable_after: Duration::from_hours(5 * 24),
        compose: compose::Settings {
            user_agent: "simulation".to_owned(),
            event_type_header: "webhook-event-type".to_owned(),
            source: "https://api.example.com".to_owned(),
        },
        api_url: "https://api.example.com".to_owned(),
    }
}

fn received(queued: &Queued) -> Received {
    Received {
        id: queued.id.to_string(),
        receipt: queued.receipt(),
        receives: queued.receives,
        body: queued.body.to_string(),
    }
}

/// Deletes what need not come back. A deleted message may come back all the same.
fn acknowledge(world: &World, way: Way, batch: &[Queued], back: &[String]) {
    let mut inner = world.lock();
    for message in batch.iter().filter(|message| !back.contains(&message.id.to_string())) {
        if inner.is_stormy() {
            inner.excuse("delete");
            continue;
        }
        let deleted = inner.queues[number(way)].delete(&message.receipt());
        if let Some(deleted) = deleted.filter(|_| inner.is_stormy()) {
            inner.note(|| format!("{} comes back", deleted.id));
            inner.excuse("delete");
            let later = inner.now.plus(inner.dice.clone().millis(0, 60_000));
            inner.queues[number(way)].comes_back(deleted, later);
        }
    }
    inner.note(|| format!("acknowledged {} of {}", batch.len().saturating_sub(back.len()), batch.len()));
}

/// Waits for messages.
struct Receive<'a> {
    world: &'a World,
    way: Way,
    timer: Option<Time>,
}

impl Future for Receive<'_> {
    type Output = Vec<Queued>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Vec<Queued>> {
        let this = &mut *self;
        let inner = &mut *this.world.lock();
        let now = inner.now;
        let queue = &mut inner.queues[number(this.way)];
        let (taken, dead) = queue.receive(now, &mut inner.dice);
        let next = queue.next_visible();
        queue.waiters.push(context.waker().clone());
        for message in dead {
            inner.note(|| format!("the queue gives up {}", message.id));
            inner.dead.push(given_up(&message));
        }
        if !taken.is_empty() {
            inner.begin();
            inner.note(|| format!("received {:?}", taken.iter().map(|message| message.id).collect::<Vec<_>>()));
            return Poll::Ready(taken);
        }
        if let Some(next) = next.filter(|next| this.timer != Some(*next) && *next > now) {
            inner.set_timer(next, context);
            this.timer = Some(next);
        }
        Poll::Pending
    }
}

fn given_up(message: &Queued) -> Dead {
    let key = match Content::decode(&message.body) {
        Ok(Content::Delivery(envelope)) => Some((envelope.endpoint, envelope.message)),
        _ => None,
    };
    Dead { key, body: message.body.to_string(), given_up: true }
}

/// The scheduler: at every full minute, unless nothing can be due. One of two is sometimes late, and runs beside the
/// other.
pub(super) async fn schedule(world: World, n: u8) {
    let waker = Waker::new(world.clone(), world.clone(), world.clone(), RELEASES);
    loop {
        let due = NextDue { world: &world, timer: None }.await;
        let micros = world.now().max(due).micros();
        world.until(Time::from_micros((micros / MINUTE + 1) * MINUTE)).await;
        let (late, offset) = {
            let dice = &mut world.lock().dice;
            (dice.chance(2_000), dice.millis(0, 30_000))
        };
        if n > 0 && !late {
            world.pause(Duration::from_mins(30)).await;
            continue;
        }
        if n > 0 {
            world.pause(offset).await;
        }
        let deadline = world.now().plus(SCHEDULER_RUN);
        let done = within(&world, SCHEDULER_TIMEOUT, waker.run(deadline)).await;
        world.lock().note(|| format!("scheduler: {done:?}"));
    }
}

/// Waits until something is due.
struct NextDue<'a> {
    world: &'a World,
    timer: Option<Time>,
}

impl Future for NextDue<'_> {
    type Output = Time;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Time> {
        let this = &mut *self;
        let inner = &mut *this.world.lock();
        match inner.tables.next_due() {
            Some(due) if due <= inner.now => return Poll::Ready(due),
            Some(due) if this.timer != Some(due) => {
                inner.set_timer(due, context);
                this.timer = Some(due);
            }
            _ => {}
        }
        inner.tables.waiters.push(context.waker().clone());
        Poll::Pending
    }
}

/// A producer, who repeats a request with a key until it is answered.
pub(super) async fn produce(world: World, n: u8, tries: u8) {
    let publication = world.lock().scenario.publications[usize::from(n)];
    let repeats = publication.keyed || publication.named;
    if tries == 0 {
        world.until(publication.at).await;
    } else if repeats && tries < MOST_TRIES {
        world.pause(PATIENCE).await;
    } else {
        world.lock().actors -= 1;
        return;
    }
    let name = if publication.named { format!(r#","eventId":"e{n}""#) } else { String::new() };
    let days = publication.days;
    let body = format!(r#"{{"eventType":"a","payload":{{"n":{n}}},"payloadRetentionPeriod":{days}{name}}}"#);
    let draft: Draft<'_> = serde_json::from_str(&body).expect("a draft");
    let key = publication.keyed.then(|| ClaimKey::idempotency(&org(), "/path", &n.to_string()));
    let repeatable = Repeatable { key, fingerprint: fingerprint(&[body.as_bytes()]) };
    let publisher = Publisher::new(world.clone(), world.clone(), world.clone(), world.clone());
    let (org, app) = (org(), app().to_string());
    let answer = within(&world, API_TIMEOUT, publisher.publish(&org, &app, &draft, &repeatable)).await;
    if !answered(&world, n, answer) {
        world.die().await;
    }
}

fn answered(world: &World, n: u8, answer: Result<Message, Problem>) -> bool {
    let mut inner = world.lock();
    match answer {
        Ok(message) => {
            inner.note(|| format!("accepted {}", message.id));
            inner.accepted.push((n, message));
            inner.actors -= 1;
            true
        }
        Err(problem) => {
            inner.note(|| format!("refused: {problem:?}"));
            false
        }
    }
}

/// The operator.
pub(super) async fn operate(world: World) {
    let changes = world.lock().scenario.changes.clone();
    for (at, endpoint, change) in changes {
        world.until(at).await;
        intervene(&world, endpoint, change);
    }
    let calm = world.lock().scenario.calm;
    let calm = if world.lock().scenario.faults > 0 { calm } else { START };
    world.until(calm).await;
    world.lock().actors -= 1;
}

fn intervene(world: &World, nth: usize, change: Change) {
    let mut inner = world.lock();
    inner.note(|| format!("{change:?} {nth}"));
    if change == Change::Redrive {
        for dead in std::mem::take(&mut inner.dead) {
            dead.key.into_iter().for_each(|key| *inner.redriven.entry(key).or_default() += 1);
            let (now, queue) = (inner.now, inner.dice.index(2));
            inner.queues[queue].send(dead.body.into(), now);
        }
        return;
    }
    let Some(mut endpoint) = inner.tables.endpoints.get(&endpoint_id(nth)).cloned() else { return };
    match change {
        Change::Disable => endpoint.disabled = true,
        Change::Enable => {
            endpoint.disabled = false;
            endpoint.health = postrider_core::health::Health::default();
        }
        Change::Pause => endpoint.delivery.paused = true,
        Change::Resume => endpoint.delivery.paused = false,
        Change::Delete | Change::Redrive => drop(inner.tables.endpoints.remove(&endpoint.id)),
    }
    endpoint.rev += 1;
    if change != Change::Delete {
        inner.put_endpoint(endpoint);
    }
}
