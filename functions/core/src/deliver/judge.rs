//! What to do with a delivery that was received, from its record and its endpoint. Pure.

use std::time::Duration;

use crate::{
    delivery::{Delivery, Reason, State},
    entity::Endpoint,
    message::Envelope,
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

/// Judges one delivery.
pub(super) fn judge(envelope: &Envelope, record: Option<&Delivery>, endpoint: Subscription<'_>, now: Time) -> Verdict {
    let open = match record {
        Some(record) => standing(envelope, record, now),
        None => None,
    };
    open.unwrap_or_else(|| fresh(envelope, endpoint, now))
}

/// What the record forbids or demands; nothing if an attempt is due.
fn standing(envelope: &Envelope, record: &Delivery, now: Time) -> Option<Verdict> {
    match record.state {
        // Given up because the publisher had died before it stored the message; now it has come back and stored it.
        State::Canceled(Reason::MessageGone) if envelope.woken.is_none() && envelope.expires_at > now => None,
        State::Succeeded | State::Canceled(_) => Some(Verdict::Drop),
        State::Failed(reason) if envelope.round == record.round => Some(Verdict::Bury(reason)),
        _ if envelope.round < record.round => Some(Verdict::Drop),
        State::Waiting { parked: true, .. } => (envelope.woken != Some(record.rev)).then_some(Verdict::Drop),
        State::Waiting { due, .. } if due > now.plus(SKEW) => Some(Verdict::Wait(now.until(due))),
        // Due; or redriven from the dead-letter queue.
        State::Waiting { .. } | State::Failed(_) => None,
    }
}

fn fresh(envelope: &Envelope, endpoint: Subscription<'_>, now: Time) -> Verdict {
    match endpoint {
        Subscription::Unreadable => Verdict::Leave,
        _ if envelope.expires_at <= now => Verdict::End(State::Canceled(Reason::MessageGone)),
        Subscription::None => Verdict::End(State::Canceled(Reason::EndpointDeleted)),
        Subscription::Is(endpoint) if endpoint.disabled => Verdict::End(State::Failed(Reason::EndpointDisabled)),
        Subscription::Is(_) => Verdict::Attempt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{AppId, EndpointId, Id as _, Ksuid, MessageId};

    const NOW: Time = Time::from_secs(1_800_000_000);

    fn envelope(round: u32, woken: Option<u64>) -> Envelope {
        Envelope {
            app: AppId::from_ksuid(Ksuid::floor(NOW)),
            endpoint: EndpointId::from_ksuid(Ksuid::floor(NOW)),
            message: MessageId::from_ksuid(Ksuid::floor(NOW)),
            event_type: "a".to_owned(),
            expires_at: NOW.plus(Duration::from_secs(1_000)),
            round,
            woken,
            rev: 1,
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
    fn a_message_that_was_stored_late_is_delivered_after_all() {
        let gone = State::Canceled(Reason::MessageGone);
        assert_eq!(judged(gone, &envelope(1, None)), None);
        assert_eq!(judged(gone, &envelope(1, Some(7))), Some(Verdict::Drop));
    }

    #[test]
    fn without_an_endpoint_or_after_its_time_a_delivery_ends() {
        let mut late = envelope(0, None);
        assert_eq!(judge(&late, None, Subscription::None, NOW), Verdict::End(State::Canceled(Reason::EndpointDeleted)));
        late.expires_at = NOW;
        assert_eq!(judge(&late, None, Subscription::None, NOW), Verdict::End(State::Canceled(Reason::MessageGone)));
    }
}
