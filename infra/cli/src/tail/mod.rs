//! `postrider tail`: attempts as they are made.
//!
//! The API has lists of attempts for each endpoint, newest first. A prompt attempt stands in them where its message
//! stands in time, up to a minute before its own time, and it is recorded when its response has come: so each look goes
//! back over the last [`LOOKBACK`], and shows what it has not shown before.

mod line;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use clap::Args;
use postrider_core::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    client::Client,
    failure::Failure,
    list,
    session::Session,
    stop::Stop,
    when::{When, now},
};

/// Longer than from a message's publication to the record of its prompt attempt: a minute, and the attempt's time.
const LOOKBACK: Duration = Duration::from_mins(3);
const PAUSE: Duration = Duration::from_secs(1);
/// After the API could not be reached, or was not itself.
const LONG_PAUSE: Duration = Duration::from_secs(5);
/// New endpoints are noticed so late.
const ENDPOINTS_FRESH: Duration = Duration::from_secs(10);
/// Messages whose event type is remembered.
const REMEMBERED: usize = 10_000;

/// Shows attempts as they are made, until Ctrl-C.
#[derive(Debug, Args)]
pub(crate) struct Tail {
    /// The application: its id or uid.
    app: String,
    /// Only at this endpoint: its id or uid.
    #[arg(long)]
    endpoint: Option<String>,
    /// Begin with what was attempted since then: 10m, 2h, 3d ago, or an instant.
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Only attempts that failed.
    #[arg(long)]
    failures: bool,
    /// Show what is there, and end.
    #[arg(long)]
    once: bool,
}

/// What the API tells of an attempt, and what is needed of it here.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Attempt {
    id: String,
    msg_id: String,
    endpoint_id: String,
    status: u8,
    response_status_code: u16,
    response_duration_ms: u64,
    #[serde(default)]
    response: String,
    timestamp: Time,
    /// Of its message; the API does not tell it with the attempt.
    #[serde(default)]
    event_type: String,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

#[derive(Debug, Clone, Deserialize)]
struct Endpoint {
    id: String,
    uid: Option<String>,
}

/// What is remembered between two looks.
struct Watch<'a> {
    tail: &'a Tail,
    client: Client,
    begin: Time,
    /// When the last look began that saw everything.
    looked: Option<Time>,
    endpoints: Vec<Endpoint>,
    asked: Option<Instant>,
    shown: HashMap<String, Time>,
    event_types: HashMap<String, String>,
}

impl Tail {
    pub(crate) async fn run(self, session: &Session) -> Result<(), Failure> {
        let begin = self.since.map_or_else(now, |when| when.0);
        let mut watch = Watch::new(&self, session.client()?, begin);
        watch.look(session).await?;
        if self.once {
            return Ok(());
        }
        let mut stop = Stop::new()?;
        session.console.note(&format!("Watching {}; Ctrl-C ends it", self.app));
        tokio::select! {
            result = watch.go_on(session) => result,
            () = stop.wished() => {
                session.console.clear();
                Ok(())
            }
        }
    }
}

impl<'a> Watch<'a> {
    fn new(tail: &'a Tail, client: Client, begin: Time) -> Self {
        let (endpoints, shown, event_types) = (Vec::new(), HashMap::new(), HashMap::new());
        Self { tail, client, begin, looked: None, endpoints, asked: None, shown, event_types }
    }

    /// Looks again and again. An API that is away for a while is waited for.
    async fn go_on(&mut self, session: &Session) -> Result<(), Failure> {
        let mut pause = PAUSE;
        loop {
            tokio::time::sleep(pause).await;
            let looked = Instant::now();
            pause = match self.look(session).await {
                Ok(()) => PAUSE.max(looked.elapsed()),
                Err(failure) if failure.may_pass() => {
                    session.console.note(&format!("{failure}; trying again"));
                    LONG_PAUSE
                }
                Err(failure) => return Err(failure),
            };
        }
    }

    /// Shows what is new.
    async fn look(&mut self, session: &Session) -> Result<(), Failure> {
        self.refresh().await?;
        let (from, begun) = (self.looked.map_or(self.begin, |at| self.begin.max(at.minus(LOOKBACK))), now());
        let mut found = Vec::new();
        for endpoint in &self.endpoints {
            let path = ["app", &self.tail.app, "attempt", "endpoint", &endpoint.id];
            let attempts: Vec<Attempt> = list::all(&self.client, &path, &self.query(from)).await?;
            found.extend(attempts);
        }
        found.retain(|attempt| attempt.timestamp >= self.begin && !self.shown.contains_key(&attempt.id));
        found.sort_by(|a, b| (a.timestamp, &a.id).cmp(&(b.timestamp, &b.id)));
        for mut attempt in found {
            attempt.event_type = self.event_type(&attempt.msg_id).await?;
            let name = self.endpoints.iter().find(|endpoint| endpoint.id == attempt.endpoint_id);
            let name = name.and_then(|endpoint| endpoint.uid.as_deref()).unwrap_or(&attempt.endpoint_id);
            session.console.result(&attempt, || line::line(&attempt, name))?;
            self.shown.insert(attempt.id, attempt.timestamp);
        }
        let old = begun.minus(LOOKBACK * 2);
        self.shown.retain(|_, at| *at >= old);
        self.looked = Some(begun);
        Ok(())
    }

    fn query(&self, from: Time) -> Vec<(&'static str, String)> {
        // Its bounds are exact to a minute.
        let mut query = vec![("after", from.minus(Duration::from_mins(1)).to_string())];
        if self.tail.failures {
            query.push(("status", "2".to_owned()));
        }
        query
    }

    async fn refresh(&mut self) -> Result<(), Failure> {
        if self.asked.is_some_and(|asked| asked.elapsed() < ENDPOINTS_FRESH) {
            return Ok(());
        }
        let app = &self.tail.app;
        self.endpoints = match &self.tail.endpoint {
            Some(endpoint) => vec![self.client.get(&["app", app, "endpoint", endpoint]).send().await?],
            None => list::all(&self.client, &["app", app, "endpoint"], &[]).await?,
        };
        self.asked = Some(Instant::now());
        Ok(())
    }

    /// Empty if the message is not there any more.
    async fn event_type(&mut self, message: &str) -> Result<String, Failure> {
        if let Some(known) = self.event_types.get(message) {
            return Ok(known.clone());
        }
        let ask = self.client.get(&["app", &self.tail.app, "msg", message]).query("with_content", false);
        let event_type = match ask.send::<Value>().await {
            Ok(message) => message["eventType"].as_str().unwrap_or_default().to_owned(),
            Err(Failure::Refused { status: 404, .. }) => String::new(),
            Err(failure) => return Err(failure),
        };
        if self.event_types.len() >= REMEMBERED {
            self.event_types.clear();
        }
        self.event_types.insert(message.to_owned(), event_type.clone());
        Ok(event_type)
    }
}
