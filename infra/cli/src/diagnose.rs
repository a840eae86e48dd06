//! `postrider diagnose`: why does my webhook not arrive?

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    console::{FAINT, NAME, harmless, in_style, mark},
    failure::Failure,
    session::Session,
};

/// Looks at everything that a delivery depends on: the endpoint, its name, connection, TLS, and a signed test event.
#[derive(Debug, Args)]
pub(crate) struct Diagnose {
    /// The application: its id or uid.
    app: String,
    /// The endpoint: its id or uid.
    endpoint: String,
    /// The type of the test event, if the receiver shall see a certain one.
    #[arg(long, value_name = "TYPE")]
    event_type: Option<String>,
}

/// The API's answer.
#[derive(Debug, Deserialize, Serialize)]
struct Diagnosis {
    ok: bool,
    url: String,
    steps: Vec<Step>,
    verdict: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// One thing that was looked at.
#[derive(Debug, Deserialize, Serialize)]
struct Step {
    name: String,
    ok: bool,
    #[serde(default)]
    skipped: bool,
    millis: u64,
    /// What is wrong, and what to do about it.
    #[serde(default)]
    problem: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Diagnose {
    pub(crate) async fn run(self, session: &Session) -> Result<(), Failure> {
        let mut body = json!({});
        if let Some(event_type) = &self.event_type {
            body["eventType"] = json!(event_type);
        }
        session.console.progress("Resolving, connecting, sending a test event…");
        let client = session.client()?;
        let path = ["app", &self.app, "endpoint", &self.endpoint, "diagnose"];
        let found: Diagnosis = client.post(&path).body(&body).send().await?;
        session.console.result(&found, || found.words())?;
        if found.ok {
            Ok(())
        } else {
            Err(Failure::Failed("a webhook that is published now does not arrive".to_owned()))
        }
    }
}

impl Diagnosis {
    fn words(&self) -> String {
        let head = in_style(NAME, harmless(&self.url));
        let verdict = format!("{} {}", mark(self.ok), harmless(&self.verdict));
        let steps = self.steps.iter().map(Step::words);
        std::iter::once(head).chain(steps).chain([verdict]).collect::<Vec<_>>().join("\n")
    }
}

impl Step {
    fn words(&self) -> String {
        if self.skipped {
            return in_style(FAINT, format!("- {:<13} not looked at", self.name));
        }
        let time = in_style(FAINT, format!("{:>5} ms", self.millis));
        let problem = self.problem.as_deref().map(|problem| format!("  {}", harmless(problem))).unwrap_or_default();
        format!("{} {:<13} {time}{problem}", mark(self.ok), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_a_line_and_the_verdict_is_the_last() {
        let step = |name: &str, ok: bool| json!({ "name": name, "ok": ok, "millis": 12, "facts": { "a": 1 } });
        let mut tls = step("tls", false);
        tls["problem"] = json!("The certificate has expired.");
        let mut request = step("request", false);
        request["skipped"] = json!(true);
        let found = json!({ "ok": false, "endpointId": "ep_1", "url": "https://example.com/", "verdict": "No.",
            "steps": [step("resolve", true), tls, request] });
        let found: Diagnosis = serde_json::from_value(found).expect("a diagnosis");
        let words = anstream::adapter::strip_str(&found.words()).to_string();
        let expected = "https://example.com/\n✔ resolve          12 ms\n✘ tls              12 ms  The certificate has \
                        expired.\n- request       not looked at\n✘ No.";
        assert_eq!(words, expected);
        assert_eq!(serde_json::to_value(&found).expect("JSON")["steps"][0]["facts"]["a"], 1);
    }
}
