//! How an endpoint comes to be.

use std::collections::BTreeMap;

use super::{
    EndpointIn, Manager, TRIES, busy, endpoint_in::Checked, endpoints::uid_taken, manner_in::MannerIn, target_url,
    written,
};
use crate::{
    entity::{Application, Endpoint, Metadata, Secrets},
    health::Health,
    ids::{AppId, EndpointId, Id as _, Ksuid},
    manner::{Auth, Manner},
    operational::Subject,
    outbound::Sender,
    ports::{Ambient, Directory, Jobs, Keys, Unavailable},
    problem::Problem,
    token::Caller,
};

impl<D: Directory, K: Keys, A: Ambient, S: Sender, J: Jobs> Manager<'_, D, K, A, S, J> {
    /// Stores a new endpoint under `id`, or finds it there.
    pub(super) async fn insert_endpoint(
        &self,
        caller: &Caller,
        app: &Application,
        id: Ksuid,
        body: &Checked<EndpointIn>,
        uid: Option<String>,
    ) -> Result<Endpoint, Problem> {
        let mut new = self.new_endpoint(app.id, id, body, uid).await?;
        // An earlier try's: who has consented is not asked again.
        let mut own = if new.delivery.consent { self.directory.endpoint(app.id, new.id).await? } else { None };
        if own.is_none() {
            self.ask_consent(&mut new, None).await?;
            own = self.store_endpoint(caller, new).await?;
        }
        let own = own.ok_or_else(busy)?;
        // An earlier try may have died before this; told twice, it is one message.
        self.tell(Subject::from(app).endpoint_created(&own)).await;
        Ok(own)
    }

    async fn store_endpoint(&self, caller: &Caller, new: Endpoint) -> Result<Option<Endpoint>, Problem> {
        for _ in 0..TRIES {
            if written(self.directory.save_endpoint(&new, None).await?, uid_taken)? {
                changed!("endpoint.created", caller, app = %new.app, endpoint = %new.id);
                return Ok(Some(new));
            }
            // What stands under its id is an earlier try's.
            if let Some(own) = self.directory.endpoint(new.app, new.id).await? {
                return Ok(Some(own));
            }
        }
        Ok(None)
    }

    async fn new_endpoint(
        &self,
        app: AppId,
        id: Ksuid,
        body: &Checked<EndpointIn>,
        uid: Option<String>,
    ) -> Result<Endpoint, Problem> {
        let secret = body.secret.clone().unwrap_or_else(|| self.generate(body.key_type()));
        let id = EndpointId::from_ksuid(id);
        let current = self.seal(&secret, id).await?;
        let mut endpoint = Endpoint {
            id,
            app,
            uid: None,
            url: String::new(),
            version: 1,
            description: String::new(),
            disabled: false,
            event_types: None,
            channels: None,
            throttle_rate: None,
            metadata: Metadata::new(),
            headers: BTreeMap::new(),
            secrets: Secrets { current, old: Vec::new() },
            delivery: Manner::default(),
            health: Health::default(),
            created_at: id.ksuid().time(),
            updated_at: id.ksuid().time(),
            rev: 1,
        };
        body.fill(&mut endpoint, uid);
        endpoint.delivery = self.manner(body.delivery(), Manner::default(), None, &endpoint).await?;
        Ok(endpoint)
    }

    /// How to deliver: `base`, changed by what was given, its secrets sealed. Where no secret is given, that of the `old`
    /// endpoint is kept, unless the URL names another server now: it was not given for that one.
    pub(super) async fn manner(
        &self,
        given: Option<&MannerIn>,
        base: Manner,
        old: Option<&Endpoint>,
        new: &Endpoint,
    ) -> Result<Manner, Problem> {
        let standing = old.map_or(&Auth::None, |old| &old.delivery.auth);
        let stays = old.is_none_or(|old| target_url::same_server(&old.url, &new.url));
        let kind = given.and_then(MannerIn::kind);
        let mut manner = Manner { kind: old.map_or(kind.unwrap_or_default(), |old| old.delivery.kind), ..base };
        if kind.is_some_and(|kind| kind != manner.kind) {
            let why = "cannot be changed; create another endpoint";
            return Err(Problem::invalid(&["body", "delivery", "type"], why));
        }
        if let Some(given) = given {
            let ring = self.keys.keyring(None).await?;
            let seal = |text: &str| {
                let sealed = ring.seal_text(text, new.id, self.ambient.random());
                sealed.map_err(|error| Unavailable::new("sealing an endpoint's secret", error).into())
            };
            given.merge(&mut manner, if stays { standing } else { &Auth::None }, &seal)?;
        }
        if !stays && manner.auth != Auth::None && manner.auth == *standing {
            let why = "must be given again, with its secrets, or be null: the URL names another server";
            return Err(Problem::invalid(&["body", "delivery", "auth"], why));
        }
        Ok(manner)
    }
}
