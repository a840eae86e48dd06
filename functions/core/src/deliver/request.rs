//! The request itself: keys and authorization opened, composed, and sent; once more where a token was not accepted.

use std::time::Duration;

use super::{Courier, Fate, Queues, Store};
use crate::{
    authorize::{Header, Unauthorized},
    compose::{Call, Event},
    confirm::Confirmation,
    delivery::{Attempt, FaultClass},
    entity::Endpoint,
    ids::AttemptId,
    manner::Auth,
    open::{self, Opened},
    outbound::{Exchange, Fault, Outbound, Sender, without_userinfo},
    ports::{Ambient, Keys},
    time::Time,
};

/// What came of a request, or why none could be made.
pub(super) struct Sent {
    result: Result<Exchange, Unauthorized>,
    /// The customer's servers together: a token endpoint that is slow holds a batch as the receiver does.
    took: Duration,
}

/// What authorizes a request, if anything has to.
pub(super) struct Authorization {
    header: Result<Option<Header>, Unauthorized>,
    took: Duration,
}

/// When and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) at: Time,
    pub(super) timeout: Duration,
}

impl<D: Store, Q: Queues, S: Sender, K: Keys, A: Ambient> Courier<D, Q, S, K, A> {
    /// The keys that sign now: the current one, then the old ones in grace; with the keyring that opens the rest.
    pub(super) async fn opened(&self, endpoint: &Endpoint) -> Result<Opened, Fate> {
        open::opened(&self.keys, endpoint, self.ambient.now()).await.map_err(|error| {
            tracing::error!(endpoint = %endpoint.id, error = %crate::ports::chain(&error), "nothing could be opened");
            Fate::Failed
        })
    }

    /// The request with one event.
    pub(super) async fn send_event(
        &self,
        endpoint: &Endpoint,
        opened: &Opened,
        authorization: Authorization,
        event: Event<'_>,
        attempt: AttemptId,
        moment: Moment,
    ) -> Sent {
        let confirm_url = self.confirm_url(endpoint, opened, &event, attempt, moment.at);
        let event = Event { trace: event.trace.map(|trace| trace.attempt(attempt)), ..event };
        let compose = |authorization: Option<&Header>, timeout| {
            let confirm_url = confirm_url.as_deref();
            let call = self.call(endpoint, opened, authorization, moment.at, timeout);
            Call { confirm_url, ..call }.event(&event)
        };
        self.send(endpoint, opened, authorization, moment, compose).await
    }

    /// The request with several events.
    pub(super) async fn send_batch(
        &self,
        endpoint: &Endpoint,
        opened: &Opened,
        authorization: Authorization,
        events: &[Event<'_>],
        moment: Moment,
    ) -> Sent {
        let compose = |authorization: Option<&Header>, timeout| {
            self.call(endpoint, opened, authorization, moment.at, timeout).batch(events)
        };
        self.send(endpoint, opened, authorization, moment, compose).await
    }

    fn call<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        opened: &'a Opened,
        authorization: Option<&'a Header>,
        at: Time,
        timeout: Duration,
    ) -> Call<'a> {
        let (settings, secrets) = (&self.settings.compose, opened.secrets.as_slice());
        Call { settings, endpoint, secrets, authorization, confirm_url: None, at, timeout }
    }

    /// A token that is not accepted may have been revoked: a new one is asked for, once. A 401 has done nothing.
    async fn send(
        &self,
        endpoint: &Endpoint,
        opened: &Opened,
        authorization: Authorization,
        moment: Moment,
        compose: impl Fn(Option<&Header>, Duration) -> Outbound + Sync,
    ) -> Sent {
        let left = || moment.timeout.saturating_sub(moment.at.until(self.ambient.now()));
        let Authorization { header, mut took } = authorization;
        let header = match header {
            Ok(header) => header,
            Err(error) => return Sent { result: Err(error), took },
        };
        let exchange = self.sender.send(compose(header.as_ref(), left())).await;
        took += exchange.duration;
        let refused = exchange.result.as_ref().is_ok_and(|answer| answer.status == 401);
        let (Some(used), Auth::OAuth2 { .. }, true) = (header, &endpoint.delivery.auth, refused) else {
            return Sent { result: Ok(exchange), took };
        };
        self.tokens.forget(endpoint.id, &used);
        let again = self.authorization(endpoint, opened, left()).await;
        took += again.took;
        let result = match again.header {
            Ok(header) => Ok(self.sender.send(compose(header.as_ref(), left())).await),
            Err(error) => Err(error),
        };
        took += result.as_ref().map_or(Duration::ZERO, |exchange| exchange.duration);
        Sent { result, took }
    }

    /// The header that the endpoint wants. It may have to be asked for, which takes up to the timeout.
    pub(super) async fn authorization(&self, endpoint: &Endpoint, opened: &Opened, timeout: Duration) -> Authorization {
        let before = self.ambient.now();
        let ports = (&self.keys, &self.tokens, &self.sender);
        let header = open::authorization(ports, endpoint, opened, before, timeout).await;
        Authorization { header, took: before.until(self.ambient.now()) }
    }

    fn confirm_url(
        &self,
        endpoint: &Endpoint,
        opened: &Opened,
        event: &Event<'_>,
        attempt: AttemptId,
        at: Time,
    ) -> Option<String> {
        let confirming = endpoint.delivery.confirm?;
        // Its time begins with the answer, which may take as long as an attempt may.
        let within = Duration::from_secs(u64::from(confirming.within_seconds)) + self.settings.attempt_timeout;
        let (app, expires_at) = (endpoint.app, at.plus(within));
        let confirmation = Confirmation { app, endpoint: endpoint.id, message: event.id, attempt, expires_at };
        confirmation.url(&opened.ring, &self.settings.api_url)
    }
}

/// The record of what was sent, or was not; and what it shows of the endpoint, its token endpoint included.
pub(super) fn record_of(sent: Sent, id: AttemptId, at: Time, url: &str) -> (Attempt, Exchange) {
    let url = without_userinfo(url);
    match sent.result {
        Ok(exchange) => {
            let attempt = Attempt::new(id, at, url, exchange.clone());
            (attempt, Exchange { duration: sent.took, ..exchange })
        }
        Err(error) => {
            let fault = if let Unauthorized::Fault(fault) = error { fault } else { Fault::Invalid };
            let exchange = Exchange { duration: sent.took, result: Err(fault) };
            let attempt = Attempt {
                fault: Some(error.class()),
                response: format!("{}: {error}", FaultClass::Authorization.as_str()),
                ..Attempt::new(id, at, url, exchange.clone())
            };
            (attempt, exchange)
        }
    }
}
