//! From what a path says (an id or a uid) to what it means for this caller. What is not theirs is not found.

use std::collections::BTreeSet;

use crate::{
    claim::ClaimKey,
    entity::{Application, Endpoint},
    ids::{AppId, EndpointId, Id, MessageId, SourceId},
    manner::Kind,
    message::Message,
    ports::{Claims, Directory, FanOuts, Messages, Sources, Unavailable},
    problem::Problem,
    rules::is_name,
    source::Source,
    time::Time,
    token::Caller,
};

/// How an entity is named in a path.
enum Named<'a, I> {
    Id(I),
    Uid(&'a str),
    Nothing,
}

fn named<I: Id>(text: &str) -> Named<'_, I> {
    match text.parse() {
        Ok(id) => Named::Id(id),
        Err(_) if is_name(text) && !text.starts_with(I::PREFIX) => Named::Uid(text),
        Err(_) => Named::Nothing,
    }
}

/// The application, if there is one that the caller may see.
pub(crate) async fn application_if_any<D: Directory>(
    directory: &D,
    caller: &Caller,
    segment: &str,
) -> Result<Option<Application>, Problem> {
    let id = match named::<AppId>(segment) {
        Named::Id(id) => Some(id),
        Named::Uid(uid) => directory.application_id(&caller.org, uid).await?,
        Named::Nothing => None,
    };
    let Some(id) = id.filter(|id| caller.app.is_none_or(|own| own == *id)) else { return Ok(None) };
    Ok(directory.application(id).await?.filter(|app| app.org == caller.org))
}

/// The application; 404 if there is none that the caller may see.
pub(crate) async fn application<D: Directory>(
    directory: &D,
    caller: &Caller,
    segment: &str,
) -> Result<Application, Problem> {
    application_if_any(directory, caller, segment).await?.ok_or_else(|| Problem::not_found("Application"))
}

/// An endpoint of the application, if there is one.
pub(crate) async fn endpoint_if_any<D: Directory>(
    directory: &D,
    app: AppId,
    segment: &str,
) -> Result<Option<Endpoint>, Problem> {
    let id = match named::<EndpointId>(segment) {
        Named::Id(id) => Some(id),
        Named::Uid(uid) => directory.endpoint_id(app, uid).await?,
        Named::Nothing => None,
    };
    let Some(id) = id else { return Ok(None) };
    Ok(directory.endpoint(app, id).await?)
}

/// An endpoint of the application that receives requests; 404 if there is none, 409 if it is a poller.
pub(crate) async fn receiver<D: Directory>(directory: &D, app: AppId, segment: &str) -> Result<Endpoint, Problem> {
    let found = endpoint(directory, app, segment).await?;
    if found.delivery.kind == Kind::Poller {
        let why = "The endpoint is of type poller: nothing is sent to it. Seek with a consumer to poll messages again";
        return Err(Problem::refused(409, "endpoint_is_poller", why));
    }
    Ok(found)
}

/// What is to be sent would not be.
pub(crate) fn endpoint_disabled() -> Problem {
    let why = "The endpoint is disabled: enable it first, then nothing is sent in vain";
    Problem::refused(409, "endpoint_disabled", why)
}

/// An endpoint of the application; 404 if there is none.
pub(crate) async fn endpoint<D: Directory>(directory: &D, app: AppId, segment: &str) -> Result<Endpoint, Problem> {
    endpoint_if_any(directory, app, segment).await?.ok_or_else(|| Problem::not_found("Endpoint"))
}

/// The endpoints that a message is for.
#[derive(Debug, Default)]
pub(crate) struct Meant {
    /// Those it was queued for.
    pub(crate) queued: BTreeSet<EndpointId>,
    /// Those that were disabled, and those that it was sent to afterwards.
    pub(crate) others: BTreeSet<EndpointId>,
}

impl Meant {
    /// Whether it is for this one.
    pub(crate) fn has(&self, endpoint: EndpointId) -> bool {
        self.queued.contains(&endpoint) || self.others.contains(&endpoint)
    }

    /// All of them, in order.
    pub(crate) fn all(self) -> Vec<EndpointId> {
        self.queued.union(&self.others).copied().collect()
    }
}

/// The endpoints that a message is for.
pub(crate) async fn meant<R: FanOuts>(record: &R, message: &Message) -> Result<Meant, Unavailable> {
    let mut meant = Meant {
        queued: message.endpoints.iter().copied().collect(),
        others: message.held.iter().chain(&message.also).copied().collect(),
    };
    if message.fans_out {
        for page in record.pages(message.app, message.id).await? {
            meant.queued.extend(page.endpoints);
            meant.others.extend(page.held);
        }
    }
    Ok(meant)
}

/// A source of the caller's organization, if there is one.
pub(crate) async fn source_if_any<D: Sources>(
    directory: &D,
    caller: &Caller,
    segment: &str,
) -> Result<Option<Source>, Problem> {
    let id = match named::<SourceId>(segment) {
        Named::Id(id) => Some(id),
        Named::Uid(uid) => directory.source_id(&caller.org, uid).await?,
        Named::Nothing => None,
    };
    let Some(id) = id else { return Ok(None) };
    Ok(directory.source(id).await?.filter(|source| source.org == caller.org))
}

/// A source of the caller's organization; 404 if there is none.
pub(crate) async fn source<D: Sources>(directory: &D, caller: &Caller, segment: &str) -> Result<Source, Problem> {
    source_if_any(directory, caller, segment).await?.ok_or_else(|| Problem::not_found("Source"))
}

/// A message of the application, by id or `eventId`, unless it has expired.
pub(crate) async fn message<R: Messages + Claims>(
    record: &R,
    app: AppId,
    segment: &str,
    now: Time,
) -> Result<Message, Problem> {
    let unknown = || Problem::not_found("Message");
    let (id, event_id) = match named::<MessageId>(segment) {
        Named::Id(id) => (id, None),
        Named::Uid(uid) => {
            let claim = record.standing(&ClaimKey::EventId(app, uid.to_owned())).await?.ok_or_else(unknown)?;
            (MessageId::from_ksuid(claim.id), Some(uid))
        }
        Named::Nothing => return Err(unknown()),
    };
    let found = record.message(app, id).await?;
    let is_meant = |message: &Message| event_id.is_none_or(|event_id| message.event_id.as_deref() == Some(event_id));
    found.filter(|message| !message.has_expired(now) && is_meant(message)).ok_or_else(unknown)
}
