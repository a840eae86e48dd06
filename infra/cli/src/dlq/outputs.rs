//! Which queues: given one by one, or read from what CloudFormation tells of the stack.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use crate::{failure::Failure, input};

const DEAD_LETTERS: &str = "DeadLetterQueueUrl";

/// Where dead letters are.
#[derive(Debug, Args)]
pub(super) struct Source {
    /// A dead-letter queue: the stack's output `DeadLetterQueueUrl` or `DeadLetterQueueArn`.
    #[arg(long, global = true, env = "POSTRIDER_DEAD_LETTER_QUEUE_URL", value_name = "URL|ARN")]
    queue: Option<String>,
    /// All of the stack's, from the output of `aws cloudformation describe-stacks`; - for standard input.
    #[arg(long, global = true, value_name = "FILE")]
    outputs: Option<PathBuf>,
}

/// A dead-letter queue, and the queue that its messages were meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    /// Such as `JobDeadLetterQueue`.
    pub(super) name: String,
    pub(super) dead: String,
    pub(super) origin: Option<String>,
}

impl Source {
    pub(super) fn pairs(&self) -> Result<Vec<Pair>, Failure> {
        if let Some(path) = &self.outputs {
            let text = input::read(path)?;
            let found = serde_json::from_slice(&text).map(|json| pairs(&json)).unwrap_or_default();
            let none = || Failure::Usage(format!("{} names no output …{DEAD_LETTERS}", path.display()));
            return if found.is_empty() { Err(none()) } else { Ok(found) };
        }
        let none = || Failure::Usage("give --queue, or --outputs with what describe-stacks prints".to_owned());
        let dead = self.queue.clone().ok_or_else(none)?;
        let name = dead.rsplit(['/', ':']).next().unwrap_or_default().to_owned();
        Ok(vec![Pair { name, dead, origin: None }])
    }
}

/// `XDeadLetterQueueUrl` is for `XQueueUrl`; without an X, for the delivery queue.
fn pairs(json: &Value) -> Vec<Pair> {
    let outputs = outputs(json);
    let find = |name: &str| outputs.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned());
    let pair = |(name, value): &(&str, &str)| {
        let origin = match name.strip_suffix(DEAD_LETTERS)? {
            "" => find("DeliveryQueueUrl"),
            prefix => find(&format!("{prefix}QueueUrl")),
        };
        Some(Pair { name: name.trim_end_matches("Url").to_owned(), dead: (*value).to_owned(), origin })
    };
    outputs.iter().filter_map(pair).collect()
}

/// Every `{"OutputKey", "OutputValue"}`, however deep (the stack's, `sam list stack-outputs`').
fn outputs(json: &Value) -> Vec<(&str, &str)> {
    match json {
        Value::Array(all) => all.iter().flat_map(outputs).collect(),
        Value::Object(members) => match (json["OutputKey"].as_str(), json["OutputValue"].as_str()) {
            (Some(key), Some(value)) => vec![(key, value)],
            _ => members.values().flat_map(outputs).collect(),
        },
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_queues_of_a_stack_are_paired() {
        let output = |key: &str| json!({ "OutputKey": key, "OutputValue": format!("https://sqs/{key}") });
        let names = ["ApiUrl", "DeadLetterQueueUrl", "JobQueueUrl", "DeliveryQueueUrl", "JobDeadLetterQueueUrl"];
        let stack = json!({ "Stacks": [{ "StackName": "a", "Outputs": names.map(output) }] });
        let pair = |name: &str, origin: &str| Pair {
            name: name.to_owned(),
            dead: format!("https://sqs/{name}Url"),
            origin: Some(format!("https://sqs/{origin}Url")),
        };
        let expected = vec![pair("DeadLetterQueue", "DeliveryQueue"), pair("JobDeadLetterQueue", "JobQueue")];
        assert_eq!(pairs(&stack), expected);
        assert_eq!(pairs(&json!([])), []);
    }
}
