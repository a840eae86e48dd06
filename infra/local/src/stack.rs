//! What is done with a local AWS: deploying `infra/template.yaml` into it, and looking at what runs there.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{binaries::Binaries, emulator::Emulator, paths};

/// A stack that was deployed.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Its name, which the names of its functions begin with.
    pub stack: String,
    /// The template's outputs.
    pub outputs: BTreeMap<String, String>,
}

impl Deployment {
    /// One output; an error that names it if the template has no such output.
    pub fn output(&self, name: &str) -> Result<&str> {
        self.outputs.get(name).map(String::as_str).with_context(|| format!("the template has no output {name}"))
    }

    /// The name of a function: of `ingest`, `delivery`, `api` or `scheduler`.
    pub fn function(&self, short: &str) -> String {
        format!("{}-{short}", self.stack)
    }
}

/// The answer to a direct invocation.
#[derive(Debug, Clone, Deserialize)]
pub struct Invocation {
    /// What kind of error the payload is, if it is one.
    pub error: Option<String>,
    /// What the function returned.
    pub payload: Value,
}

/// A line that a function logged, or one that Lambda logs about its invocations (`START`, `END`, `REPORT`).
#[derive(Debug, Clone, Deserialize)]
pub struct LogEvent {
    /// Since the Unix epoch.
    pub at_millis: i64,
    /// The line.
    pub message: String,
}

/// A permission that was used, once or often.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Use {
    /// The ARN of who used it; the role that was assumed is in it.
    pub principal: String,
    /// The `Sid` of the statement that allowed it.
    pub statement: String,
    /// Such as `dynamodb:PutItem`.
    pub action: String,
    /// Its ARN.
    pub resource: String,
}

/// Calls of functions that go wrong: of a thousand, or counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weather {
    /// Throttled: they do nothing.
    pub throttled: u32,
    /// They do what they should, and the answer is lost.
    pub lost: u32,
}

impl Emulator {
    /// So many of a thousand calls of functions go wrong from now on; gives how many have so far.
    pub async fn set_weather(&self, weather: Weather) -> Result<Weather> {
        let counts = self.helper.call("weather", serde_json::to_value(weather)?).await?;
        Ok(serde_json::from_value(counts)?)
    }

    /// Which permissions were used since it was started.
    pub async fn allowed(&self) -> Result<Vec<Use>> {
        Ok(serde_json::from_value(self.helper.call("allowed", json!({})).await?)?)
    }

    /// `infra/template.yaml` as JSON, for a deployment, or to change it first.
    pub async fn template(&self) -> Result<Value> {
        let path = paths::workspace().join("infra/template.yaml");
        self.helper.call("template", json!({ "path": path })).await.context("cannot read infra/template.yaml")
    }

    /// Creates a stack. The template's architecture is this machine's, and endpoints may be on loopback addresses,
    /// unless the parameters say otherwise.
    pub async fn deploy(
        &self,
        stack: &str,
        template: Value,
        parameters: &[(&str, &str)],
        binaries: &Binaries,
    ) -> Result<Deployment> {
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let mut all = BTreeMap::from([("Architecture", architecture), ("AllowedNetworks", "127.0.0.0/8,::1/128")]);
        all.extend(parameters.iter().copied());
        let arguments = json!({ "stack": stack, "template": template, "parameters": all, "binaries": binaries });
        let outputs = self.helper.call("deploy", arguments).await;
        let outputs = outputs.with_context(|| format!("the stack {stack} could not be deployed"))?;
        Ok(Deployment { stack: stack.to_owned(), outputs: serde_json::from_value(outputs)? })
    }

    /// Deletes a stack.
    pub async fn undeploy(&self, stack: &str) -> Result<()> {
        self.helper.call("undeploy", json!({ "stack": stack })).await?;
        Ok(())
    }

    /// Invokes a function and waits for its answer. An error of the function is an answer.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Invocation> {
        let answer = self.helper.call("invoke", json!({ "function": function, "event": event })).await?;
        Ok(serde_json::from_value(answer)?)
    }

    /// Puts an event on the default event bus.
    pub async fn put_event(&self, source: &str, detail_type: &str, detail: &Value) -> Result<()> {
        let event = json!({ "source": source, "detail_type": detail_type, "detail": detail });
        self.helper.call("put_event", event).await?;
        Ok(())
    }

    /// What a function has logged until now. Its last lines may appear only with its next invocation.
    pub async fn logs(&self, function: &str) -> Result<Vec<LogEvent>> {
        let events = self.helper.call("logs", json!({ "function": function })).await?;
        Ok(serde_json::from_value(events)?)
    }

    /// The text of a secret, by its name or ARN.
    pub async fn secret(&self, name: &str) -> Result<String> {
        let text = self.helper.call("secret", json!({ "name": name })).await?;
        Ok(serde_json::from_value(text)?)
    }
}
