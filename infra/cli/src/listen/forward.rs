//! An event on its way to the local server: the request that a delivery would make.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use postrider_core::sign;
use reqwest::{Url, redirect::Policy};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Event, endpoint::Endpoint};
use crate::{
    console::{BAD, FAINT, GOOD, NAME, in_style},
    failure::{Failure, chain},
    session::Session,
    when::now,
};

const TIMEOUT: Duration = Duration::from_secs(30);
/// Pauses before an event is tried again, from the first, doubled, to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const USER_AGENT: &str = concat!("postrider-cli/", env!("CARGO_PKG_VERSION"), " (listen)");
/// What deployments call it unless they are told otherwise.
const EVENT_TYPE: &str = "webhook-event-type";

/// Where events go.
#[derive(Debug)]
pub(super) struct Forwarder<'a> {
    http: reqwest::Client,
    to: Option<&'a Url>,
    endpoint: &'a Endpoint,
    skip_failures: bool,
}

/// A payload that was not published as JSON, in the object that stands for it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    raw_payload: String,
    content_type: String,
}

/// One request and what came of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Forwarded<'a> {
    id: &'a str,
    event_type: &'a str,
    /// From 1.
    attempt: u32,
    taken: bool,
    response_status_code: Option<u16>,
    error: Option<String>,
    millis: u128,
}

impl<'a> Forwarder<'a> {
    /// Without the proxies of the environment: the server is this machine, or near.
    pub(super) fn new(to: Option<&'a Url>, endpoint: &'a Endpoint, skip_failures: bool) -> Result<Self, Failure> {
        let http = reqwest::Client::builder().redirect(Policy::none()).no_proxy().timeout(TIMEOUT);
        let http = http.user_agent(USER_AGENT).build().map_err(|error| Failure::Failed(chain(&error)))?;
        Ok(Self { http, to, endpoint, skip_failures })
    }

    /// Returns when the server has taken the event, or when it may be skipped.
    pub(super) async fn forward(&self, session: &Session, event: &Event) -> Result<(), Failure> {
        let Some(to) = self.to else { return show(session, event) };
        let (mut pause, mut attempt) = (FIRST_PAUSE, 0);
        loop {
            attempt += 1;
            let done = self.attempt(to, event, attempt).await;
            session.console.result(&done, || done.line())?;
            if done.taken || self.skip_failures {
                return Ok(());
            }
            session
                .console
                .progress(&format!("The same again in {} s; --skip-failures would go on", pause.as_secs_f64()));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn attempt<'e>(&self, to: &Url, event: &'e Event, attempt: u32) -> Forwarded<'e> {
        let (body, kind) = content(event);
        let mut request = self.http.post(to.clone()).header("content-type", kind.as_ref());
        let secrets = std::slice::from_ref(&self.endpoint.secret);
        for (name, value) in sign::headers(secrets, &event.id, now(), body.as_bytes()) {
            request = request.header(name, value);
        }
        let begun = Instant::now();
        let result = request.header(EVENT_TYPE, &event.kind).body(body.into_owned()).send().await;
        let status = result.as_ref().ok().map(reqwest::Response::status);
        Forwarded {
            id: &event.id,
            event_type: &event.kind,
            attempt,
            taken: status.is_some_and(|status| status.is_success()),
            response_status_code: status.map(|status| status.as_u16()),
            error: result.err().map(|error| chain(&error)),
            millis: begun.elapsed().as_millis(),
        }
    }
}

/// The bytes that were published, and their type.
fn content(event: &Event) -> (Cow<'_, str>, Cow<'_, str>) {
    let payload = event.payload.get();
    match serde_json::from_str::<Raw>(payload) {
        Ok(raw) => (raw.raw_payload.into(), raw.content_type.into()),
        Err(_) => (payload.into(), "application/json".into()),
    }
}

fn show(session: &Session, event: &Event) -> Result<(), Failure> {
    let value = json!({ "id": event.id, "eventType": event.kind, "payload": event.payload });
    session
        .console
        .result(&value, || format!("{} {} {}", in_style(FAINT, &event.id), in_style(NAME, &event.kind), event.payload))
}

impl Forwarded<'_> {
    fn line(&self) -> String {
        let style = if self.taken { GOOD } else { BAD };
        let status = self.response_status_code.map_or_else(|| "---".to_owned(), |status| status.to_string());
        let error = self.error.as_ref().map(|error| format!("  {}", in_style(BAD, error))).unwrap_or_default();
        let id = in_style(FAINT, self.id);
        format!("{} {} {id} {:>5} ms{error}", in_style(style, status), in_style(NAME, self.event_type), self.millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(payload: &str) -> Event {
        let text = format!(r#"{{"id":"msg_1","eventType":"a","payload":{payload},"channels":null}}"#);
        serde_json::from_str(&text).expect("an event")
    }

    #[test]
    fn the_body_is_what_was_published() {
        let json = event(r#"{ "a":1.50 }"#);
        assert_eq!(content(&json), (r#"{ "a":1.50 }"#.into(), "application/json".into()));
        let xml = event(r#"{"rawPayload":"<a b=\"c\"/>","contentType":"text/xml"}"#);
        assert_eq!(content(&xml), (r#"<a b="c"/>"#.into(), "text/xml".into()));
    }
}
