//! The scheduler function: once a minute it looks what is due, and in between it takes jobs from their queue.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use postrider_core::work::Letter;
use serde::Deserialize;
use serde_json::Value;

/// What the function is called for.
#[derive(Debug)]
pub enum Call {
    /// A minute has passed.
    Minute,
    /// Jobs.
    Jobs(Vec<Letter>),
}

impl Call {
    /// Whatever has no records is the schedule's.
    pub fn read(event: Value) -> Result<Self, serde_json::Error> {
        if event.get("Records").is_none() {
            return Ok(Self::Minute);
        }
        let event = SqsEvent::deserialize(event)?;
        Ok(Self::Jobs(event.records.into_iter().filter_map(letter).collect()))
    }
}

/// A record without an id cannot be named in the answer; SQS always gives one.
fn letter(message: SqsMessage) -> Option<Letter> {
    Some(Letter { id: message.message_id.filter(|id| !id.is_empty())?, body: message.body.unwrap_or_default() })
}

/// The answer that makes these come again, and no others.
pub fn answer(back: Vec<String>) -> SqsBatchResponse {
    let mut answer = SqsBatchResponse::default();
    for id in back {
        answer.add_failure(id);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(file: &str) -> Value {
        serde_json::from_str(file).expect("JSON")
    }

    #[test]
    fn the_schedule_and_the_queue_are_told_apart() {
        let minute = event(include_str!("../../../events/scheduler/minute.json"));
        assert!(matches!(Call::read(minute), Ok(Call::Minute)));
        let Ok(Call::Jobs(letters)) = Call::read(event(include_str!("../../../events/scheduler/jobs.json"))) else {
            panic!("no jobs")
        };
        let ids: Vec<_> = letters.iter().map(|letter| letter.id.as_str()).collect();
        assert_eq!(ids, ["fan-out", "tell", "nonsense"]);
        let jobs = letters.iter().map(|letter| serde_json::from_str::<postrider_core::job::Job>(&letter.body).is_ok());
        assert_eq!(jobs.collect::<Vec<_>>(), [true, true, false]);
    }

    #[test]
    fn the_answer_names_what_comes_again() {
        let json = serde_json::to_value(answer(vec!["a".to_owned()])).expect("JSON");
        assert_eq!(json, serde_json::json!({"batchItemFailures": [{"itemIdentifier": "a"}]}));
    }
}
