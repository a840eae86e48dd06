//! Times on the command line: an instant, or so long ago.

use std::{str::FromStr, time::Duration};

use postrider_core::time::Time;

/// The time.
#[expect(clippy::disallowed_methods, reason = "a tool on somebody's machine: the real clock is the one that counts")]
pub(crate) fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Time::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// `2026-11-23T20:00:00Z`, or `90s`, `10m`, `2h`, `3d` before now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct When(pub(crate) Time);

impl FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let instant = || text.parse::<Time>().ok();
        let ago = || Some(now().minus(duration(text)?));
        ago().or_else(instant).map(Self).ok_or("must be such as 2026-11-23T20:00:00Z, or 10m, 2h, 3d for so long ago")
    }
}

/// A whole number of seconds, minutes, hours or days.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(number.parse::<u32>().ok()?.into()) * seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_and_a_while_ago_are_read() {
        assert_eq!("2026-11-23T20:00:00Z".parse::<When>().map(|when| when.0.secs()), Ok(1_795_464_000));
        for (text, seconds) in [("90s", 90), ("10m", 600), ("2h", 7_200), ("3d", 259_200)] {
            let when = text.parse::<When>().expect("a time").0;
            assert!((when.until(now()).as_secs()).abs_diff(seconds) <= 1, "{text}");
        }
        for text in ["", "m", "10", "10x", "-1m", "2026-11-23", "é"] {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
    }
}
