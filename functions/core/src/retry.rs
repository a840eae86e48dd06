//! When a failed delivery is tried again.

use std::{str::FromStr, time::Duration};

/// Waits between the attempts of a delivery; after the last one it is dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(Vec<Duration>);

/// Each wait is stretched or shrunk by up to this much, so that a recovering endpoint is not hit by all at once.
const JITTER: f64 = 0.2;

impl Schedule {
    /// The wait after the `tries`-th attempt (counted from 1) has failed; `None` when that was the last.
    /// `dice` is uniform over all its values.
    pub fn wait_after(&self, tries: u32, dice: u32) -> Option<Duration> {
        let base = self.0.get(usize::try_from(tries.checked_sub(1)?).ok()?)?;
        let unit = f64::from(dice) / f64::from(u32::MAX);
        Some(base.mul_f64(1.0 - JITTER + 2.0 * JITTER * unit))
    }
}

/// A retry schedule that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("retry schedule: {0:?} is not a wait such as 5s, 5m, 2h or 1d (at most 7d)")]
pub struct InvalidSchedule(String);

impl FromStr for Schedule {
    type Err = InvalidSchedule;

    /// Such as `5s,5m,30m,2h`. Empty means one attempt only.
    fn from_str(text: &str) -> Result<Self, InvalidSchedule> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(wait).collect::<Result<_, _>>().map(Self)
    }
}

fn wait(text: &str) -> Result<Duration, InvalidSchedule> {
    let invalid = || InvalidSchedule(text.to_owned());
    let unit = text.chars().last().ok_or_else(invalid)?;
    let number: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| invalid())?;
    let secs = match unit {
        's' => number,
        'm' => number.saturating_mul(60),
        'h' => number.saturating_mul(3_600),
        'd' => number.saturating_mul(86_400),
        _ => return Err(invalid()),
    };
    if secs <= 7 * 86_400 { Ok(Duration::from_secs(secs)) } else { Err(invalid()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_the_default_and_ends_after_its_last_wait() {
        let schedule: Schedule = "5s,5m,30m,2h,5h,10h,14h,20h,24h".parse().expect("a schedule");
        assert_eq!(schedule.wait_after(1, u32::MAX / 2).map(|wait| wait.as_secs_f64().round()), Some(5.0));
        assert!(schedule.wait_after(9, 0).is_some());
        assert_eq!(schedule.wait_after(10, 0), None);
        assert_eq!(schedule.wait_after(0, 0), None);
    }

    #[test]
    fn refuses_what_is_not_a_wait() {
        for text in ["5", "s", "5x", "-1s", "8d", "5s;5m", "5é"] {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn jitter_stays_within_a_fifth(dice: u32) {
            let schedule: Schedule = "100s".parse().expect("a schedule");
            let wait = schedule.wait_after(1, dice).expect("a wait").as_secs_f64();
            prop_assert!((79.999..=120.001).contains(&wait));
        }
    }
}
