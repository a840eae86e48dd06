//! Operations with their handlers: the routes of the function.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    handler::Handler,
    routing::{MethodRouter, on},
};

use super::{Operation, PREFIX};
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
    routes: Routes<P>,
    documented: Vec<Operation>,
}

/// By their paths. Made a router when they are all there: each path is then put into a tree once.
type Routes<P> = BTreeMap<&'static str, MethodRouter<Arc<Api<P>>>>;

impl<P: Parts> Operations<P> {
    /// None yet.
    pub(crate) fn about(tag: Tag) -> Self {
        Self { tag, routes: Routes::<P>::new(), documented: Vec::new() }
    }

    /// And this one, which `handler` answers.
    pub(crate) fn with<H, T>(mut self, operation: Operation, handler: H) -> Self
    where
        H: Handler<T, Arc<Api<P>>>,
        T: 'static,
    {
        self.route(operation.path, on(operation.verb.filter(), handler));
        self.documented.push(operation.about(self.tag));
        self
    }

    /// And those.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        for (path, route) in other.routes {
            self.route(path, route);
        }
        self.documented.extend(other.documented);
        self
    }

    fn route(&mut self, path: &'static str, route: MethodRouter<Arc<Api<P>>>) {
        let before = self.routes.remove(path).unwrap_or_default();
        self.routes.insert(path, before.merge(route));
    }

    /// The routes, and what is written about them.
    pub(crate) fn into_parts(self) -> (Router<Arc<Api<P>>>, Vec<Operation>) {
        let add = |router: Router<_>, (path, route)| router.route(&format!("{PREFIX}{path}"), route);
        (self.routes.into_iter().fold(Router::new(), add), self.documented)
    }
}
