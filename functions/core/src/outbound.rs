//! One HTTP request to a customer's server, and everything that can come of it.
//!
//! The outcome is typed, never a string: what becomes of a delivery ([`crate::deliver`]) is decided from it.

use std::{future::Future, sync::Arc, time::Duration};

use crate::manner::Method;

/// Bytes of a response body that are read and kept; what is beyond is neither read nor stored.
pub const RESPONSE_LIMIT: usize = 16 * 1024;

/// A request that is ready to be sent: signed, with all its headers.
#[derive(Debug, Clone)]
pub struct Outbound {
    /// How it is asked.
    pub method: Method,
    /// Absolute `http` or `https` URL, as the endpoint was saved.
    pub url: String,
    /// Names in lower case, or as the customer typed them; a later one does not replace an earlier one.
    pub headers: Vec<(String, String)>,
    /// The exact bytes that were signed.
    pub body: Arc<[u8]>,
    /// For the whole exchange: resolve, connect, TLS, send, and read the answer.
    pub timeout: Duration,
}

/// What came of one request, and how long it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Until the response's headers, or until the failure.
    pub duration: Duration,
    /// The response, or why there is none.
    pub result: Result<Answer, Fault>,
}

/// A server's response, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status code. Redirects are never followed.
    pub status: u16,
    /// At most [`RESPONSE_LIMIT`] bytes; what is not UTF-8 is shown as U+FFFD.
    pub body: String,
    /// Those of its headers that mean something here ([`KEPT_HEADERS`]).
    pub headers: Vec<(&'static str, String)>,
}

/// The response headers that mean something: when to come back (RFC 9110, section 10.2.3), what the receiver wants of
/// the sender, and its consent (`CloudEvents` HTTP 1.1 Web Hooks, section 4.2).
pub const KEPT_HEADERS: [&str; 4] =
    ["retry-after", "webhook-delivery", "webhook-allowed-origin", "webhook-allowed-rate"];

impl Answer {
    /// A header that is kept.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(kept, _)| *kept == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The name did not resolve.
    #[error("the host name could not be resolved")]
    Dns,
    /// Refused, reset or unreachable before a response arrived.
    #[error("the connection could not be made or was closed")]
    Connect,
    /// The handshake failed: certificate, name, protocol.
    #[error("the TLS handshake failed")]
    Tls,
    /// No response headers within the attempt's time.
    #[error("no response within the time limit")]
    Timeout,
    /// The address is not one that Postrider may reach (see the address policy in `egress`).
    #[error("endpoints must be on public addresses")]
    Blocked,
    /// Something answered, and it was not HTTP.
    #[error("the answer was not valid HTTP")]
    Protocol,
    /// The URL or a header cannot be sent at all.
    #[error("the request could not be built from the endpoint's configuration")]
    Invalid,
}

/// A URL as it may be shown and remembered: without the name and password that it may hold.
pub fn without_userinfo(url: &str) -> String {
    if !url.contains('@') {
        return url.to_owned();
    }
    let Ok(mut parsed) = url::Url::parse(url) else { return String::new() };
    if parsed.username().is_empty() && parsed.password().is_none() {
        return url.to_owned();
    }
    let _ = parsed.set_username("");
    let _ = parsed.set_password(None);
    parsed.into()
}

/// Sends requests to customers' servers.
pub trait Sender: Send + Sync {
    /// Sends once. Never fails otherwise than in the [`Exchange`], and never takes much longer than the timeout.
    fn send(&self, request: Outbound) -> impl Future<Output = Exchange> + Send;
}

/// Why a document could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfetched {
    /// There was no answer.
    #[error("{0}")]
    Fault(#[from] Fault),
    /// The answer was not 200.
    #[error("the answer was {0}")]
    Status(u16),
    /// It was longer than it may be, broke off, or is not UTF-8.
    #[error("the document was too long, broke off, or was not text")]
    Unreadable,
}

/// Gets documents from servers that the operator has named.
pub trait Fetcher: Send + Sync {
    /// The text at an absolute `http` or `https` URL: all of it, at most `limit` bytes, within `timeout`.
    fn fetch(
        &self,
        url: &str,
        limit: usize,
        timeout: Duration,
    ) -> impl Future<Output = Result<String, Unfetched>> + Send;
}

impl<S: Sender> Sender for Arc<S> {
    async fn send(&self, request: Outbound) -> Exchange {
        self.as_ref().send(request).await
    }
}

impl<F: Fetcher> Fetcher for Arc<F> {
    async fn fetch(&self, url: &str, limit: usize, timeout: Duration) -> Result<String, Unfetched> {
        self.as_ref().fetch(url, limit, timeout).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_password_are_not_shown() {
        for (url, shown) in [
            ("https://user:pass@example.com/a?b=c", "https://example.com/a?b=c"),
            ("https://:pass@example.com/", "https://example.com/"),
            ("https://example.com/a", "https://example.com/a"),
            ("@nonsense", ""),
        ] {
            assert_eq!(without_userinfo(url), shown);
        }
    }
}
