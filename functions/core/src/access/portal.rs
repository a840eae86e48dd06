//! Access to a customer's portal: a token of one application, for a while.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Access, mint};
use crate::{
    given::object,
    ids::Ksuid,
    manage::{ApplicationIn, application_or_new},
    outbound::Fetcher,
    ports::{Directory, Keys, Revocations},
    problem::Problem,
    rules::{Check, SESSION_LIMIT, is_name, json_size},
    shapes::{Name, Session},
    token::{Caller, Scope, Scopes},
};

/// Seconds: an hour to seven days, as the published clients document it.
const LIFETIMES: std::ops::RangeInclusive<u64> = 3_600..=604_800;
/// Bytes of the flags' JSON. They are a part of the token, which must fit a header.
const FLAGS_LIMIT: usize = 2_048;

/// What a portal is to be opened for.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(rename = "AppPortalAccessIn")]
pub struct PortalAccessIn {
    /// An application to be made if the path names none; its uid is the one in the path.
    #[serde(deserialize_with = "object")]
    application: Option<ApplicationIn>,
    /// The feature flags of the customer; 2,048 bytes as JSON.
    #[schemars(with = "Option<Vec<Name>>", example = ["beta"])]
    feature_flags: Option<Vec<String>>,
    /// Seconds for which the token is good; seven days unless given.
    #[schemars(range(min = *LIFETIMES.start(), max = *LIFETIMES.end()), example = 86_400)]
    expiry: Option<u64>,
    /// Whether the customer may only look.
    read_only: Option<bool>,
    /// What the customer may do; everything unless given.
    #[schemars(example = ["ViewEndpointSecret", "CreateAttempts"])]
    capabilities: Option<Vec<Capability>>,
    /// A name for the customer's session, by which its tokens can be expired.
    #[schemars(with = "Option<Session>")]
    session_id: Option<String>,
}

/// What a portal lets its customer do. Looking at everything but secrets is always among it.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(rename = "AppPortalCapability")]
enum Capability {
    /// Look.
    ViewBase,
    /// See the secrets of endpoints.
    ViewEndpointSecret,
    /// See and rotate the secrets of endpoints.
    ManageEndpointSecret,
    /// Nothing: there are no transformations.
    ManageTransformations,
    /// Have messages sent again, and examples sent.
    CreateAttempts,
    /// Change everything of the application.
    ManageEndpoint,
}

/// What a portal is opened with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "AppPortalAccessOut")]
pub struct PortalAccess {
    /// The portal, with the token in its fragment, which browsers do not send to servers.
    #[schemars(example = "https://portal.example.com/#key=eyJhIjoxfQ")]
    pub url: String,
    /// The token alone.
    #[schemars(example = "k1.eyJhIjoxfQ.c2lnbmF0dXJl")]
    pub token: String,
}

impl Capability {
    const fn scopes(self) -> &'static [Scope] {
        match self {
            Self::ViewBase | Self::ManageTransformations => &[],
            Self::ViewEndpointSecret => &[Scope::ReadSecrets],
            Self::ManageEndpointSecret => &[Scope::ReadSecrets, Scope::RotateSecrets],
            Self::CreateAttempts => &[Scope::Attempt],
            Self::ManageEndpoint => &[Scope::Manage],
        }
    }
}

impl PortalAccessIn {
    fn check(&self) -> Result<(), Problem> {
        let mut check = Check::default();
        flags(&mut check, self.feature_flags.as_deref().unwrap_or_default());
        if self.expiry.is_some_and(|expiry| !LIFETIMES.contains(&expiry)) {
            check.fail(&["body", "expiry"], "must be 3600 to 604800 seconds, or be left out");
        }
        if let Some(session) = &self.session_id {
            session_id(&mut check, "sessionId", session);
        }
        check.finish()
    }

    fn scopes(&self) -> Scopes {
        let given: Vec<Scope> = match &self.capabilities {
            _ if self.read_only == Some(true) => Vec::new(),
            None => vec![Scope::Manage],
            Some(all) => all.iter().flat_map(|capability| capability.scopes()).copied().collect(),
        };
        given.into_iter().chain([Scope::Read]).collect()
    }
}

/// Feature flags of a token.
pub(super) fn flags(check: &mut Check, flags: &[String]) {
    if flags.iter().any(|flag| !is_name(flag)) {
        check.fail(&["body", "featureFlags"], "each must be 1 to 256 characters of A-Z a-z 0-9 - _ .");
    }
    if json_size(&flags) > FLAGS_LIMIT {
        check.fail(&["body", "featureFlags"], format!("their JSON must be at most {FLAGS_LIMIT} bytes"));
    }
}

/// A session, which the organization names.
pub(super) fn session_id(check: &mut Check, field: &str, session: &str) {
    if session.is_empty() || session.len() > SESSION_LIMIT || session.chars().any(char::is_control) {
        check.fail(&["body", field], format!("must be 1 to {SESSION_LIMIT} bytes without control characters"));
    }
}

/// The same flags, each once.
pub(super) fn distinct(flags: Option<&[String]>) -> Vec<String> {
    let mut flags = flags.unwrap_or_default().to_vec();
    flags.sort();
    flags.dedup();
    flags
}

impl<D: Directory, R: Revocations, K: Keys, F: Fetcher> Access<'_, D, R, K, F> {
    /// Opens an application's portal; creates the application under `id` if there is none and the body says how.
    ///
    /// Asked twice, it gives two tokens: an answer that holds a token is not stored to be given again.
    pub async fn portal(
        &self,
        caller: &Caller,
        id: Ksuid,
        segment: &str,
        body: &PortalAccessIn,
    ) -> Result<PortalAccess, Problem> {
        caller.must_be_organization()?;
        self.door.admit_again(self.revocations, caller, id.time()).await?;
        body.check()?;
        let application = body.application.as_ref();
        let app = application_or_new(self.directory, caller, id, segment, application).await?;
        let customer = Caller {
            scopes: body.scopes(),
            flags: distinct(body.feature_flags.as_deref()),
            session: body.session_id.clone(),
            portal: true,
            ..Caller::application(caller.org.clone(), app.id)
        };
        let lifetime = Duration::from_secs(body.expiry.unwrap_or(*LIFETIMES.end()));
        let token = mint(self.keys, &customer, id, lifetime).await?;
        Ok(PortalAccess { url: format!("{}#token={token}", self.portal_url), token })
    }
}
