//! Operations with their handlers: the routes of the function.

use std::sync::Arc;

use axum::{Router, handler::Handler, routing::on};

use super::Operation;
use crate::{Api, Parts};

/// What an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    Application,
    Endpoint,
    EventType,
    Message,
    MessageAttempt,
    Poller,
    Source,
    Recovery,
    Organization,
    Authentication,
    Confirmation,
    Health,
}

impl Tag {
    pub(super) const ALL: [Self; 12] = [
        Self::Application,
        Self::Endpoint,
        Self::EventType,
        Self::Message,
        Self::MessageAttempt,
        Self::Poller,
        Self::Source,
        Self::Recovery,
        Self::Organization,
        Self::Authentication,
        Self::Confirmation,
        Self::Health,
    ];

    /// The contract's name of it, where it has one.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Application => "Application",
            Self::Endpoint => "Endpoint",
            Self::EventType => "Event Type",
            Self::Message => "Message",
            Self::MessageAttempt => "Message Attempt",
            Self::Poller => "Poller",
            Self::Source => "Source",
            Self::Recovery => "Recovery",
            Self::Organization => "Organization",
            Self::Authentication => "Authentication",
            Self::Confirmation => "Confirmation",
            Self::Health => "Health",
        }
    }

    pub(super) const fn description(self) -> &'static str {
        match self {
            Self::Application => "Your customers: each has endpoints and messages of its own.",
            Self::Endpoint => "Where an application's messages are sent, and how.",
            Self::EventType => "The kinds of messages there are.",
            Self::Message => "What is published.",
            Self::MessageAttempt => "What became of it: every request, and its response.",
            Self::Poller => "For customers who cannot receive requests: they ask for their messages.",
            Self::Organization => "What holds for all applications.",
            Self::Source => "Webhooks of third parties: received, verified, and published as messages.",
            Self::Recovery => "What failed for good, and the tasks that send it again.",
            Self::Authentication => "Tokens for applications.",
            Self::Confirmation => "For receivers that confirm what they were sent.",
            Self::Health => "Whether it works.",
        }
    }
}

/// Routes that are documented.
pub(crate) struct Operations<P: Parts> {
    tag: Tag,
    router: Router<Arc<Api<P>>>,
    documented: Vec<Operation>,
}

impl<P: Parts> Operations<P> {
    /// None yet.
    pub(crate) fn about(tag: Tag) -> Self {
        Self { tag, router: Router::new(), documented: Vec::new() }
    }

    /// And this one, which `handler` answers.
    pub(crate) fn with<H, T>(mut self, operation: Operation, handler: H) -> Self
    where
        H: Handler<T, Arc<Api<P>>>,
        T: 'static,
    {
        self.router = self.router.route(operation.path, on(operation.verb.filter(), handler));
        self.documented.push(operation.about(self.tag));
        self
    }

    /// And those.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.documented.extend(other.documented);
        self
    }

    /// The routes, and what is written about them.
    pub(crate) fn into_parts(self) -> (Router<Arc<Api<P>>>, Vec<Operation>) {
        (self.router, self.documented)
    }
}
