//! Plain HTTP to the API, for what a client library would not send.

use anyhow::Result;
use reqwest::{Client, Method, redirect::Policy};
use serde_json::{Value, json};

/// The API, with a token or without.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    token: Option<String>,
    client: Client,
}

/// What it answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body's text.
    pub text: String,
}

impl Reply {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// Asserts that it is the contract's `{"code", "detail"}` and nothing else, with that status and code.
    #[track_caller]
    pub fn assert_refused(&self, status: u16, code: &str) {
        let body = self.json();
        let detail = body["detail"].as_str().unwrap_or_default();
        assert_eq!((self.status, body["code"].as_str()), (status, Some(code)), "{}", self.text);
        assert_eq!(members(&body), ["code", "detail"], "{}", self.text);
        assert!(!detail.is_empty(), "{}", self.text);
        self.assert_json();
    }

    /// Asserts that it is the contract's `{"detail": [{"loc", "msg", "type"}]}` and nothing else, and that one of the
    /// fields it names is this one.
    #[track_caller]
    pub fn assert_invalid(&self, loc: &[&str]) {
        let body = self.json();
        assert_eq!((self.status, members(&body)), (422, vec!["detail"]), "{}", self.text);
        let items = body["detail"].as_array().map(Vec::as_slice).unwrap_or_default();
        for item in items {
            assert_eq!(members(item), ["loc", "msg", "type"], "{}", self.text);
            assert!(item["msg"].as_str().is_some_and(|msg| !msg.is_empty()), "{}", self.text);
            assert!(item["type"].as_str().is_some_and(|kind| kind.starts_with("value_error")), "{}", self.text);
        }
        assert!(items.iter().any(|item| item["loc"] == json!(loc)), "not about {loc:?}: {}", self.text);
        self.assert_json();
    }

    #[track_caller]
    fn assert_json(&self) {
        let kind = self.headers.get("content-type").and_then(|kind| kind.to_str().ok());
        assert_eq!(kind, Some("application/json"));
    }
}

/// The names of an object's members, sorted.
fn members(value: &Value) -> Vec<&str> {
    value.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default()
}

impl Api {
    /// The API at that URL.
    pub fn new(base: &str, token: Option<&str>) -> Self {
        let client = Client::builder().redirect(Policy::none()).no_proxy().build().expect("a client");
        Self { base: base.to_owned(), token: token.map(str::to_owned), client }
    }

    /// The same, with that token.
    #[must_use]
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), ..self.clone() }
    }

    /// One request; `path` begins below `/api/v1` and may have a query.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<Reply> {
        let mut request = self.client.request(method, format!("{}/api/v1{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Reply { status, headers, text: response.text().await? })
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Result<Reply> {
        self.send(Method::GET, path, &[], None).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Reply> {
        self.send(Method::POST, path, &[], Some(body.to_string().into_bytes())).await
    }

    /// POST with headers, and a body as it is.
    pub async fn post_raw(&self, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Result<Reply> {
        self.send(Method::POST, path, headers, Some(body.into())).await
    }

    /// PUT with a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Reply> {
        self.send(Method::PUT, path, &[], Some(body.to_string().into_bytes())).await
    }

    /// PATCH with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Reply> {
        self.send(Method::PATCH, path, &[], Some(body.to_string().into_bytes())).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Result<Reply> {
        self.send(Method::DELETE, path, &[], None).await
    }
}
