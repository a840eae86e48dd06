//! An attempt in one line.

use reqwest::StatusCode;

use super::Attempt;
use crate::console::{BAD, DOUBTFUL, FAINT, GOOD, NAME, harmless, in_style};

/// The contract's status of an attempt that succeeded.
const SUCCEEDED: u8 = 0;
/// Characters of a response that are shown.
const LONGEST: usize = 120;

/// Time (UTC), status, endpoint, event type, message, milliseconds, and what went wrong.
pub(super) fn line(attempt: &Attempt, endpoint: &str) -> String {
    let time = attempt.timestamp.to_string();
    let time = time.split_once('T').map_or("", |(_, time)| time.get(..12).unwrap_or(time));
    let succeeded = attempt.status == SUCCEEDED;
    let colour = match attempt.response_status_code {
        _ if succeeded => GOOD,
        429 | 500.. => DOUBTFUL,
        _ => BAD,
    };
    let code = match attempt.response_status_code {
        0 => "---".to_owned(),
        code => code.to_string(),
    };
    let event_type = if attempt.event_type.is_empty() { "?" } else { &attempt.event_type };
    let fault = if succeeded { String::new() } else { format!("  {}", in_style(colour, fault(attempt))) };
    format!(
        "{} {} {} {event_type} {} {:>5} ms{fault}",
        in_style(FAINT, time),
        in_style(colour, code),
        in_style(NAME, endpoint),
        in_style(FAINT, &attempt.msg_id),
        attempt.response_duration_ms,
    )
}

/// Why there was no response, or what the response says.
fn fault(attempt: &Attempt) -> String {
    let said: String = harmless(attempt.response.trim()).chars().take(LONGEST).collect();
    let status = StatusCode::from_u16(attempt.response_status_code).ok();
    match status.and_then(|status| status.canonical_reason()) {
        Some(reason) if said.is_empty() => reason.to_owned(),
        Some(reason) => format!("{reason}: {said}"),
        None => said,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(status: u8, code: u16, response: &str) -> String {
        let attempt = json!({
            "id": "atmpt_1", "msgId": "msg_1", "endpointId": "ep_1", "status": status, "responseStatusCode": code,
            "responseDurationMs": 12, "response": response, "timestamp": "2026-11-23T20:00:01.234567Z",
            "eventType": "order.paid",
        });
        let attempt: Attempt = serde_json::from_value(attempt).expect("an attempt");
        anstream::adapter::strip_str(&line(&attempt, "shop")).to_string()
    }

    #[test]
    fn a_success_a_refusal_and_a_fault_are_told_in_a_line() {
        assert_eq!(shown(0, 204, "fine"), "20:00:01.234 204 shop order.paid msg_1    12 ms");
        let refused = "20:00:01.234 503 shop order.paid msg_1    12 ms  Service Unavailable: go away";
        assert_eq!(shown(2, 503, "go\naway\n"), refused);
        let fault = "20:00:01.234 --- shop order.paid msg_1    12 ms  the host name could not be resolved";
        assert_eq!(shown(2, 0, "the host name could not be resolved"), fault);
    }

    #[test]
    fn a_response_cannot_steer_the_terminal() {
        assert!(!shown(2, 500, "\u{1b}[2Jgone\u{7}").contains(['\u{1b}', '\u{7}']));
    }
}
