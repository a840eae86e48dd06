//! A tenant of a test: an organization, an application, a receiver.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};
use postrider_local::{Received, Receiver};
use serde_json::Value;
use svix::{
    api::{MessageAttemptListByMsgOptions, Svix},
    models::{
        ApplicationIn, EndpointIn, EndpointOut, MessageAttemptOut, MessageEndpointOut, MessageIn, MessageOut,
        MessageStatus,
    },
};

use crate::{Api, Stack, eventually};

/// Everything one test needs.
pub struct Tenant {
    /// The published client, with a token of the organization.
    pub svix: Svix,
    /// The same without a library.
    pub api: Api,
    /// `org_…`.
    pub org: String,
    /// The application's id.
    pub app: String,
    /// Its customer's server.
    pub receiver: Receiver,
}

impl Tenant {
    pub(crate) async fn new(stack: &Stack, name: &str) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let org = format!("org_{name}-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let token = stack.token(&org, None);
        let svix = stack.svix(&token);
        let app =
            svix.application().create(ApplicationIn::new(name.to_owned()), None).await.context("an application")?;
        let api = stack.api(&token);
        Ok(Self { svix, api, org, app: app.id, receiver: Receiver::start()? })
    }

    /// An endpoint at a path of the receiver.
    pub async fn endpoint(&self, path: &str) -> Result<EndpointOut> {
        self.endpoint_with(EndpointIn::new(self.receiver.url(path))).await
    }

    /// An endpoint.
    pub async fn endpoint_with(&self, endpoint: EndpointIn) -> Result<EndpointOut> {
        self.svix.endpoint().create(self.app.clone(), endpoint, None).await.context("an endpoint")
    }

    /// The endpoint's signing secret.
    pub async fn secret(&self, endpoint: &str) -> Result<String> {
        let secret = self.svix.endpoint().get_secret(self.app.clone(), endpoint.to_owned()).await;
        Ok(secret.context("the secret")?.key)
    }

    /// Publishes.
    pub async fn publish(&self, event_type: &str, payload: Value) -> Result<MessageOut> {
        self.publish_with(MessageIn::new(event_type.to_owned(), payload)).await
    }

    /// Publishes.
    pub async fn publish_with(&self, message: MessageIn) -> Result<MessageOut> {
        self.svix.message().create(self.app.clone(), message, None).await.context("a message")
    }

    /// The attempts of a message, newest first.
    pub async fn attempts(&self, message: &str) -> Result<Vec<MessageAttemptOut>> {
        let options =
            Some(MessageAttemptListByMsgOptions { limit: Some(250), with_content: Some(true), ..Default::default() });
        let list = self.svix.message_attempt().list_by_msg(self.app.clone(), message.to_owned(), options).await;
        Ok(list.context("the attempts")?.data)
    }

    /// How far the delivery of a message to an endpoint is.
    pub async fn destination(&self, message: &str, endpoint: &str) -> Result<MessageEndpointOut> {
        let attempts = self.svix.message_attempt();
        let list = attempts.list_attempted_destinations(self.app.clone(), message.to_owned(), None).await;
        let list = list.context("the destinations")?.data.into_iter();
        list.into_iter().find(|destination| destination.id == endpoint).context("the endpoint is not among them")
    }

    /// Waits until the delivery of a message to an endpoint is so far.
    pub async fn reached(&self, message: &str, endpoint: &str, status: MessageStatus) -> Result<MessageEndpointOut> {
        let what = format!("{message} is {status:?} at {endpoint}");
        let ask = || async { Ok(Some(self.destination(message, endpoint).await?).filter(|is| is.status == status)) };
        eventually(&what, ask).await
    }

    /// Waits until a message has that many attempts; newest first.
    pub async fn attempted(&self, message: &str, count: usize) -> Result<Vec<MessageAttemptOut>> {
        let what = format!("{count} attempts of {message}");
        eventually(&what, || async { Ok(Some(self.attempts(message).await?).filter(|list| list.len() >= count)) }).await
    }
}

/// The status of a call that the published client says was refused.
#[track_caller]
pub fn refusal<T>(result: Result<T, svix::error::Error>) -> u16 {
    match result {
        Ok(_) => panic!("the call was not refused"),
        Err(svix::error::Error::Http(error)) => error.status.as_u16(),
        Err(svix::error::Error::Validation(error)) => error.status.as_u16(),
        Err(other) => panic!("{other}"),
    }
}

/// Verifies a request with the published verifier.
pub fn verify(secret: &str, received: &Received) -> Result<()> {
    let headers = received.headers.iter().map(|(name, value)| Ok((name.parse()?, value.parse()?)));
    let headers: http::HeaderMap = headers.collect::<Result<_>>()?;
    standardwebhooks::Webhook::new(secret)?.verify(&received.body, &headers).context("the signature")
}
