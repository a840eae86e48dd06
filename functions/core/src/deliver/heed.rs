//! What an endpoint's answer asks for, besides saying yes or no. Pure.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};

use crate::{
    health::{Disabled, Sign},
    outbound::{Exchange, Fault},
    time::Time,
};

/// Nobody is waited for longer because of a `retry-after`.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(24);

/// What the answer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Wish {
    /// No further attempts of this delivery.
    pub(super) abort: bool,
    /// No further deliveries at all.
    pub(super) disable: Option<Disabled>,
    /// No attempt before this.
    pub(super) not_before: Option<Time>,
    /// It has too much to do.
    pub(super) overloaded: bool,
    /// It did not accept the authorization.
    pub(super) unauthorized: bool,
}

impl Wish {
    /// Reads an exchange.
    pub(super) fn of(exchange: &Exchange, now: Time) -> Self {
        let answer = match &exchange.result {
            Ok(answer) => answer,
            Err(fault) => return Self { overloaded: *fault == Fault::Timeout, ..Self::default() },
        };
        let control = answer.header("webhook-delivery").map_or("", str::trim);
        let gone = (answer.status == 410).then_some(Disabled::Gone);
        let failed = !(200..300).contains(&answer.status);
        let wait = answer.header("retry-after").filter(|_| failed).and_then(|text| retry_after(text, now));
        Self {
            abort: failed && (gone.is_some() || matches!(control, "abort-message" | "disable")),
            disable: gone.or_else(|| (control == "disable").then_some(Disabled::Asked)),
            not_before: wait.map(|wait| now.plus(wait.min(LONGEST_RETRY_AFTER))),
            overloaded: matches!(answer.status, 429 | 502 | 503 | 504),
            unauthorized: answer.status == 401,
        }
    }

    /// What it says about the endpoint's health. `retry-after` holds the whole endpoint back only where it says that it
    /// is overloaded, or away (RFC 9110, section 10.2.3).
    pub(super) fn sign(&self, exchange: &Exchange, probe: bool, again: bool) -> Sign {
        let succeeded = exchange.result.as_ref().is_ok_and(|answer| (200..300).contains(&answer.status));
        let not_before = self.not_before.filter(|_| self.overloaded);
        Sign { succeeded, overloaded: self.overloaded, took: exchange.duration, not_before, probe, again }
    }
}

/// Seconds, fractions rounded up, or an HTTP date. What is neither says nothing.
fn retry_after(text: &str, now: Time) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        let whole = seconds.ceil().clamp(0.0, LONGEST_RETRY_AFTER.as_secs_f64());
        return (!seconds.is_nan()).then(|| Duration::from_secs_f64(whole));
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let at = Time::from_micros(Timestamp::as_microsecond(date));
    Some(now.until(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::Answer;

    const NOW: Time = Time::from_secs(784_111_777);

    fn wish(status: u16, headers: &[(&'static str, &str)]) -> Wish {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let result = Ok(Answer { status, body: String::new(), headers });
        Wish::of(&Exchange { duration: Duration::ZERO, result }, NOW)
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_a_date_and_kept_within_a_day() {
        for (text, wanted) in [
            ("120", Some(120)),
            ("1.2", Some(2)),
            ("0", Some(0)),
            ("-5", Some(0)),
            ("1e300", Some(86_400)),
            ("inf", Some(86_400)),
            ("NaN", None),
            ("soon", None),
            ("", None),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some(2 * 60)),
            ("Sun, 06 Nov 1993 08:51:37 GMT", None),
            ("Sat, 05 Nov 1994 08:51:37 GMT", Some(0)),
            ("Fri, 01 Jan 2100 00:00:00 GMT", Some(86_400)),
        ] {
            let wanted = wanted.map(|secs| NOW.plus(Duration::from_secs(secs)));
            assert_eq!(wish(503, &[("retry-after", text)]).not_before, wanted, "{text}");
        }
        assert_eq!(wish(200, &[("retry-after", "120")]).not_before, None);
    }

    #[test]
    fn gone_and_the_receivers_own_words_are_heeded() {
        assert_eq!(wish(410, &[]).disable, Some(Disabled::Gone));
        assert!(wish(410, &[]).abort);
        assert_eq!(wish(200, &[("webhook-delivery", "disable")]).disable, Some(Disabled::Asked));
        assert!(!wish(200, &[("webhook-delivery", "abort-message")]).abort);
        assert!(wish(500, &[("webhook-delivery", "abort-message")]).abort);
        assert_eq!(wish(500, &[("webhook-delivery", "abort-message")]).disable, None);
        assert_eq!(wish(500, &[("webhook-delivery", "other")]), Wish::default());
    }

    #[test]
    fn overload_is_what_says_so_and_what_does_not_answer_in_time() {
        for (status, wanted) in [(429, true), (502, true), (503, true), (504, true), (500, false), (404, false)] {
            assert_eq!(wish(status, &[]).overloaded, wanted, "{status}");
        }
        for (fault, wanted) in [(Fault::Timeout, true), (Fault::Connect, false), (Fault::Dns, false)] {
            let exchange = Exchange { duration: Duration::ZERO, result: Err(fault) };
            assert_eq!(Wish::of(&exchange, NOW).overloaded, wanted);
        }
    }
}
