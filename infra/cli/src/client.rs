//! A small client of the API: one request, its answer as JSON, its refusal in words.
//!
//! What may be repeated is repeated, for some seconds: reading always, and publishing with its idempotency key.

use std::{fmt, time::Duration};

use reqwest::{Method, StatusCode, header, redirect::Policy};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use crate::{
    failure::{Failure, chain},
    key,
};

/// For one request; the longest wait that a poller grants is 20 s.
const TIMEOUT: Duration = Duration::from_secs(40);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Pauses before a request is made again.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];
/// `Retry-After` is honoured up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const USER_AGENT: &str = concat!("postrider-cli/", env!("CARGO_PKG_VERSION"));

/// An API token, which is never shown.
#[derive(Clone)]
pub(crate) struct Token(String);

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        Self(text.trim().to_owned())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The API of a deployment, with a token.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<Token>,
}

/// A request to be made.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    client: &'a Client,
    method: Method,
    url: Url,
    body: Option<Vec<u8>>,
    idempotency_key: Option<String>,
    /// Whether asking twice does no harm.
    repeatable: bool,
}

impl Client {
    /// Without redirects: the token is for this server only.
    pub(crate) fn new(base: Url, token: Option<Token>) -> Result<Self, Failure> {
        let http = reqwest::Client::builder().redirect(Policy::none()).user_agent(USER_AGENT).timeout(TIMEOUT);
        let http = http.connect_timeout(CONNECT_TIMEOUT).build().map_err(|error| Failure::Failed(chain(&error)))?;
        Ok(Self { http, base, token })
    }

    pub(crate) fn get(&self, path: &[&str]) -> Ask<'_> {
        Ask { repeatable: true, ..self.ask(Method::GET, path) }
    }

    pub(crate) fn post(&self, path: &[&str]) -> Ask<'_> {
        self.ask(Method::POST, path)
    }

    pub(crate) fn patch(&self, path: &[&str]) -> Ask<'_> {
        Ask { repeatable: true, ..self.ask(Method::PATCH, path) }
    }

    pub(crate) fn delete(&self, path: &[&str]) -> Ask<'_> {
        Ask { repeatable: true, ..self.ask(Method::DELETE, path) }
    }

    /// Below `/api/v1`; every segment may hold anything.
    fn ask(&self, method: Method, path: &[&str]) -> Ask<'_> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        Ask { client: self, method, url, body: None, idempotency_key: None, repeatable: false }
    }
}

impl Ask<'_> {
    /// A parameter of the query.
    pub(crate) fn query(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.url.query_pairs_mut().append_pair(name, &value.to_string());
        self
    }

    /// The same, if there is one.
    pub(crate) fn query_if(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// A JSON body.
    pub(crate) fn body(self, value: &impl Serialize) -> Self {
        Self { body: serde_json::to_vec(value).ok(), ..self }
    }

    /// With this it is done once, however often it is asked for.
    pub(crate) fn idempotency_key(self, key: &str) -> Self {
        Self { idempotency_key: Some(key.to_owned()), repeatable: true, ..self }
    }

    /// With a key of its own, so that it may be repeated.
    pub(crate) fn once(self) -> Result<Self, Failure> {
        Ok(self.idempotency_key(&key::random()?))
    }

    /// Sends it; the answer as JSON.
    pub(crate) async fn send<T: DeserializeOwned>(self) -> Result<T, Failure> {
        let what = self.what();
        let body = self.text().await?;
        let text = if body.is_empty() { "null" } else { &body };
        serde_json::from_str(text)
            .map_err(|error| Failure::Failed(format!("{what}: an answer of another kind: {error}")))
    }

    /// Sends it; the answer as it is.
    pub(crate) async fn text(self) -> Result<String, Failure> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let (failure, wait) = match self.attempt().await {
                Ok(text) => return Ok(text),
                Err(failed) => failed,
            };
            match pauses.next().filter(|_| self.repeatable && failure.may_pass()) {
                Some(pause) => tokio::time::sleep(wait.unwrap_or_default().clamp(pause, LONGEST_PAUSE)).await,
                None => return Err(failure),
            }
        }
    }

    /// Once; a failure with the `Retry-After` that came with it.
    async fn attempt(&self) -> Result<String, (Failure, Option<Duration>)> {
        let mut request = self.client.http.request(self.method.clone(), self.url.clone());
        if let Some(token) = &self.client.token {
            request = request.bearer_auth(&token.0);
        }
        if let Some(key) = &self.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = &self.body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body.clone());
        }
        let response = request.send().await.map_err(|error| (self.unreachable(&error), None))?;
        let (status, wait) = (response.status(), retry_after(&response));
        let text = response.text().await.map_err(|error| (self.unreachable(&error), None))?;
        if status.is_success() { Ok(text) } else { Err((self.refused(status, &text), wait)) }
    }

    fn what(&self) -> String {
        format!("{} {}", self.method, self.url.path())
    }

    fn refused(&self, status: StatusCode, text: &str) -> Failure {
        Failure::Refused { what: self.what(), status: status.as_u16(), detail: detail(status, text) }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let cause = error as &dyn std::error::Error;
        let cause = cause.source().map_or_else(|| error.to_string(), chain);
        Failure::Unreachable { url: self.client.base.to_string(), cause }
    }
}

fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

/// Of the API's `{"code", "detail"}`, where the detail may be a list of fields; or what else was answered.
fn detail(status: StatusCode, text: &str) -> String {
    const LONGEST: usize = 300;
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    match &body["detail"] {
        Value::String(detail) => detail.clone(),
        Value::Array(items) => items.iter().map(field).collect::<Vec<_>>().join("; "),
        _ if text.trim().is_empty() => status.canonical_reason().unwrap_or_default().to_owned(),
        _ => text.chars().take(LONGEST).collect(),
    }
}

/// `payload.amount: must be a number`.
fn field(item: &Value) -> String {
    let loc = item["loc"].as_array().into_iter().flatten().filter_map(Value::as_str).filter(|part| *part != "body");
    format!("{}: {}", loc.collect::<Vec<_>>().join("."), item["msg"].as_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(base: &str) -> Client {
        Client::new(base.parse().expect("a URL"), Some(Token::from("secret"))).expect("a client")
    }

    #[test]
    fn names_of_any_kind_stay_one_segment_of_the_path() {
        let client = client("https://example.com/prefix/");
        let ask = client.get(&["app", "a/b?c#d", "msg"]).query("after", "2026-01-01T00:00:00+01:00");
        let url = "https://example.com/prefix/api/v1/app/a%2Fb%3Fc%23d/msg?after=2026-01-01T00%3A00%3A00%2B01%3A00";
        assert_eq!(ask.url.as_str(), url);
    }

    #[test]
    fn a_token_is_not_shown() {
        assert!(!format!("{:?}", client("https://example.com")).contains("secret"));
    }

    #[test]
    fn a_refusal_names_the_fields() {
        let body = r#"{"detail":[{"loc":["body","payload","a"],"msg":"must be a number","type":"value_error"}]}"#;
        assert_eq!(detail(StatusCode::UNPROCESSABLE_ENTITY, body), "payload.a: must be a number");
        assert_eq!(detail(StatusCode::FORBIDDEN, r#"{"message":"Forbidden"}"#), r#"{"message":"Forbidden"}"#);
        assert_eq!(detail(StatusCode::BAD_GATEWAY, ""), "Bad Gateway");
    }
}
