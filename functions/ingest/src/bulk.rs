//! `POST /api/v1/app/{app_id}/msg/batch`: `{"messages": […]}`, up to a hundred, each as it would be sent by itself.
//!
//! The answer is 202 if all are accepted and 207 if some are not. Either way it says in their order what became of each:
//! `{"data": [{"status": 202, "message": {…}}, {"status": 422, "error": {…}}]}`, with the message or the error as it
//! would be answered by itself. Where the whole request is wrong (its body, its token, the application, a rate) the
//! answer is an error like any other; and if a service failed, 503: some messages may be published then, and the same
//! request with the same `Idempotency-Key` publishes the others.

use postrider_core::{
    history::message_out,
    ports::Unavailable,
    problem::{Problem, from_json},
    publish::{BATCH_LIMIT, BulkIn, BulkOut, BulkRow, Draft, Outcome},
};
use postrider_web::{Answer, json, within_limit};
use serde_json::value::RawValue;

/// Largest body of a request for several messages, in bytes. Lambda takes 6 MB of event, in which the body is a JSON
/// string: escaped, or in base64.
pub const BULK_BODY_LIMIT: usize = 1_048_576;

/// The messages, each by itself: one that cannot be read does not stand in the way of the others.
pub(crate) fn read(body: &[u8]) -> Result<Vec<Result<Draft<'_>, Problem>>, Problem> {
    let BulkIn { messages } = from_json(body)?;
    if !(1..=BATCH_LIMIT).contains(&messages.len()) {
        return Err(Problem::invalid(&["body", "messages"], format!("must be 1 to {BATCH_LIMIT} messages")));
    }
    Ok(messages.into_iter().map(|message| from_json(within_limit(message.get().as_bytes())?)).collect())
}

/// What became of each.
pub(crate) fn answer(outcomes: &[Outcome], with_content: bool) -> Result<Answer, Problem> {
    let row = |outcome: &Outcome| -> Result<BulkRow, Problem> {
        Ok(match outcome {
            Ok(message) => BulkRow::Accepted { status: 202, message: message_out(message, with_content) },
            Err(problem) => {
                let error = RawValue::from_string(problem.body());
                let error = error.map_err(|error| Unavailable::new("writing an answer", error))?;
                BulkRow::Refused { status: problem.status(), error }
            }
        })
    };
    let data: Vec<_> = outcomes.iter().map(row).collect::<Result<_, _>>()?;
    json(if outcomes.iter().all(Result::is_ok) { 202 } else { 207 }, &BulkOut { data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_to_a_hundred_messages_are_read_each_by_itself() {
        let statuses = |body: &str| {
            let read = read(body.as_bytes()).map_err(|problem| problem.body());
            read.map(|all| all.iter().map(|one| one.as_ref().map_or_else(Problem::status, |_| 0)).collect::<Vec<_>>())
        };
        let good = r#"{"eventType":"a","payload":{}}"#;
        let large = format!(r#"{{"eventType":"a","payload":{{"x":"{}"}}}}"#, "x".repeat(262_144));
        let body = format!(r#"{{"messages":[{good},7,{{"eventType":7}},{large}]}}"#);
        assert_eq!(statuses(&body), Ok(vec![0, 422, 422, 413]));
        let many = |n: usize| format!(r#"{{"messages":[{}]}}"#, vec![good; n].join(","));
        assert_eq!(statuses(&many(100)).map(|all| all.len()), Ok(100));
        for body in [many(0), many(101), "{}".to_owned(), r#"{"messages":{}}"#.to_owned()] {
            assert!(statuses(&body).is_err_and(|problem| problem.contains("\"messages\"")), "{body:.60}");
        }
    }
}
