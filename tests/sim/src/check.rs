//! What must hold, looked at while a run goes on and when it has come to rest.

use std::{collections::BTreeSet, time::Duration};

use postrider_core::{
    confirm::Confirmation,
    delivery::{Delivery, Reason, State},
    ids::{EndpointId, MessageId},
    outbound::{Exchange, Outbound},
    ports::DeliveryKey,
    retry::Schedule,
    time::Time,
};

use crate::{
    receiver::{Behaviour, Request},
    scenario::Subscription,
    world::{Inner, Seen, endpoint_id, ring},
};

/// Something happened that must not.
#[derive(Debug, Clone)]
pub struct Violation {
    /// When.
    pub at: Time,
    /// What.
    pub what: String,
}

/// Clocks differ by so much.
const SKEW: Duration = Duration::from_millis(500);
/// An instance uses what it knows of an endpoint for so long.
const CACHED: Duration = Duration::from_secs(11);

/// The deliveries of a request: one, or those of a batch.
fn keys_of(request: &Outbound) -> Option<(usize, Vec<DeliveryKey>)> {
    let nth: usize = request.url.rsplit('/').next()?.parse().ok()?;
    let id = &request.headers.iter().find(|(name, _)| name == "webhook-id")?.1;
    let ids: Vec<MessageId> = if let Ok(id) = id.parse() {
        vec![id]
    } else {
        let body: Vec<serde_json::Value> = serde_json::from_slice(&request.body).ok()?;
        body.iter().filter_map(|event| event["id"].as_str()?.parse().ok()).collect()
    };
    Some((nth, ids.into_iter().map(|id| (endpoint_id(nth), id)).collect()))
}

/// A request begins; gives its number and what will come of it.
pub fn on_request(inner: &mut Inner, request: &Outbound) -> (usize, Exchange) {
    let (nth, keys) = keys_of(request).unwrap_or_default();
    if keys.is_empty() {
        inner.violate("a request that is of no delivery");
    }
    for key in &keys {
        if let Some(wrong) = may_begin(inner, *key) {
            inner.violate(format!("{} {}: {wrong}", key.0, key.1));
        }
    }
    let behaviour = inner.scenario.endpoints.get(nth).map_or(Behaviour::Dead, |endpoint| endpoint.behaviour);
    let now = inner.now;
    let (exchange, taken) = behaviour.answer(now, request.timeout, &mut inner.dice);
    inner.note(|| {
        format!("request to {nth}: {}", keys.iter().map(|key| key.1.to_string()).collect::<Vec<_>>().join(" "))
    });
    if taken {
        confirm(inner, nth, request);
    }
    let task = inner.task();
    inner.requests.push(Request { task, keys, begun: now, ended: None, taken, succeeded: false });
    (inner.requests.len() - 1, exchange)
}

/// Many confirm before they answer, and so before the attempt is recorded.
fn confirm(inner: &mut Inner, nth: usize, request: &Outbound) {
    let Some((_, often)) = inner.scenario.endpoints.get(nth).and_then(|endpoint| endpoint.confirm) else { return };
    let url = request.headers.iter().find(|(name, _)| name == "webhook-confirm-url");
    let token = url.and_then(|(_, url)| url.rsplit('/').next());
    let Some(token) = token.filter(|_| inner.dice.chance(often)) else { return };
    match Confirmation::verify(&ring(), token, inner.now) {
        Ok(it) => drop(inner.tables.notes.insert((it.endpoint, it.message), it.attempt)),
        Err(error) => inner.violate(format!("a confirmation that is none: {error}")),
    }
}

fn may_begin(inner: &Inner, key: DeliveryKey) -> Option<&'static str> {
    let Some(seen) = inner.seen(key) else { return Some("sent without looking at its record") };
    if inner.successes.get(&key).is_some_and(|at| *at < seen.at) {
        return Some("sent again after its success was recorded");
    }
    if let Some(State::Waiting { due, parked: false }) = seen.record.as_ref().map(|record| record.state)
        && due > inner.now.plus(SKEW)
    {
        return Some("sent before it was due");
    }
    if inner.closed.get(&key.0).is_some_and(|since| since.plus(CACHED) < inner.begun()) {
        return Some("sent to an endpoint that is disabled or paused");
    }
    may_probe(inner, key, seen)
}

fn may_probe(inner: &Inner, key: DeliveryKey, seen: &Seen) -> Option<&'static str> {
    let written = inner.opened.get(&key.0).filter(|written| written.plus(CACHED) < inner.begun())?;
    let open = seen.endpoint.as_ref()?.health.circuit(inner.now)?;
    if open.until > inner.now.plus(SKEW) {
        return Some("sent while the circuit is open");
    }
    let others = inner.requests.iter().filter(|other| {
        other.ended.is_none() && other.begun > *written && other.keys.iter().any(|other| other.0 == key.0)
    });
    (others.count() > 0 && inner.injected == 0).then_some("two probes at once")
}

/// A request has ended.
pub fn on_answer(inner: &mut Inner, number: usize, exchange: &Exchange) {
    let now = inner.now;
    inner.note(|| match &exchange.result {
        Ok(answer) => format!("answered {} {:?}", answer.status, answer.headers),
        Err(fault) => format!("{fault:?}"),
    });
    let request = &mut inner.requests[number];
    request.ended = Some(now);
    request.succeeded = exchange.result.as_ref().is_ok_and(|answer| (200..300).contains(&answer.status));
}

/// A record was written over the one that stood.
pub fn on_record(inner: &mut Inner, delivery: &Delivery, standing: Option<&Delivery>) {
    if standing.is_some_and(|standing| standing.state == State::Canceled(Reason::MessageGone)) {
        inner.revived.insert((delivery.endpoint, delivery.message));
    }
    if let Some(wrong) = may_stand(inner, delivery, standing) {
        inner.violate(format!("{} {}: {wrong}", delivery.endpoint, delivery.message));
    }
    if delivery.state == State::Succeeded {
        let now = inner.now;
        inner.successes.entry((delivery.endpoint, delivery.message)).or_insert(now);
    }
}

fn may_stand(inner: &Inner, delivery: &Delivery, standing: Option<&Delivery>) -> Option<String> {
    let key = (delivery.endpoint, delivery.message);
    let schedule: Schedule = inner.scenario.schedule.parse().ok()?;
    match delivery.state {
        State::Succeeded if !sent(inner, key).any(|request| request.succeeded) => {
            return Some("recorded as succeeded, and was not".to_owned());
        }
        State::Succeeded => return None,
        State::Held { .. } if !inner.tables.valves.contains_key(&key.0) => {
            return Some("held without a valve".to_owned());
        }
        _ if standing.is_some_and(|standing| standing.state == State::Succeeded) => {
            return Some("a success was overwritten".to_owned());
        }
        State::Waiting { due, .. } if standing.is_none_or(|standing| standing.tries < delivery.tries) => {
            let last = delivery.attempts.last()?;
            let failed = last.at.plus(Duration::from_millis(last.millis));
            let shortest = schedule.wait_after(delivery.tries, 0)?;
            if failed.plus(shortest) > due.plus(SKEW) {
                return Some(format!("attempted again too early after {} tries", delivery.tries));
            }
        }
        _ => {}
    }
    // It was given up with its message, which came after all.
    if inner.revived.contains(&key) {
        return None;
    }
    let beyond = delivery.tries > 1 && schedule.wait_after(delivery.tries - 1, 0).is_none();
    beyond.then(|| format!("{} tries are more than the schedule has", delivery.tries))
}

/// A valve was removed.
pub fn on_removal(inner: &mut Inner, endpoint: EndpointId) {
    let mut records = inner.tables.deliveries.values();
    if records.any(|record| record.endpoint == endpoint && matches!(record.state, State::Held { .. })) {
        inner.violate(format!("{endpoint}: the valve was removed while deliveries are held"));
    }
}

fn sent(inner: &Inner, key: DeliveryKey) -> impl Iterator<Item = &Request> {
    inner.requests.iter().filter(move |request| request.keys.contains(&key))
}

/// Whether nothing will happen any more.
pub fn is_quiet(inner: &Inner) -> bool {
    inner.actors == 0
        && inner.busy.is_empty()
        && inner.queues.iter().all(|queue| queue.messages().is_empty())
        && inner.tables.deliveries.values().all(|delivery| rests(inner, delivery))
}

/// Whether a delivery has ended, is in the dead-letter queue, or waits for the operator.
fn rests(inner: &Inner, delivery: &Delivery) -> bool {
    let key = (delivery.endpoint, delivery.message);
    let paused = inner.tables.endpoints.get(&key.0).is_some_and(|endpoint| endpoint.delivery.paused);
    delivery.has_ended()
        || given_up(inner, key)
        || (paused && matches!(delivery.state, State::Held { .. }))
        || is_orphan(inner, delivery)
}

/// Whether it is kept only because its message, which nobody has accepted, may still be stored.
fn is_orphan(inner: &Inner, delivery: &Delivery) -> bool {
    let kept = matches!(
        delivery.state,
        State::Waiting { parked: true, .. } | State::Unconfirmed { parked: true, .. } | State::Held { .. }
    );
    kept && !inner.tables.messages.contains_key(&(delivery.app, delivery.message))
}

fn given_up(inner: &Inner, key: DeliveryKey) -> bool {
    inner.dead.iter().any(|dead| dead.key == Some(key) && dead.given_up)
}

/// The run has come to rest.
pub fn at_rest(inner: &mut Inner) {
    let mut wrong = Vec::new();
    for (_, message) in inner.accepted.iter().filter(|(_, message)| !message.has_expired(inner.now)) {
        if !inner.tables.messages.contains_key(&(message.app, message.id)) {
            wrong.push(format!("{}: accepted, and not stored", message.id));
        }
        let keys = message.endpoints.iter().map(|endpoint| (*endpoint, message.id));
        wrong.extend(keys.filter_map(|key| lost(inner, key)));
    }
    wrong.extend(inner.tables.deliveries.values().filter_map(|delivery| untrue(inner, delivery)));
    wrong.extend(doubled(inner));
    wrong.extend((0..inner.scenario.endpoints.len()).filter_map(|nth| too_fast(inner, nth)));
    for what in wrong {
        inner.violate(what);
    }
}

fn lost(inner: &Inner, key: DeliveryKey) -> Option<String> {
    let record = inner.tables.deliveries.get(&key);
    let found = record.is_some() || given_up(inner, key);
    let gone = record.is_some_and(|record| record.state == State::Canceled(Reason::MessageGone));
    (!found || gone).then(|| format!("{} {}: accepted, and lost: {:?}", key.0, key.1, record.map(|r| r.state)))
}

fn untrue(inner: &Inner, delivery: &Delivery) -> Option<String> {
    let key = (delivery.endpoint, delivery.message);
    let buried = || inner.dead.iter().any(|dead| dead.key == Some(key));
    let well = || {
        let healthy = |endpoint: &Subscription| endpoint.behaviour == Behaviour::Healthy && endpoint.confirm.is_none();
        subscription(inner, key).is_some_and(healthy) && inner.scenario.changes.is_empty()
    };
    let wrong = match delivery.state {
        _ if !rests(inner, delivery) => "never ends",
        State::Failed(_) if !buried() => "failed, and is not in the dead-letter queue",
        State::Failed(_) | State::Canceled(Reason::EndpointDeleted) if well() => "failed at a healthy endpoint",
        State::Failed(Reason::EndpointDisabled) if !inner.once_disabled.contains(&key.0) => "was never disabled",
        State::Canceled(Reason::EndpointDeleted) if inner.tables.endpoints.contains_key(&key.0) => "was never deleted",
        _ if given_up(inner, key) && inner.injected == 0 => "the queue gave it up without a reason",
        _ => return None,
    };
    Some(format!("{} {}: {wrong}: {:?}", key.0, key.1, delivery.state))
}

fn subscription(inner: &Inner, key: DeliveryKey) -> Option<&Subscription> {
    let mut all = inner.scenario.endpoints.iter().enumerate();
    all.find(|(n, _)| endpoint_id(*n) == key.0).map(|(_, subscription)| subscription)
}

/// Deliveries that succeeded more often than what went wrong explains.
fn doubled(inner: &Inner) -> Vec<String> {
    // What is not confirmed is sent again.
    let counts = |key: &&DeliveryKey| subscription(inner, **key).is_some_and(|endpoint| endpoint.confirm.is_none());
    let too_often = inner.tables.deliveries.keys().filter(counts).filter_map(|key| {
        let times = sent(inner, *key).filter(|request| request.succeeded).count();
        let excuses = usize::try_from(inner.excuses(*key)).unwrap_or(0);
        (times > 1 + excuses).then(|| format!("{} {}: {times} successes with {excuses} faults", key.0, key.1))
    });
    too_often.collect()
}

/// More deliveries in one second than the endpoint's rate, and one. A copy that the queue has made, or that a crash has left,
/// has the same time as the other, and is counted with it.
fn too_fast(inner: &Inner, nth: usize) -> Option<String> {
    let rate = usize::from(inner.scenario.endpoints[nth].throttle?);
    let endpoint = endpoint_id(nth);
    let mine: Vec<_> =
        inner.requests.iter().filter(|request| request.keys.iter().any(|key| key.0 == endpoint)).collect();
    let crowded = mine.iter().enumerate().find(|(first, request)| {
        let end = request.begun.plus(Duration::from_secs(1));
        let within = mine[*first..].iter().take_while(|other| other.begun < end);
        within.map(|other| &other.keys).collect::<BTreeSet<_>>().len() > rate + 1
    });
    crowded.map(|(_, request)| format!("{endpoint}: more than {rate} requests in a second at {}", request.begun))
}
