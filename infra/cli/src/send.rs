//! `postrider send`: publishes an event.
//!
//! It always goes out with an idempotency key, a random one if none is given, so that a request whose answer is lost is
//! made again without harm.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use clap::Args;
use serde::Serialize;
use serde_json::{Value, value::RawValue};

use crate::{
    console::{FAINT, in_style, mark},
    failure::Failure,
    input, key,
    session::Session,
};

/// Publishes an event, or several of the same.
#[derive(Debug, Args)]
pub(crate) struct Send {
    /// The application: its id or uid.
    app: String,
    /// Such as order.paid.
    event_type: String,
    /// Read the payload from standard input.
    #[arg(value_name = "-", value_parser = ["-"], conflicts_with_all = ["payload", "file"])]
    stdin: Option<String>,
    /// The payload as JSON; {} if none is given.
    #[arg(long, value_name = "JSON", conflicts_with = "file")]
    payload: Option<String>,
    /// A file with the payload; - for standard input.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Your own id of the event, unique in the application. With --count each gets -1, -2, … after it.
    #[arg(long, value_name = "ID")]
    event_id: Option<String>,
    /// What makes repeating the command harmless. With --count each gets -1, -2, … after it.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// A channel, which endpoints can filter by; may be given five times.
    #[arg(long, value_name = "CHANNEL")]
    channel: Vec<String>,
    /// How many, one after the other.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageIn<'a> {
    event_type: &'a str,
    payload: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    channels: &'a [String],
}

impl Send {
    pub(crate) async fn run(self, session: &Session) -> Result<(), Failure> {
        let (client, console, begun) = (session.client()?, &session.console, Instant::now());
        let payload = self.payload()?;
        let key = self.idempotency_key.clone().map_or_else(key::random, Ok)?;
        for number in 1..=self.count {
            let event = MessageIn {
                event_type: &self.event_type,
                payload: &payload,
                event_id: self.event_id.as_deref().map(|id| self.numbered(id, number)),
                channels: &self.channel,
            };
            let sent = Instant::now();
            let ask = client.post(&["app", &self.app, "msg"]).idempotency_key(&self.numbered(&key, number));
            let message: Value = ask.body(&event).send().await?;
            let (id, millis) = (message["id"].as_str().unwrap_or_default(), sent.elapsed().as_millis());
            console.result(&message, || {
                format!("{} {id}  {}  {}", mark(true), self.event_type, in_style(FAINT, format!("{millis} ms")))
            })?;
            console.progress(&format!("{number} of {}", self.count));
        }
        if self.count > 1 {
            console.note(&format!("{} published in {:.1} s", self.count, begun.elapsed().as_secs_f64()));
        }
        Ok(())
    }

    fn numbered(&self, text: &str, number: u32) -> String {
        if self.count == 1 { text.to_owned() } else { format!("{text}-{number}") }
    }

    /// As it is: the very bytes are delivered and signed.
    fn payload(&self) -> Result<Box<RawValue>, Failure> {
        let file = self.file.as_deref().or_else(|| self.stdin.as_deref().map(Path::new));
        let text = match (&self.payload, file) {
            (Some(text), _) => text.clone(),
            (None, Some(path)) => String::from_utf8(input::read(path)?)
                .map_err(|_| Failure::Usage(format!("{} is not UTF-8", path.display())))?,
            (None, None) => "{}".to_owned(),
        };
        serde_json::from_str(&text).map_err(|error| Failure::Usage(format!("the payload is not JSON: {error}")))
    }
}
