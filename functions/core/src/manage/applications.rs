//! Applications.

use super::{
    ApplicationIn, ApplicationOut, ApplicationPatch, Made, Manager, TRIES, busy, touched, uid_of_put, written,
};
use crate::{
    entity::Application,
    erase::Erasure,
    find,
    ids::{AppId, Id as _, Ksuid},
    outbound::Sender,
    page::{self, Ask, Batch, List, Page, Part},
    ports::{Ambient, Directory, Jobs, Keys, Saved, Scan},
    problem::Problem,
    rules::Check,
    token::Caller,
};

impl<D: Directory, K: Keys, A: Ambient, S: Sender, J: Jobs> Manager<'_, D, K, A, S, J> {
    /// The organization's applications by id.
    pub async fn applications(
        &self,
        caller: &Caller,
        ask: Ask<AppId>,
        ascending: bool,
    ) -> Result<Page<ApplicationOut>, Problem> {
        caller.must_be_organization()?;
        page::page(&Applications { directory: self.directory, caller }, ask, ascending).await
    }

    /// One application, by id or uid.
    pub async fn application(&self, caller: &Caller, segment: &str) -> Result<ApplicationOut, Problem> {
        Ok(find::application(self.directory, caller, segment).await?.into())
    }

    /// Creates an application under `id`. With `get_if_exists`, one that has the uid already is given as it is.
    pub async fn create_application(
        &self,
        caller: &Caller,
        id: Ksuid,
        body: &ApplicationIn,
        get_if_exists: bool,
    ) -> Result<Made<ApplicationOut>, Problem> {
        caller.must_be_organization()?;
        body.check()?;
        let new = body.create(&caller.org, id, body.uid.value().cloned());
        if get_if_exists
            && let Some(uid) = &new.uid
            && let Some(found) = find::application_if_any(self.directory, caller, uid).await?
        {
            let made = if found.id == new.id { Made::Created(found) } else { Made::Existing(found) };
            return Ok(made.map(Into::into));
        }
        let uid = new.uid.clone();
        match insert(self.directory, caller, new).await? {
            Some(app) => Ok(Made::Created(app.into())),
            None if get_if_exists => self.application_with(caller, uid.as_deref()).await.map(Made::Existing),
            None => Err(uid_taken()),
        }
    }

    async fn application_with(&self, caller: &Caller, uid: Option<&str>) -> Result<ApplicationOut, Problem> {
        let found = match uid {
            Some(uid) => find::application_if_any(self.directory, caller, uid).await?,
            None => None,
        };
        found.map(Into::into).ok_or_else(uid_taken)
    }

    /// Replaces an application, or creates one under `id`.
    pub async fn put_application(
        &self,
        caller: &Caller,
        id: Ksuid,
        segment: &str,
        body: &ApplicationIn,
    ) -> Result<Made<ApplicationOut>, Problem> {
        caller.must_be_organization()?;
        body.check()?;
        let uid = uid_of_put(&body.uid, segment, AppId::PREFIX);
        for _ in 0..TRIES {
            let Some(old) = find::application_if_any(self.directory, caller, segment).await? else {
                if uid.is_none() {
                    return Err(Problem::not_found("Application"));
                }
                let created = insert(self.directory, caller, body.create(&caller.org, id, uid)).await?;
                return created.map(|app| Made::Created(app.into())).ok_or_else(uid_taken);
            };
            let mut new = old.clone();
            body.fill(&mut new, uid.clone());
            if self.replace_application(caller, &mut new, &old).await? {
                return Ok(Made::Existing(new.into()));
            }
        }
        Err(busy())
    }

    /// Changes some fields.
    pub async fn patch_application(
        &self,
        caller: &Caller,
        segment: &str,
        patch: &ApplicationPatch,
    ) -> Result<ApplicationOut, Problem> {
        caller.must_be_organization()?;
        patch.check()?;
        for _ in 0..TRIES {
            let old = find::application(self.directory, caller, segment).await?;
            let mut new = old.clone();
            patch.apply(&mut new);
            if self.replace_application(caller, &mut new, &old).await? {
                return Ok(new.into());
            }
        }
        Err(busy())
    }

    async fn replace_application(
        &self,
        caller: &Caller,
        new: &mut Application,
        old: &Application,
    ) -> Result<bool, Problem> {
        new.rev = old.rev + 1;
        new.updated_at = touched(self.ambient.now(), old.updated_at);
        let done = written(self.directory.save_application(new, Some(old)).await?, uid_taken)?;
        if done {
            changed!("application.updated", caller, app = %new.id);
        }
        Ok(done)
    }

    /// Deletes an application; everything under it is not found from then on, and a job removes it.
    pub async fn delete_application(&self, caller: &Caller, segment: &str) -> Result<(), Problem> {
        caller.must_be_organization()?;
        let app = find::application(self.directory, caller, segment).await?.id;
        // Submitted first: a deleted application that no job empties would keep what is in it.
        let erasure = Erasure::Application { app, since: self.ambient.now(), last: false, after: None };
        self.jobs.submit(&[erasure.now()]).await?;
        for _ in 0..TRIES {
            let old = find::application(self.directory, caller, &app.to_string()).await?;
            if written(self.directory.delete_application(&old).await?, busy)? {
                changed!("application.deleted", caller, app = %old.id);
                return Ok(());
            }
        }
        Err(busy())
    }
}

/// Stores a new application; nothing if its uid is taken. What stands under its id is an earlier try's.
async fn insert<D: Directory>(
    directory: &D,
    caller: &Caller,
    new: Application,
) -> Result<Option<Application>, Problem> {
    for _ in 0..TRIES {
        match directory.save_application(&new, None).await? {
            Saved::Done => {
                changed!("application.created", caller, app = %new.id);
                return Ok(Some(new));
            }
            Saved::UidTaken => return Ok(None),
            Saved::Stale => {}
        }
        if let Some(own) = directory.application(new.id).await?.filter(|app| app.org == caller.org) {
            return Ok(Some(own));
        }
    }
    Err(busy())
}

/// The application that a path names; where there is none, it is created under `id` as `wanted` says, whose uid must be
/// what the path says. The rule for calls that bring an application along: `wanted` is checked whether it is used or
/// not, with its fields at `body.application`. Several calls at once make one.
pub async fn application_or_new<D: Directory>(
    directory: &D,
    caller: &Caller,
    id: Ksuid,
    segment: &str,
    wanted: Option<&ApplicationIn>,
) -> Result<Application, Problem> {
    caller.must_be_organization()?;
    let mut check = Check::default();
    check.nested("application", wanted.map_or(Ok(()), ApplicationIn::check));
    check.finish()?;
    if let Some(found) = find::application_if_any(directory, caller, segment).await? {
        return Ok(found);
    }
    let Some(wanted) = wanted else { return Err(Problem::not_found("Application")) };
    match insert(directory, caller, wanted.missing(&caller.org, id, segment)?).await? {
        Some(made) => Ok(made),
        None => find::application(directory, caller, segment).await,
    }
}

fn uid_taken() -> Problem {
    Problem::conflict("An application with this uid exists already")
}

struct Applications<'a, D> {
    directory: &'a D,
    caller: &'a Caller,
}

impl<D: Directory> List for Applications<'_, D> {
    type Key = AppId;
    type Row = ApplicationOut;

    async fn read(&self, part: Part<AppId>) -> Result<Batch<AppId, ApplicationOut>, Problem> {
        let after = part.after.map(|id| id.to_string());
        let scan = Scan { after, ascending: part.ascending, limit: part.limit };
        let found = self.directory.applications(&self.caller.org, &scan).await?;
        Ok(Batch::of(found.into_iter().map(|app| (app.id, Some(app.into()))).collect(), part.limit))
    }
}
