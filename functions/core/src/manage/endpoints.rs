//! Endpoints.

use std::collections::HashSet;

use super::{
    EndpointIn, EndpointOut, EndpointPatch, Made, Manager, TRIES, busy, event_types::is_usable, touched, uid_of_put,
    written,
};
use crate::{
    entity::Endpoint,
    find,
    given::Given,
    health::Health,
    ids::{AppId, EndpointId, Id as _, Ksuid},
    manner::Manner,
    operational::Subject,
    outbound::Sender,
    page::{self, Ask, Batch, List, Page, Part},
    ports::{Ambient, Directory, Jobs, Keys, Scan},
    problem::Problem,
    token::Caller,
};

/// Names listed in an answer about missing event types.
const NAMED_MISSING: usize = 10;

impl<D: Directory, K: Keys, A: Ambient, S: Sender, J: Jobs> Manager<'_, D, K, A, S, J> {
    /// An application's endpoints by id.
    pub async fn endpoints(
        &self,
        caller: &Caller,
        app: &str,
        ask: Ask<EndpointId>,
        ascending: bool,
    ) -> Result<Page<EndpointOut>, Problem> {
        let app = find::application(self.directory, caller, app).await?.id;
        page::page(&Endpoints { directory: self.directory, app }, ask, ascending).await
    }

    /// One endpoint, by id or uid.
    pub async fn endpoint(&self, caller: &Caller, app: &str, segment: &str) -> Result<EndpointOut, Problem> {
        Ok(self.find_endpoint(caller, app, segment).await?.into())
    }

    pub(super) async fn find_endpoint(&self, caller: &Caller, app: &str, segment: &str) -> Result<Endpoint, Problem> {
        let app = find::application(self.directory, caller, app).await?;
        find::endpoint(self.directory, app.id, segment).await
    }

    /// Creates an endpoint under `id`.
    pub async fn create_endpoint(
        &self,
        caller: &Caller,
        id: Ksuid,
        app: &str,
        body: EndpointIn,
    ) -> Result<EndpointOut, Problem> {
        let app = find::application(self.directory, caller, app).await?;
        let body = body.check(self.plain_http, true)?;
        self.must_exist(caller, body.event_types()).await?;
        let uid = body.uid().value().cloned();
        Ok(self.insert_endpoint(caller, &app, id, &body, uid).await?.into())
    }

    /// Replaces an endpoint, except for its secrets and headers; or creates one under `id`.
    pub async fn put_endpoint(
        &self,
        caller: &Caller,
        id: Ksuid,
        app: &str,
        segment: &str,
        body: EndpointIn,
    ) -> Result<Made<EndpointOut>, Problem> {
        let app = find::application(self.directory, caller, app).await?;
        let body = body.check(self.plain_http, false)?;
        self.must_exist(caller, body.event_types()).await?;
        let uid = uid_of_put(body.uid(), segment, EndpointId::PREFIX);
        for _ in 0..TRIES {
            let Some(old) = find::endpoint_if_any(self.directory, app.id, segment).await? else {
                if uid.is_none() {
                    return Err(Problem::not_found("Endpoint"));
                }
                return Ok(Made::Created(self.insert_endpoint(caller, &app, id, &body, uid).await?.into()));
            };
            let mut new = old.clone();
            body.fill(&mut new, uid.clone());
            new.delivery = self.manner(body.delivery(), Manner::default(), Some(&old), &new).await?;
            self.ask_consent(&mut new, Some(&old)).await?;
            if self.replace_endpoint(caller, &mut new, &old).await? {
                self.tell(Subject::from(&app).endpoint_updated(&new)).await;
                return Ok(Made::Existing(new.into()));
            }
        }
        Err(busy())
    }

    /// Changes some fields.
    pub async fn patch_endpoint(
        &self,
        caller: &Caller,
        app: &str,
        segment: &str,
        patch: EndpointPatch,
    ) -> Result<EndpointOut, Problem> {
        let app = find::application(self.directory, caller, app).await?;
        let patch = patch.check(self.plain_http)?;
        self.must_exist(caller, patch.event_types()).await?;
        for _ in 0..TRIES {
            let old = find::endpoint(self.directory, app.id, segment).await?;
            let mut new = old.clone();
            patch.apply(&mut new);
            let base = if matches!(patch.delivery(), Given::Null) { Manner::default() } else { old.delivery.clone() };
            new.delivery = self.manner(patch.delivery().value(), base, Some(&old), &new).await?;
            self.ask_consent(&mut new, Some(&old)).await?;
            if self.replace_endpoint(caller, &mut new, &old).await? {
                self.tell(Subject::from(&app).endpoint_updated(&new)).await;
                return Ok(new.into());
            }
        }
        Err(busy())
    }

    /// Makes a change, again if somebody else wrote in between.
    pub(super) async fn change_endpoint(
        &self,
        caller: &Caller,
        app: AppId,
        segment: &str,
        change: impl Fn(&mut Endpoint) -> Result<(), Problem> + Send + Sync,
    ) -> Result<Endpoint, Problem> {
        for _ in 0..TRIES {
            let old = find::endpoint(self.directory, app, segment).await?;
            let mut new = old.clone();
            change(&mut new)?;
            if self.replace_endpoint(caller, &mut new, &old).await? {
                return Ok(new);
            }
        }
        Err(busy())
    }

    pub(super) async fn replace_endpoint(
        &self,
        caller: &Caller,
        new: &mut Endpoint,
        old: &Endpoint,
    ) -> Result<bool, Problem> {
        try_anew(new, old);
        new.rev = old.rev + 1;
        new.updated_at = touched(self.ambient.now(), old.updated_at);
        let done = written(self.directory.save_endpoint(new, Some(old)).await?, uid_taken)?;
        if done {
            changed!("endpoint.updated", caller, app = %new.app, endpoint = %new.id);
        }
        Ok(done)
    }

    /// Deletes an endpoint; its uid is free again.
    pub async fn delete_endpoint(&self, caller: &Caller, app: &str, segment: &str) -> Result<(), Problem> {
        let app = find::application(self.directory, caller, app).await?;
        for _ in 0..TRIES {
            let old = find::endpoint(self.directory, app.id, segment).await?;
            if written(self.directory.delete_endpoint(&old).await?, busy)? {
                changed!("endpoint.deleted", caller, app = %app.id, endpoint = %old.id);
                self.tell(Subject::from(&app).endpoint_deleted(&old)).await;
                return Ok(());
            }
        }
        Err(busy())
    }

    /// An endpoint can subscribe to event types that are in use and that the caller may see.
    async fn must_exist(&self, caller: &Caller, names: Option<&[String]>) -> Result<(), Problem> {
        let Some(names) = names else { return Ok(()) };
        let found = self.directory.event_types_named(&caller.org, names).await?;
        let usable = found.iter().filter(|kind| is_usable(kind, caller));
        let known: HashSet<_> = usable.map(|kind| kind.name.as_str()).collect();
        let missing: Vec<_> = names.iter().map(String::as_str).filter(|name| !known.contains(name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let more = if missing.len() > NAMED_MISSING { ", …" } else { "" };
        let list = missing[..missing.len().min(NAMED_MISSING)].join(", ");
        Err(Problem::invalid(&["body", "eventTypes"], format!("no such event types, or archived ones: {list}{more}")))
    }
}

pub(super) fn uid_taken() -> Problem {
    Problem::conflict("An endpoint with this uid exists already in the application")
}

/// Whoever mends an endpoint wants to see it tried at once: what was known against it is forgotten.
fn try_anew(new: &mut Endpoint, old: &Endpoint) {
    let is_mended = new.url != old.url
        || new.delivery != old.delivery
        || new.secrets != old.secrets
        || new.headers != old.headers
        || (old.disabled && !new.disabled);
    if is_mended {
        // One that stays disabled is so for the same reason.
        let disabled = old.health.disabled.filter(|_| new.disabled);
        new.health = Health { disabled, ..Health::default() };
    }
}

struct Endpoints<'a, D> {
    directory: &'a D,
    app: AppId,
}

impl<D: Directory> List for Endpoints<'_, D> {
    type Key = EndpointId;
    type Row = EndpointOut;

    async fn read(&self, part: Part<EndpointId>) -> Result<Batch<EndpointId, EndpointOut>, Problem> {
        let after = part.after.map(|id| id.to_string());
        let scan = Scan { after, ascending: part.ascending, limit: part.limit };
        let found = self.directory.endpoints(self.app, &scan).await?;
        Ok(Batch::of(found.into_iter().map(|endpoint| (endpoint.id, Some(endpoint.into()))).collect(), part.limit))
    }
}
