//! Sources: the organization's own to manage.

use super::{Made, Manager, SourceIn, SourceOut, TRIES, busy, source_in::Checked, touched, uid_of_put, written};
use crate::{
    entity::{Metadata, Secrets},
    find,
    ids::{AppId, Id as _, Ksuid, OrgId, SourceId},
    outbound::Sender,
    page::{self, Ask, Batch, List, Page, Part},
    ports::{Ambient, Directory, Jobs, Keys, Scan, Sources},
    problem::Problem,
    source::Source,
    token::Caller,
};

impl<D: Directory + Sources, K: Keys, A: Ambient, S: Sender, J: Jobs> Manager<'_, D, K, A, S, J> {
    /// The organization's sources by id.
    pub async fn sources(
        &self,
        caller: &Caller,
        ask: Ask<SourceId>,
        ascending: bool,
    ) -> Result<Page<SourceOut>, Problem> {
        caller.must_be_organization()?;
        page::page(&All { directory: self.directory, org: &caller.org }, ask, ascending).await
    }

    /// One source, by id or uid.
    pub async fn source(&self, caller: &Caller, segment: &str) -> Result<SourceOut, Problem> {
        caller.must_be_organization()?;
        Ok(find::source(self.directory, caller, segment).await?.into())
    }

    /// Creates a source under `id`.
    pub async fn create_source(&self, caller: &Caller, id: Ksuid, body: SourceIn) -> Result<SourceOut, Problem> {
        caller.must_be_organization()?;
        let body = body.check()?;
        let app = self.app_of(caller, &body).await?;
        let uid = body.uid().value().cloned();
        Ok(self.insert_source(caller, id, app, &body, uid).await?.into())
    }

    /// Replaces a source, except for its secrets where none is given; or creates one under `id`.
    pub async fn put_source(
        &self,
        caller: &Caller,
        id: Ksuid,
        segment: &str,
        body: SourceIn,
    ) -> Result<Made<SourceOut>, Problem> {
        caller.must_be_organization()?;
        let body = body.check()?;
        let app = self.app_of(caller, &body).await?;
        let uid = uid_of_put(body.uid(), segment, SourceId::PREFIX);
        for _ in 0..TRIES {
            let Some(old) = find::source_if_any(self.directory, caller, segment).await? else {
                if uid.is_none() {
                    return Err(Problem::not_found("Source"));
                }
                return Ok(Made::Created(self.insert_source(caller, id, app, &body, uid).await?.into()));
            };
            let mut new = Source { app, secrets: self.secrets_of(&body, &old).await?, ..old.clone() };
            body.fill(&mut new, uid.clone());
            if self.replace_source(caller, &mut new, &old).await? {
                return Ok(Made::Existing(new.into()));
            }
        }
        Err(busy())
    }

    /// Deletes a source; its uid is free again.
    pub async fn delete_source(&self, caller: &Caller, segment: &str) -> Result<(), Problem> {
        caller.must_be_organization()?;
        for _ in 0..TRIES {
            let old = find::source(self.directory, caller, segment).await?;
            if written(self.directory.delete_source(&old).await?, busy)? {
                changed!("source.deleted", caller, source = %old.id);
                return Ok(());
            }
        }
        Err(busy())
    }

    async fn app_of(&self, caller: &Caller, body: &Checked) -> Result<AppId, Problem> {
        let found = find::application_if_any(self.directory, caller, body.app()).await?;
        found.map(|app| app.id).ok_or_else(|| Problem::invalid(&["body", "appId"], "there is no such application"))
    }

    async fn insert_source(
        &self,
        caller: &Caller,
        id: Ksuid,
        app: AppId,
        body: &Checked,
        uid: Option<String>,
    ) -> Result<Source, Problem> {
        let new = self.new_source(caller, SourceId::from_ksuid(id), app, body, uid).await?;
        for _ in 0..TRIES {
            if written(self.directory.save_source(&new, None).await?, uid_taken)? {
                changed!("source.created", caller, source = %new.id, app = %new.app);
                return Ok(new);
            }
            // What stands under its id is an earlier try's.
            if let Some(own) = self.directory.source(new.id).await?.filter(|source| source.org == caller.org) {
                return Ok(own);
            }
        }
        Err(busy())
    }

    async fn new_source(
        &self,
        caller: &Caller,
        id: SourceId,
        app: AppId,
        body: &Checked,
        uid: Option<String>,
    ) -> Result<Source, Problem> {
        let Some(secret) = &body.secret else {
            return Err(Problem::invalid(&["body", "config", "secret"], "must be given: what the sender signs with"));
        };
        let at = id.ksuid().time();
        let mut source = Source {
            id,
            org: caller.org.clone(),
            uid: None,
            name: String::new(),
            app,
            disabled: false,
            preset: body.preset.clone(),
            secrets: Secrets { current: self.seal_text(secret, id).await?, old: Vec::new() },
            event_types: body.event_types(),
            metadata: Metadata::new(),
            created_at: at,
            updated_at: at,
            rev: 1,
        };
        body.fill(&mut source, uid);
        Ok(source)
    }

    pub(super) async fn replace_source(
        &self,
        caller: &Caller,
        new: &mut Source,
        old: &Source,
    ) -> Result<bool, Problem> {
        new.rev = old.rev + 1;
        new.updated_at = touched(self.ambient.now(), old.updated_at);
        let done = written(self.directory.save_source(new, Some(old)).await?, uid_taken)?;
        if done {
            changed!("source.updated", caller, source = %new.id, app = %new.app);
        }
        Ok(done)
    }
}

fn uid_taken() -> Problem {
    Problem::conflict("A source with this uid exists already")
}

struct All<'a, D> {
    directory: &'a D,
    org: &'a OrgId,
}

impl<D: Sources> List for All<'_, D> {
    type Key = SourceId;
    type Row = SourceOut;

    async fn read(&self, part: Part<SourceId>) -> Result<Batch<SourceId, SourceOut>, Problem> {
        let after = part.after.map(|id| id.to_string());
        let scan = Scan { after, ascending: part.ascending, limit: part.limit };
        let found = self.directory.sources(self.org, &scan).await?;
        Ok(Batch::of(found.into_iter().map(|source| (source.id, Some(source.into()))).collect(), part.limit))
    }
}
