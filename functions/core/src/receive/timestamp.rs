//! When a request was signed.

use std::time::Duration;

use super::Refused;
use crate::time::Time;

/// Five minutes, as Standard Webhooks, Stripe and Slack recommend.
pub(super) const TOLERANCE: Duration = Duration::from_mins(5);
/// Larger numbers are milliseconds: as seconds they would be beyond the year 5000.
const LARGEST_SECONDS: i64 = 99_999_999_999;

/// Refuses what was signed too long ago, or too far ahead. The text must be part of what was signed.
pub(super) fn timely(text: &str, now: Time, tolerance: Duration) -> Result<(), Refused> {
    let at = read(text).ok_or(Refused::Malformed("the timestamp is not a time"))?;
    if at < now.minus(tolerance) || at > now.plus(tolerance) { Err(Refused::OutOfTime) } else { Ok(()) }
}

/// Seconds or milliseconds since the Unix epoch, or a date and time with an offset (RFC 3339).
fn read(text: &str) -> Option<Time> {
    let Ok(number) = text.parse::<i64>() else { return text.parse().ok() };
    Some(if number > LARGEST_SECONDS { Time::from_millis(number) } else { Time::from_secs(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_the_tolerance_both_ways() {
        let now = Time::from_secs(1_800_000_000);
        let of = |text: &str| timely(text, now, TOLERANCE);
        for text in ["1800000000", "1799999700", "1800000300", "1800000000123", "2027-01-15T08:00:00Z"] {
            assert_eq!(of(text), Ok(()), "{text}");
        }
        for text in
            ["1799999699", "1800000301", "0", "-9223372036854775808", "9223372036854775807", "2027-01-15T07:00:00Z"]
        {
            assert_eq!(of(text), Err(Refused::OutOfTime), "{text}");
        }
        for text in ["", "now", "1e9", "9223372036854775808"] {
            assert!(matches!(of(text), Err(Refused::Malformed(_))), "{text}");
        }
    }
}
