//! The test event, composed and sent exactly as a delivery is.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{Doctor, Step, words};
use crate::{
    authorize::{Header, Tokens},
    compose::{Call, Event},
    confirm::Confirmation,
    entity::Endpoint,
    ids::{AttemptId, Id as _, MessageId},
    open::{self, NotOpened, Opened},
    outbound::{Outbound, Sender},
    ports::{Ambient, Directory, Keys, Paces},
    probe::{Prober, Seen},
    problem::Problem,
    time::Time,
};

/// Of the response's body.
const BODY_LIMIT: usize = 1_024;
/// For a token of the endpoint's authorization.
const TOKEN_TIME: Duration = Duration::from_secs(5);
/// Kept for the answer.
const MARGIN: Duration = Duration::from_secs(1);
/// Shorter values are not looked for in what the server says: they would be found everywhere.
const SHORTEST_SECRET: usize = 6;

impl<D: Directory, L: Paces, K: Keys, A: Ambient, S: Sender + Prober> Doctor<'_, D, L, K, A, S> {
    /// The endpoint's keys; or that they do not open.
    pub(super) async fn opened(&self, endpoint: &Endpoint) -> Result<Result<Opened, NotOpened>, Problem> {
        match open::opened(self.keys, endpoint, self.ambient.now()).await {
            Err(NotOpened::Unavailable(error)) => Err(error.into()),
            opened => Ok(opened),
        }
    }

    pub(super) async fn request(&self, endpoint: &Endpoint, opened: &Opened, event_type: &str, deadline: Time) -> Step {
        let start = self.ambient.now();
        // A new one each time: a token that is held may have been revoked, which a delivery would find out.
        let tokens = Tokens::new(self.settings.compose.user_agent.clone());
        let ports = (self.keys, &tokens, self.sender);
        let authorization = match open::authorization(ports, endpoint, opened, start, TOKEN_TIME).await {
            Ok(authorization) => authorization,
            Err(error) => {
                let facts = json!({ "authorization": "failed" });
                let problem = format!("The request cannot be authorized: {error}. Check the endpoint's delivery.auth.");
                return Step::new("request", start.until(self.ambient.now()), facts, Some(problem));
            }
        };
        let at = self.ambient.now();
        let timeout = self.settings.attempt_timeout.min(at.until(deadline).saturating_sub(MARGIN));
        let id = MessageId::from_ksuid(self.ambient.ksuid());
        let outbound = self.outbound(endpoint, opened, authorization.as_ref(), (id, event_type), at, timeout);
        let seen = self.sender.ask(outbound).await;
        let hidden = hidden(endpoint, opened, authorization.as_ref());
        step(id, event_type, &seen, timeout, &hidden)
    }

    fn outbound(
        &self,
        endpoint: &Endpoint,
        opened: &Opened,
        authorization: Option<&Header>,
        (id, event_type): (MessageId, &str),
        at: Time,
        timeout: Duration,
    ) -> Outbound {
        let payload: Arc<str> = json!({ "type": event_type, "test": true, "timestamp": at }).to_string().into();
        let event = Event { id, event_type, content_type: None, payload: &payload, trace: None };
        let confirm_url = endpoint.delivery.confirm.and_then(|confirming| {
            let attempt = AttemptId::new(at, self.ambient.random(), endpoint.id);
            let expires_at = at.plus(Duration::from_secs(u64::from(confirming.within_seconds)) + timeout);
            let confirmation =
                Confirmation { app: endpoint.app, endpoint: endpoint.id, message: id, attempt, expires_at };
            confirmation.url(&opened.ring, &self.settings.api_url)
        });
        let call = Call {
            settings: &self.settings.compose,
            endpoint,
            secrets: &opened.secrets,
            authorization,
            confirm_url: confirm_url.as_deref(),
            at,
            timeout,
        };
        if endpoint.delivery.batch.is_some() { call.batch(&[event]) } else { call.event(&event) }
    }
}

fn step(id: MessageId, event_type: &str, seen: &Seen, timeout: Duration, hidden: &[String]) -> Step {
    let mut facts = json!({ "webhookId": id, "eventType": event_type });
    let problem = match &seen.exchange.result {
        Ok(answer) => {
            let end = answer.body.floor_char_boundary(BODY_LIMIT);
            facts["status"] = json!(answer.status);
            facts["headers"] =
                seen.headers.iter().map(|(name, value)| (name.clone(), json!(clean(value, hidden)))).collect();
            // Cleaned before it is cut: half a secret would not be found.
            let body = clean(&answer.body, hidden);
            facts["body"] = json!(body[..body.floor_char_boundary(end.min(BODY_LIMIT))]);
            let location = seen.headers.iter().find(|(name, _)| name == "location").map(|(_, to)| clean(to, hidden));
            words::status(answer.status, location.as_deref())
        }
        Err(fault) => {
            facts["status"] = Value::Null;
            Some(words::fault(*fault, timeout.as_secs()))
        }
    };
    Step::new("request", seen.exchange.duration, facts, problem)
}

/// What a server that echoes its requests must not tell through us.
fn hidden(endpoint: &Endpoint, opened: &Opened, authorization: Option<&Header>) -> Vec<String> {
    let values = authorization.into_iter().map(|(_, value)| value).chain(endpoint.headers.values());
    let parts = values.flat_map(|value| std::iter::once(value.as_str()).chain(value.split_whitespace()));
    let secrets = opened.secrets.iter().map(crate::secret::SigningSecret::reveal);
    let mut hidden: Vec<_> = parts.map(str::to_owned).chain(secrets).filter(|is| is.len() >= SHORTEST_SECRET).collect();
    // The longest first: a part must not break up the whole.
    hidden.sort_by_key(|is| std::cmp::Reverse(is.len()));
    hidden
}

fn clean(text: &str, hidden: &[String]) -> String {
    hidden.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
}
