//! How an endpoint comes to be.

use std::collections::BTreeMap;

use super::{
    EndpointIn, Manager, TRIES, audit, busy, endpoint_in::Checked, endpoints::uid_taken, manner_in::MannerIn, written,
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
                audit!("endpoint.created", caller, app = %new.app, endpoint = %new.id);
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
            delivery: self.manner(body.delivery(), Manner::default(), &Auth::None, id).await?,
            health: Health::default(),
            created_at: id.ksuid().time(),
            updated_at: id.ksuid().time(),
            rev: 1,
        };
        body.fill(&mut endpoint, uid);
        Ok(endpoint)
    }

    /// How to deliver: `base`, changed by what was given, its secrets sealed. Where no secret is given, the `standing`
    /// one is kept.
    pub(super) async fn manner(
        &self,
        given: Option<&MannerIn>,
        base: Manner,
        standing: &Auth,
        endpoint: EndpointId,
    ) -> Result<Manner, Problem> {
        let Some(given) = given else { return Ok(base) };
        let ring = self.keys.keyring(None).await?;
        let seal = |text: &str| {
            let sealed = ring.seal_text(text, endpoint, self.ambient.random());
            sealed.map_err(|error| Unavailable::new("sealing an endpoint's secret", error).into())
        };
        let mut manner = base;
        given.merge(&mut manner, standing, &seal)?;
        Ok(manner)
    }
}
