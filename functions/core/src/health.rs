//! What is known of an endpoint's health, and what follows from it. Pure.
//!
//! It stands on the endpoint's own item and is written only when it changes: a healthy endpoint costs nothing. Each
//! function instance counts failures in its memory ([`Pulse`]); only a conclusion is written, under the endpoint's
//! revision, so that of several instances that conclude the same one writes it, and every message queued from then on
//! names the new revision and makes the others read it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// Failures in a row that open the circuit; one that says "slow down" or that took all its time counts twice.
const OPENING: u32 = 6;
/// Slow requests in a row that send an endpoint to the retry queue (one is enough that was slow in vain), and quick ones
/// that bring it back.
const SLOW_AFTER: u32 = 2;
const QUICK_AFTER: u32 = 20;
/// A request that took longer is slow: it holds the others of its batch.
pub const SLOW: Duration = Duration::from_secs(3);
/// For so long an instance shuns an endpoint that has just made it wait in vain.
const SHUNNED: Duration = Duration::from_secs(5);
/// The first pause of an open circuit, and the longest: each probe that fails doubles it.
pub const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// The written health of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// Whether requests are made at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<Open>,
    /// Nothing has succeeded since then; unset while all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Time>,
    /// Its requests take long: they are made from the retry queue, where they hold nobody else.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub slow: bool,
    /// Why Postrider disabled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<Disabled>,
}

/// An open circuit: no request is made before its time; then one, the probe, tells whether it closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// No request before this.
    pub until: Time,
    /// Seconds of the pause; the next one is twice as long. 0 where the endpoint has asked for it (`Retry-After`), and
    /// nothing else is known against it: when that time is over no probe is needed.
    pub pause: u32,
}

/// Why an endpoint was disabled by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "DisabledBecause")]
pub enum Disabled {
    /// It answered 410 Gone.
    Gone,
    /// It answered with `webhook-delivery: disable`.
    Asked,
    /// Nothing succeeded for days.
    Failing,
}

impl Health {
    /// Whether nothing is known against it.
    pub fn is_well(&self) -> bool {
        *self == Self::default()
    }

    /// The open circuit. What was open only because the endpoint had asked for that closes by itself.
    pub fn circuit(&self, now: Time) -> Option<Open> {
        self.open.filter(|open| open.pause > 0 || open.until > now)
    }
}

/// What a request showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts of one request")]
pub struct Sign {
    /// Whether the endpoint took the delivery.
    pub succeeded: bool,
    /// It said that it is overloaded (429, 502, 503, 504), or did not answer in time.
    pub overloaded: bool,
    /// How long it took.
    pub took: Duration,
    /// It asked not to be called before then.
    pub not_before: Option<Time>,
    /// It was the one request that an open circuit lets through.
    pub probe: bool,
    /// Its delivery had failed before, so that a failure is not the first of a moment.
    pub again: bool,
}

/// An instance's memory of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pulse {
    failures: u32,
    slow: u32,
    quick: u32,
    shunned_until: Option<Time>,
}

impl Pulse {
    /// For how long this instance makes no further requests: one has just waited in vain, too many have failed, or the
    /// endpoint has asked for it.
    pub fn shunned(&self, now: Time) -> Option<Duration> {
        self.shunned_until.filter(|until| *until > now).map(|until| now.until(until))
    }

    /// Takes note of a request; gives the health that is to be written, if it differs from the one that stands.
    pub fn note(&mut self, sign: Sign, standing: &Health, now: Time) -> Option<Health> {
        self.count(sign);
        let in_vain = !sign.succeeded && (sign.took >= SLOW || self.failures >= OPENING);
        // The circuit, which others can close, holds it back for longer.
        let asked = sign.not_before.map(|until| until.min(now.plus(SHUNNED)));
        self.shunned_until = in_vain.then(|| now.plus(SHUNNED)).max(asked);
        let mut health = standing.clone();
        if sign.succeeded {
            health.open = None;
            health.failing_since = None;
        } else {
            health.open = self.open(sign, standing, now);
            if health.open.is_some() && standing.circuit(now).is_none() {
                // Concluded: what comes after the next success is counted anew.
                self.failures = 0;
            }
            if health.open.is_some_and(|open| open.pause > 0) || sign.again {
                health.failing_since = health.failing_since.or(Some(now));
            }
        }
        if self.slow >= SLOW_AFTER {
            health.slow = true;
        } else if self.quick >= QUICK_AFTER {
            health.slow = false;
        }
        (health != *standing).then_some(health)
    }

    fn count(&mut self, sign: Sign) {
        if sign.took >= SLOW {
            (self.slow, self.quick) = (self.slow + if sign.succeeded { 1 } else { SLOW_AFTER }, 0);
        } else {
            (self.slow, self.quick) = (0, self.quick + u32::from(sign.succeeded));
        }
        self.failures = match (sign.succeeded, sign.overloaded) {
            (true, _) => 0,
            (false, true) => self.failures + 2,
            (false, false) => self.failures + 1,
        };
    }

    fn open(&self, sign: Sign, standing: &Health, now: Time) -> Option<Open> {
        let asked = sign.not_before.filter(|until| *until > now);
        let pause = match standing.circuit(now) {
            Some(open) if sign.probe => {
                (Duration::from_secs(u64::from(open.pause)) * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE)
            }
            // It had begun before the circuit opened, and says nothing new.
            Some(open) => return Some(open),
            None if self.failures >= OPENING => FIRST_PAUSE,
            None => asked.map(|_| Duration::ZERO)?,
        };
        let until = now.plus(pause).max(asked.unwrap_or(now));
        Some(Open { until, pause: u32::try_from(pause.as_secs()).unwrap_or(u32::MAX) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_secs(1_800_000_000);
    const QUICK: Duration = Duration::from_millis(20);

    fn sign(succeeded: bool) -> Sign {
        Sign { succeeded, overloaded: false, took: QUICK, not_before: None, probe: false, again: false }
    }

    #[test]
    fn a_healthy_endpoint_is_never_written_and_a_single_failure_neither() {
        let mut pulse = Pulse::default();
        for nth in 0..100 {
            assert_eq!(pulse.note(sign(nth % 3 != 0), &Health::default(), NOW), None);
        }
    }

    #[test]
    fn failures_in_a_row_open_the_circuit_and_overload_counts_twice() {
        for (overloaded, wanted) in [(false, 6), (true, 3)] {
            let mut pulse = Pulse::default();
            let written = (1..)
                .find_map(|nth| Some((nth, pulse.note(Sign { overloaded, ..sign(false) }, &Health::default(), NOW)?)));
            let (nth, health) = written.expect("opens");
            assert_eq!(nth, wanted);
            assert_eq!(health.open, Some(Open { until: NOW.plus(FIRST_PAUSE), pause: 30 }));
            assert_eq!(health.failing_since, Some(NOW));
        }
    }

    #[test]
    fn a_failed_probe_doubles_the_pause_up_to_an_hour_and_others_say_nothing() {
        let mut pulse = Pulse::default();
        let mut health = Health { open: Some(Open { until: NOW, pause: 30 }), ..Health::default() };
        let mut pauses = vec![];
        for _ in 0..9 {
            health = pulse.note(Sign { probe: true, ..sign(false) }, &health, NOW).unwrap_or(health);
            pauses.push(health.open.expect("open").pause);
        }
        assert_eq!(pauses, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]);
        assert_eq!(pulse.note(sign(false), &health, NOW), None);
    }

    #[test]
    fn a_success_closes_and_forgets() {
        let open = Some(Open { until: NOW, pause: 60 });
        let health = Health { open, failing_since: Some(NOW), ..Health::default() };
        assert_eq!(Pulse::default().note(sign(true), &health, NOW), Some(Health::default()));
    }

    #[test]
    fn retry_after_opens_at_once_until_then() {
        let until = NOW.plus(Duration::from_mins(7));
        let asked = Sign { not_before: Some(until), ..sign(false) };
        let health = Pulse::default().note(asked, &Health::default(), NOW).expect("written");
        assert_eq!((health.open, health.failing_since), (Some(Open { until, pause: 0 }), None));
        assert_eq!((health.circuit(NOW), health.circuit(until)), (health.open, None), "no probe is needed");
    }

    #[test]
    fn an_instance_shuns_an_endpoint_for_as_long_as_that_has_asked() {
        let mut pulse = Pulse::default();
        let wait = Duration::from_secs(2);
        pulse.note(Sign { not_before: Some(NOW.plus(wait)), ..sign(false) }, &Health::default(), NOW);
        assert_eq!((pulse.shunned(NOW), pulse.shunned(NOW.plus(wait))), (Some(wait), None));
        pulse.note(Sign { took: SLOW, ..sign(false) }, &Health::default(), NOW);
        assert_eq!(pulse.shunned(NOW), Some(SHUNNED));
    }

    #[test]
    fn slow_requests_make_it_slow_and_many_quick_ones_quick() {
        let mut pulse = Pulse::default();
        let slow = Sign { took: SLOW, ..sign(true) };
        assert_eq!(pulse.note(slow, &Health::default(), NOW), None);
        let health = pulse.note(slow, &Health::default(), NOW).expect("written");
        assert!(health.slow);
        let in_vain = Sign { succeeded: false, ..slow };
        assert!(Pulse::default().note(in_vain, &Health::default(), NOW).expect("written").slow);
        let mut quick = (0..QUICK_AFTER).filter_map(|_| pulse.note(sign(true), &health, NOW));
        assert_eq!(quick.next(), Some(Health::default()));
    }

    #[test]
    fn a_second_failure_of_a_delivery_starts_the_clock_of_disabling() {
        let health = Pulse::default().note(Sign { again: true, ..sign(false) }, &Health::default(), NOW);
        assert_eq!(health.map(|health| (health.failing_since, health.open)), Some((Some(NOW), None)));
    }
}
