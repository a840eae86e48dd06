//! What functions say of their own invocations.

use anyhow::Result;
use serde_json::Value;

use crate::{Stack, eventually, world};

/// One line of a function's log about one invocation.
#[derive(Debug)]
pub struct Usage(pub Value);

impl Usage {
    /// A field that is a number; 0 where there is none.
    pub fn get(&self, field: &str) -> f64 {
        self.0[field].as_f64().unwrap_or_default()
    }

    /// Whether a field counts so many.
    pub fn is(&self, field: &str, count: u32) -> bool {
        (self.get(field) - f64::from(count)).abs() < 0.01
    }

    /// Counts of one operation, from text such as `DynamoDB.PutItem=1`.
    pub fn operation(&self, name: &str) -> u64 {
        let all = self.0["requests"].as_str().unwrap_or_default();
        let mut counts = all.split_whitespace().filter_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        counts.next().and_then(|count| count.parse().ok()).unwrap_or_default()
    }
}

/// The lines of a function with that message, once there are at least `count`.
pub async fn usages(stack: &Stack, function: &str, message: &str, count: usize) -> Result<Vec<Usage>> {
    let name = stack.deployment.function(function);
    let lines = || async {
        let events = world().emulator.logs(&name).await?;
        let lines = events.iter().filter_map(|event| serde_json::from_str::<Value>(&event.message).ok());
        let mine: Vec<_> = lines.filter(|line| line["message"] == message).map(Usage).collect();
        Ok(Some(mine).filter(|mine| mine.len() >= count))
    };
    eventually(&format!("{count} lines of {function}"), lines).await
}
