//! What to do with a delivery that was received, from its record and its endpoint. Pure.

use std::time::Duration;

use crate::{
    delivery::{Delivery, Reason, State},
    entity::Endpoint,
    message::{Envelope, Manual},
    ports::Way,
    time::Time,
};

/// Clocks differ, and a message may come back a moment early.
const SKEW: Duration = Duration::from_millis(500);

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: a leftover copy, or somebody else has it.
    Drop,
    /// It is too early.
    Wait(Duration),
    /// Send it to the dead-letter queue: it was recorded as failed, and may not have got there.
    Bury(Reason),
    /// Record that it has ended.
    End(State),
    /// The receiver has not confirmed it in time: a failed attempt.
    Lapse,
    /// Hold it: no request may be made now.
    Hold,
    /// It is for the other queue.
    Move,
    /// Make a request, if nobody else makes the probe of its open circuit.
    Probe,
    /// Make a request.
    Attempt,
    /// Leave it for another time: what is stored cannot be read.
    Leave,
}

/// What is known of the endpoint.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subscription<'a> {
    /// It is there.
    Is(&'a Endpoint),
    /// There is none (any more).
    None,
    /// It is there, and what is stored cannot be read: by this version, perhaps.
    Unreadable,
}

/// Judges one delivery of that queue.
pub(super) fn judge(
    envelope: &Envelope,
    record: Option<&Delivery>,
    endpoint: Subscription<'_>,
    way: Way,
    now: Time,
) -> Verdict {
    if let Some(manual) = envelope.manual {
        return by_hand(manual, envelope, record, endpoint, now);
    }
    let open = record.and_then(|record| standing(envelope, record, now));
    open.unwrap_or_else(|| fresh(envelope, endpoint, way, now))
}

/// Somebody wants to see what this endpoint answers: no state of the delivery, no pause and no open circuit is in the way.
fn by_hand(
    manual: Manual,
    envelope: &Envelope,
    record: Option<&Delivery>,
    endpoint: Subscription<'_>,
    now: Time,
) -> Verdict {
    let is_made = record.is_some_and(|record| record.attempts.iter().any(|attempt| attempt.id == manual.attempt));
    match endpoint {
        Subscription::Unreadable => Verdict::Leave,
        Subscription::Is(endpoint) if !endpoint.disabled && !is_made && envelope.expires_at > now => Verdict::Attempt,
        Subscription::Is(_) | Subscription::None => Verdict::Drop,
    }
}

/// What the record forbids or demands; nothing if an attempt is due.
fn standing(envelope: &Envelope, record: &Delivery, now: Time) -> Option<Verdict> {
    match record.state {
        // Given up because the publisher had died before it stored the message; now it has come back and stored it.
        State::Canceled(Reason::MessageGone) if envelope.woken.is_none() && envelope.expires_at > now => None,
        State::Succeeded | State::Canceled(_) => Some(Verdict::Drop),
        State::Failed(reason) if envelope.round == record.round => Some(Verdict::Bury(reason)),
        _ if envelope.round < record.round => Some(Verdict::Drop),
        // Its valve lets it through as a parked one.
        State::Held { .. } => Some(Verdict::Drop),
        State::Waiting { parked: true, .. } | State::Unconfirmed { parked: true, .. }
            if envelope.woken != Some(record.rev) =>
        {
            Some(Verdict::Drop)
        }
        State::Waiting { due, parked: false } | State::Unconfirmed { due, parked: false } if due > now.plus(SKEW) => {
            Some(Verdict::Wait(now.until(due)))
        }
        State::Unconfirmed { .. } => Some(Verdict::Lapse),
        // Due; or redriven from the dead-letter queue.
        State::Waiting { .. } | State::Failed(_) => None,
    }
}

fn fresh(envelope: &Envelope, endpoint: Subscription<'_>, way: Way, now: Time) -> Verdict {
    match endpoint {
        Subscription::Unreadable => Verdict::Leave,
        _ if envelope.expires_at <= now => Verdict::End(State::Canceled(Reason::MessageGone)),
        Subscription::None => Verdict::End(State::Canceled(Reason::EndpointDeleted)),
        Subscription::Is(endpoint) if endpoint.disabled => Verdict::End(State::Failed(Reason::EndpointDisabled)),
        Subscription::Is(endpoint) => willing(endpoint, way, now),
    }
}

/// How an endpoint that exists and is enabled takes a delivery now.
fn willing(endpoint: &Endpoint, way: Way, now: Time) -> Verdict {
    match endpoint.health.circuit(now) {
        _ if endpoint.delivery.paused || endpoint.delivery.batch.is_some() => Verdict::Hold,
        Some(open) if open.until > now => Verdict::Hold,
        // A probe, or a slow request, must not hold up those that are neither.
        open if way == Way::Prompt && (open.is_some() || endpoint.health.slow) => Verdict::Move,
        Some(_) => Verdict::Probe,
        None => Verdict::Attempt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        health::{Health, Open},
        ids::{AppId, EndpointId, Id as _, Ksuid, MessageId},
    };

    const NOW: Time = Time::from_secs(1_800_000_000);

    fn envelope(round: u32, woken: Option<u64>) -> Envelope {
        Envelope {
            app: AppId::from_ksuid(Ksuid::floor(NOW)),
            endpoint: EndpointId::from_ksuid(Ksuid::floor(NOW)),
            message: MessageId::from_ksuid(Ksuid::floor(NOW)),
            event_type: "a".to_owned(),
            event_id: None,
            expires_at: NOW.plus(Duration::from_secs(1_000)),
            round,
            woken,
            rev: 1,
            slot: None,
            missed: 0,
            trace: None,
            manual: None,
            content_type: None,
            payload: "{}".into(),
        }
    }

    fn judged(state: State, envelope: &Envelope) -> Option<Verdict> {
        let mut record = Delivery::new(envelope.app, envelope.endpoint, envelope.message, envelope.expires_at);
        (record.state, record.round, record.rev) = (state, 1, 7);
        standing(envelope, &record, NOW)
    }

    #[test]
    fn what_has_ended_is_not_attempted_unless_it_was_redriven() {
        let failed = State::Failed(Reason::Exhausted);
        assert_eq!(judged(State::Succeeded, &envelope(2, None)), Some(Verdict::Drop));
        assert_eq!(judged(State::Canceled(Reason::EndpointDeleted), &envelope(2, None)), Some(Verdict::Drop));
        assert_eq!(judged(failed, &envelope(0, None)), Some(Verdict::Drop));
        assert_eq!(judged(failed, &envelope(1, None)), Some(Verdict::Bury(Reason::Exhausted)));
        assert_eq!(judged(failed, &envelope(2, None)), None);
    }

    #[test]
    fn a_waiting_delivery_is_attempted_when_it_is_due() {
        let waiting = |due| State::Waiting { due, parked: false };
        let later = Duration::from_secs(30);
        assert_eq!(judged(waiting(NOW), &envelope(1, None)), None);
        assert_eq!(judged(waiting(NOW.plus(later)), &envelope(1, None)), Some(Verdict::Wait(later)));
        assert_eq!(judged(waiting(NOW), &envelope(0, None)), Some(Verdict::Drop));
    }

    #[test]
    fn a_parked_delivery_is_attempted_only_by_the_copy_of_its_last_waking() {
        let parked = State::Waiting { due: NOW.plus(Duration::from_mins(10)), parked: true };
        assert_eq!(judged(parked, &envelope(1, None)), Some(Verdict::Drop));
        assert_eq!(judged(parked, &envelope(1, Some(6))), Some(Verdict::Drop));
        assert_eq!(judged(parked, &envelope(1, Some(7))), None);
    }

    #[test]
    fn a_held_delivery_waits_for_its_valve_and_an_unconfirmed_one_for_its_receiver() {
        assert_eq!(judged(State::Held { since: NOW }, &envelope(1, Some(7))), Some(Verdict::Drop));
        let unconfirmed = |due, parked| State::Unconfirmed { due, parked };
        let later = Duration::from_secs(30);
        assert_eq!(judged(unconfirmed(NOW.plus(later), false), &envelope(1, None)), Some(Verdict::Wait(later)));
        assert_eq!(judged(unconfirmed(NOW, false), &envelope(1, None)), Some(Verdict::Lapse));
        assert_eq!(judged(unconfirmed(NOW, true), &envelope(1, None)), Some(Verdict::Drop));
        assert_eq!(judged(unconfirmed(NOW.plus(later), true), &envelope(1, Some(7))), Some(Verdict::Lapse));
    }

    #[test]
    fn health_decides_who_takes_a_delivery() {
        let json = serde_json::json!({
            "id": EndpointId::from_ksuid(Ksuid::floor(NOW)), "app": AppId::from_ksuid(Ksuid::floor(NOW)), "rev": 1,
            "url": "https://example.com/", "version": 1, "secrets": { "current": "k1:" }, "created_at": NOW, "updated_at": NOW,
        });
        let mut endpoint: Endpoint = serde_json::from_value(json).expect("an endpoint");
        assert_eq!(willing(&endpoint, Way::Prompt, NOW), Verdict::Attempt);
        endpoint.health.slow = true;
        assert_eq!(willing(&endpoint, Way::Prompt, NOW), Verdict::Move);
        assert_eq!(willing(&endpoint, Way::Retry, NOW), Verdict::Attempt);
        endpoint.health.open = Some(Open { until: NOW.plus(Duration::from_secs(1)), pause: 30 });
        assert_eq!(willing(&endpoint, Way::Prompt, NOW), Verdict::Hold);
        endpoint.health.open = Some(Open { until: NOW, pause: 30 });
        assert_eq!(willing(&endpoint, Way::Prompt, NOW), Verdict::Move);
        assert_eq!(willing(&endpoint, Way::Retry, NOW), Verdict::Probe);
        endpoint.health = Health { open: Some(Open { until: NOW, pause: 0 }), ..Health::default() };
        assert_eq!(willing(&endpoint, Way::Prompt, NOW), Verdict::Attempt, "it had asked for a pause, which is over");
        endpoint.delivery.paused = true;
        assert_eq!(willing(&endpoint, Way::Retry, NOW), Verdict::Hold);
    }

    #[test]
    fn a_message_that_was_stored_late_is_delivered_after_all() {
        let gone = State::Canceled(Reason::MessageGone);
        assert_eq!(judged(gone, &envelope(1, None)), None);
        assert_eq!(judged(gone, &envelope(1, Some(7))), Some(Verdict::Drop));
    }

    #[test]
    fn without_an_endpoint_or_after_its_time_a_delivery_ends() {
        let mut late = envelope(0, None);
        assert_eq!(
            judge(&late, None, Subscription::None, Way::Prompt, NOW),
            Verdict::End(State::Canceled(Reason::EndpointDeleted))
        );
        late.expires_at = NOW;
        assert_eq!(
            judge(&late, None, Subscription::None, Way::Prompt, NOW),
            Verdict::End(State::Canceled(Reason::MessageGone))
        );
    }
}
