//! Publishing: from a request to a stored message with its deliveries queued.
//!
//! Actors: a producer that may repeat itself, and this function, which may die at any `.await`.
//!
//! The order is claim → queue → store, and the stored message is the commit mark: 202 is said only after it. So:
//! - dying before the store leaves queued deliveries of a message that was never accepted. Whoever repeats the request
//!   with the same `Idempotency-Key` (or the same `eventId` and content) finds the claim, makes the *same* message id,
//!   queues again and stores; what was delivered already is not sent again, because deliveries are keyed by that id.
//! - a repeated request after the store finds the message, and gets the same answer.
//! - no write is needed to mark a claim as finished, and a message without key costs one write.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    claim::{self, Claim, ClaimKey, KEY_LIFETIME, LEASE},
    entity::{Application, Endpoint},
    ids::{AppId, Id as _, Ksuid, MessageId, OrgId},
    message::{Envelope, Message},
    ports::{Ambient, Claims, Messages, Outbox, Subscribers},
    problem::Problem,
    rules::{Check, is_name},
    time::Time,
};

/// Days a message is kept unless the producer says otherwise, and the limits of what it may say.
pub const RETENTION_DAYS: i64 = 90;
const SHORTEST_RETENTION_DAYS: i64 = 5;
/// Endpoints that one message may reach: they are all queued, and all named in the stored message, before the answer.
pub const FAN_OUT_LIMIT: usize = 5_000;
/// Bytes of payload that one message may put into the queue, over all its endpoints: they are sent before the answer.
pub const FAN_OUT_BYTES: usize = 64 * 1024 * 1024;
const MESSAGE_CHANNELS: usize = 5;
/// Cached uids; the cache is emptied when it is full.
const CACHED_UIDS: usize = 10_000;

/// The request's body.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Draft<'a> {
    event_type: String,
    #[serde(borrow, alias = "data")]
    payload: &'a RawValue,
    #[serde(default)]
    event_id: Option<String>,
    #[serde(default)]
    channels: Option<Vec<String>>,
    #[serde(default = "default_retention")]
    payload_retention_period: i64,
    #[serde(default)]
    transformations_params: Option<serde::de::IgnoredAny>,
}

const fn default_retention() -> i64 {
    RETENTION_DAYS
}

impl Draft<'_> {
    /// Checks every rule of the contract.
    pub fn check(&self) -> Result<(), Problem> {
        let mut check = Check::default();
        check.name("eventType", &self.event_type);
        check.uid("eventId", self.event_id.as_deref(), MessageId::PREFIX);
        check.channels(self.channels.as_deref(), MESSAGE_CHANNELS);
        if !self.payload.get().starts_with('{') {
            check.fail(&["body", "payload"], "must be a JSON object");
        }
        // Ignoring it would deliver something else than was meant: clients send a raw payload here, beside an empty one.
        if self.transformations_params.is_some() {
            check.fail(&["body", "transformationsParams"], "raw payloads are not supported yet; send JSON in payload");
        }
        if !(SHORTEST_RETENTION_DAYS..=RETENTION_DAYS).contains(&self.payload_retention_period) {
            check.fail(&["body", "payloadRetentionPeriod"], "must be 5 to 90 days");
        }
        check.finish()
    }
}

/// What identifies a repeated request.
#[derive(Debug, Clone)]
pub struct Repeatable {
    /// The claim of its key, if it gave one.
    pub key: Option<ClaimKey>,
    /// Of the whole request.
    pub fingerprint: String,
}

/// The use case.
#[derive(Debug)]
pub struct Publisher<D, L, Q, A> {
    directory: D,
    ledger: L,
    queue: Q,
    ambient: A,
    /// Checked against the application on every use, so that it is never wrong.
    uids: Mutex<HashMap<(OrgId, String), AppId>>,
}

/// Where the message will go.
struct Plan {
    now: Time,
    application: Application,
    endpoints: Vec<Endpoint>,
}

impl<D: Subscribers, L: Claims + Messages, Q: Outbox, A: Ambient> Publisher<D, L, Q, A> {
    /// Over these ports.
    pub fn new(directory: D, ledger: L, queue: Q, ambient: A) -> Self {
        Self { directory, ledger, queue, ambient, uids: Mutex::default() }
    }

    /// Publishes to an application, given by id or uid. The answer to a repeated request is the first one's message.
    pub async fn publish(
        &self,
        org: &OrgId,
        app: &str,
        draft: &Draft<'_>,
        request: &Repeatable,
    ) -> Result<Message, Problem> {
        draft.check()?;
        let (application, endpoints) = self.subscribers(org, app).await?;
        let plan = Plan { now: self.ambient.now(), application, endpoints };
        let mut held = Held::default();
        let result = self.claimed(&plan, draft, request, &mut held).await;
        if let Err(problem) = &result {
            self.release(held, plan.now, problem).await;
        }
        result
    }

    async fn claimed(
        &self,
        plan: &Plan,
        draft: &Draft<'_>,
        request: &Repeatable,
        held: &mut Held,
    ) -> Result<Message, Problem> {
        let mut id = Ksuid::new(plan.now, self.ambient.random());
        if let Some(key) = &request.key {
            match self.claim_key(plan, key, &request.fingerprint, id).await? {
                Claimed::Already(message) => return Ok(message),
                Claimed::Mine(claim) => id = held.keep(key, claim),
            }
        }
        if let Some(event_id) = &draft.event_id {
            let key = ClaimKey::EventId(plan.application.id, event_id.clone());
            let claim = self.claim_event(plan, &key, draft, request, id).await?;
            id = held.keep(&key, claim);
        }
        let message = plan.message(MessageId::from_ksuid(id), draft)?;
        self.queue.send(&plan.envelopes(&message)).await?;
        self.ledger.store(&message).await?;
        Ok(message)
    }

    async fn claim_key(&self, plan: &Plan, key: &ClaimKey, print: &str, id: Ksuid) -> Result<Claimed, Problem> {
        let mut mine = plan.claim(id, print, plan.now.plus(KEY_LIFETIME));
        let Some(standing) = self.ledger.claim(key, &mine, None, plan.now).await? else {
            return Ok(Claimed::Mine(mine));
        };
        if standing.fingerprint != print {
            return Err(claim::reused());
        }
        if let Some(message) = self.stored(plan, standing.id).await? {
            return Ok(Claimed::Already(message));
        }
        // Whoever had it did not come to the end: the same message is made again.
        mine.id = standing.id;
        self.take_over(plan, key, mine, &standing).await?.map(Claimed::Mine).ok_or_else(claim::in_flight)
    }

    async fn claim_event(
        &self,
        plan: &Plan,
        key: &ClaimKey,
        draft: &Draft<'_>,
        request: &Repeatable,
        id: Ksuid,
    ) -> Result<Claim, Problem> {
        let mut mine = plan.claim(id, &request.fingerprint, plan.expires_at(draft));
        let Some(standing) = self.ledger.claim(key, &mine, None, plan.now).await? else {
            return Ok(mine);
        };
        if standing.id == id {
            return Ok(standing);
        }
        if self.stored(plan, standing.id).await?.is_some() {
            return Err(Problem::conflict("A message with this eventId exists in the application"));
        }
        // An idempotency key already fixes the id; otherwise the same request makes the same message again.
        if request.key.is_none() && standing.fingerprint == mine.fingerprint {
            mine.id = standing.id;
        }
        self.take_over(plan, key, mine, &standing).await?.ok_or_else(|| {
            let detail = "A message with this eventId is being published; try again in half a minute";
            Problem::refused(409, "event_in_flight", detail)
        })
    }

    async fn take_over(
        &self,
        plan: &Plan,
        key: &ClaimKey,
        mine: Claim,
        standing: &Claim,
    ) -> Result<Option<Claim>, Problem> {
        if standing.lease > plan.now {
            return Ok(None);
        }
        let lost = self.ledger.claim(key, &mine, Some(standing), plan.now).await?;
        Ok(lost.is_none().then_some(mine))
    }

    async fn stored(&self, plan: &Plan, id: Ksuid) -> Result<Option<Message>, Problem> {
        Ok(self.ledger.message(plan.application.id, MessageId::from_ksuid(id)).await?)
    }

    /// Ends the leases, so that a repeated request need not wait for them; or, where nothing was made, the claims
    /// themselves, so that a mended request may use them. Best effort: leases end by themselves.
    async fn release(&self, held: Held, now: Time, problem: &Problem) {
        let unknown = matches!(problem, Problem::Unavailable(_));
        for (key, claim) in held.0 {
            let expires_at = if unknown { claim.expires_at } else { now };
            let ended = Claim { lease: now, expires_at, ..claim.clone() };
            let _ = self.ledger.claim(&key, &ended, Some(&claim), now).await;
        }
    }

    async fn subscribers(&self, org: &OrgId, app: &str) -> Result<(Application, Vec<Endpoint>), Problem> {
        let unknown = || Problem::not_found("Application");
        if let Ok(id) = app.parse() {
            let found = self.directory.subscribers(id).await?;
            return found.filter(|(application, _)| application.org == *org).ok_or_else(unknown);
        }
        if !is_name(app) {
            return Err(Problem::invalid(&["path", "app_id"], "must be an application's id or uid"));
        }
        let key = (org.clone(), app.to_owned());
        if let Some(id) = self.cached(&key)
            && let Some(found) = self.of_uid(id, &key).await?
        {
            return Ok(found);
        }
        let id = self.directory.application_id(org, app).await?.ok_or_else(unknown)?;
        let found = self.of_uid(id, &key).await?.ok_or_else(unknown)?;
        self.cache(key, id);
        Ok(found)
    }

    async fn of_uid(
        &self,
        id: AppId,
        (org, uid): &(OrgId, String),
    ) -> Result<Option<(Application, Vec<Endpoint>)>, Problem> {
        let found = self.directory.subscribers(id).await?;
        Ok(found.filter(|(app, _)| app.org == *org && app.uid.as_ref() == Some(uid)))
    }

    fn cached(&self, key: &(OrgId, String)) -> Option<AppId> {
        self.uids.lock().ok()?.get(key).copied()
    }

    fn cache(&self, key: (OrgId, String), id: AppId) {
        if let Ok(mut uids) = self.uids.lock() {
            if uids.len() >= CACHED_UIDS {
                uids.clear();
            }
            uids.insert(key, id);
        }
    }
}

enum Claimed {
    Mine(Claim),
    Already(Message),
}

/// The claims this request made.
#[derive(Default)]
struct Held(Vec<(ClaimKey, Claim)>);

impl Held {
    fn keep(&mut self, key: &ClaimKey, claim: Claim) -> Ksuid {
        let id = claim.id;
        self.0.push((key.clone(), claim));
        id
    }
}

impl Plan {
    fn claim(&self, id: Ksuid, fingerprint: &str, expires_at: Time) -> Claim {
        let lease = self.now.plus(LEASE);
        Claim { id, fingerprint: fingerprint.to_owned(), lease, expires_at, answer: None }
    }

    fn expires_at(&self, draft: &Draft<'_>) -> Time {
        let days = u64::try_from(draft.payload_retention_period).unwrap_or(0);
        self.now.plus(Duration::from_secs(days * 86_400))
    }

    fn message(&self, id: MessageId, draft: &Draft<'_>) -> Result<Message, Problem> {
        let channels = draft.channels.clone().map(|mut channels| {
            channels.sort();
            channels.dedup();
            channels
        });
        let wanted = channels.as_deref().unwrap_or_default();
        let matching = self.endpoints.iter().filter(|endpoint| endpoint.matches(&draft.event_type, wanted));
        let (held, open): (Vec<_>, Vec<_>) = matching.partition(|endpoint| endpoint.disabled);
        if open.len() + held.len() > FAN_OUT_LIMIT {
            let detail = format!("One message can reach at most {FAN_OUT_LIMIT} endpoints of an application");
            return Err(Problem::refused(400, "too_many_endpoints", detail));
        }
        if open.len() * draft.payload.get().len() > FAN_OUT_BYTES {
            let detail = format!(
                "The payload goes to {} endpoints; together that may be at most {FAN_OUT_BYTES} bytes",
                open.len()
            );
            return Err(Problem::refused(413, "payload_too_large", detail));
        }
        Ok(Message {
            id,
            app: self.application.id,
            event_type: draft.event_type.clone(),
            event_id: draft.event_id.clone(),
            channels,
            payload: draft.payload.get().into(),
            at: self.now,
            expires_at: self.expires_at(draft),
            endpoints: open.iter().map(|endpoint| endpoint.id).collect(),
            held: held.iter().map(|endpoint| endpoint.id).collect(),
        })
    }

    fn envelopes(&self, message: &Message) -> Vec<Envelope> {
        let revs: HashMap<_, _> = self.endpoints.iter().map(|endpoint| (endpoint.id, endpoint.rev)).collect();
        let envelope = |endpoint: &_| Envelope {
            app: message.app,
            endpoint: *endpoint,
            message: message.id,
            event_type: message.event_type.clone(),
            expires_at: message.expires_at,
            round: 0,
            woken: None,
            rev: revs.get(endpoint).copied().unwrap_or(0),
            payload: message.payload.clone(),
        };
        message.endpoints.iter().map(envelope).collect()
    }
}
