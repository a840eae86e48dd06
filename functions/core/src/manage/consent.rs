//! Asking a receiver whether it wants to be sent to (`CloudEvents` HTTP 1.1 Web Hooks for Event Delivery, section 4).
//!
//! Asked before the endpoint is saved, with `OPTIONS`. The receiver grants it in its response, for the whole origin or
//! not at all, and may lower the rate.

use std::{sync::Arc, time::Duration};

use super::Manager;
use crate::{
    entity::Endpoint,
    manner::Method,
    outbound::{Answer, Exchange, Outbound, Sender},
    ports::{Ambient, Directory, Jobs, Keys},
    problem::Problem,
};

const PATIENCE: Duration = Duration::from_secs(5);

impl<D: Directory, K: Keys, A: Ambient, S: Sender, J: Jobs> Manager<'_, D, K, A, S, J> {
    /// Asks for consent where the endpoint wants it and does not have it yet: to this URL, at this rate.
    pub(super) async fn ask_consent(&self, new: &mut Endpoint, old: Option<&Endpoint>) -> Result<(), Problem> {
        if !new.delivery.consent || old.is_some_and(|old| has_consented(old, new)) {
            return Ok(());
        }
        let exchange = self.sender.send(self.question(new)).await;
        let allowed = granted(&exchange, self.origin).map_err(|why| Problem::invalid(&["body", "url"], why))?;
        if let Some(rate) = allowed.filter(|rate| new.throttle_rate.is_none_or(|wanted| *rate < wanted)) {
            new.throttle_rate = Some(rate);
        }
        Ok(())
    }

    fn question(&self, endpoint: &Endpoint) -> Outbound {
        let mut headers = vec![
            ("user-agent".to_owned(), concat!("Postrider/", env!("CARGO_PKG_VERSION")).to_owned()),
            ("webhook-request-origin".to_owned(), self.origin.to_owned()),
        ];
        if let Some(rate) = endpoint.throttle_rate {
            headers.push(("webhook-request-rate".to_owned(), (u32::from(rate) * 60).to_string()));
        }
        let (url, body) = (endpoint.url.clone(), Arc::default());
        Outbound { method: Method::Options, url, headers, body, timeout: PATIENCE }
    }
}

/// A higher rate needs a consent of its own, or the receiver's limit would be gone with the next PUT.
fn has_consented(old: &Endpoint, new: &Endpoint) -> bool {
    let rate = |endpoint: &Endpoint| endpoint.throttle_rate.unwrap_or(u16::MAX);
    old.delivery.consent && old.url == new.url && rate(new) <= rate(old)
}

/// The rate per second that the receiver allows, if it says so; or why it has not consented.
fn granted(exchange: &Exchange, origin: &str) -> Result<Option<u16>, String> {
    let answer = match &exchange.result {
        Ok(answer) => answer,
        Err(fault) => return Err(format!("its consent could not be asked for with an OPTIONS request: {fault}")),
    };
    if !(200..300).contains(&answer.status) {
        return Err(format!("the answer to the OPTIONS request that asks for its consent was {}", answer.status));
    }
    match answer.header("webhook-allowed-origin").map(str::trim) {
        Some(allowed) if allowed == "*" || allowed.eq_ignore_ascii_case(origin) => Ok(allowed_rate(answer)),
        Some(_) => Err(format!("it has consented to another origin than {origin} (WebHook-Allowed-Origin)")),
        None => Err("it answered the OPTIONS request without consenting (no WebHook-Allowed-Origin)".to_owned()),
    }
}

/// Its requests per minute as whole requests per second, of which there is at least one; nothing for `*`.
fn allowed_rate(answer: &Answer) -> Option<u16> {
    let per_minute: u64 = answer.header("webhook-allowed-rate")?.trim().parse().ok()?;
    u16::try_from((per_minute / 60).max(1)).ok()
}
