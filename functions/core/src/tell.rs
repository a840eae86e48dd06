//! Operational webhooks: what happens in Postrider is told through Postrider itself, as a message to the application that
//! an organization has for it.
//!
//! A job that is repeated publishes the same message: its `eventId` is taken, and then it was told already.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Serialize;
use serde_json::{Value, value::to_raw_value};

use crate::{
    claim::fingerprint,
    ids::OrgId,
    operational::OPERATIONAL_ORG,
    ports::{Ambient, Claims, Jobs, Messages, Outbox, Paces, Subscribers, Unavailable},
    problem::Problem,
    publish::{Draft, Publisher, Repeatable},
    time::Time,
};

/// That an organization has no such application is remembered so long.
const REMEMBERED: Duration = Duration::from_mins(1);
/// Organizations that are remembered; all are forgotten when there are more.
const MOST: usize = 10_000;

/// The use case.
#[derive(Debug)]
pub struct Teller<D, L, Q, A> {
    publisher: Publisher<D, L, Q, A>,
    /// Organizations that want nothing told, and until when that is believed.
    silent: Mutex<HashMap<OrgId, Time>>,
}

/// The payload, as the contract has it.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(rename = "type")]
    event_type: &'a str,
    data: &'a Value,
}

impl<D, L, Q, A> Teller<D, L, Q, A>
where
    D: Subscribers,
    L: Claims + Messages + Paces,
    Q: Outbox + Jobs,
    A: Ambient,
{
    /// Publishes with that publisher.
    pub fn new(publisher: Publisher<D, L, Q, A>) -> Self {
        Self { publisher, silent: Mutex::default() }
    }

    /// Tells an organization what happened, if it wants to know. An error means that it must be told again.
    pub async fn tell(&self, org: &OrgId, event_type: &str, id: &str, data: &Value, now: Time) -> Result<(), Problem> {
        if self.is_silent(org, now) {
            return Ok(());
        }
        let told = to_raw_value(&Told { event_type, data });
        let payload = told.map_err(|error| Unavailable::new("writing an operational webhook", error))?;
        let operator: OrgId =
            OPERATIONAL_ORG.parse().map_err(|error| Unavailable::new("naming the operator", error))?;
        let draft = Draft::new(event_type.to_owned(), Some(id.to_owned()), &payload);
        let request = Repeatable { key: None, fingerprint: fingerprint(&[payload.get().as_bytes()]) };
        match self.publisher.publish(&operator, org.as_str(), &draft, &request).await {
            Ok(_) | Err(Problem::Refused { code: "conflict", .. }) => Ok(()),
            Err(Problem::Refused { status: 404, .. }) => {
                self.remember(org, now);
                Ok(())
            }
            Err(problem) => Err(problem),
        }
    }

    fn silent(&self) -> MutexGuard<'_, HashMap<OrgId, Time>> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_silent(&self, org: &OrgId, now: Time) -> bool {
        // Telling about what is told would not end.
        org.as_str() == OPERATIONAL_ORG || self.silent().get(org).is_some_and(|until| *until > now)
    }

    fn remember(&self, org: &OrgId, now: Time) {
        let mut silent = self.silent();
        if silent.len() >= MOST {
            silent.clear();
        }
        silent.insert(org.clone(), now.plus(REMEMBERED));
    }
}
