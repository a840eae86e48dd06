//! Why does my webhook not arrive? Everything that a delivery depends on, looked at one after the other: how the endpoint
//! is configured and how it stands, its name, a connection, TLS, and a signed test event composed and sent exactly as a
//! delivery is.
//!
//! Nothing is recorded, the endpoint's health is not touched, and nothing is tried again. The rules of every request to a
//! customer's server hold: only addresses that are allowed, no redirects, bounded bytes; and the whole takes less than
//! [`TIME`]. What the answer tells of the endpoint is what its own server says or what is public anyway; secrets and
//! authorization are never in it, not even where a server echoes them.
//!
//! So that nobody uses it to look for open ports or to flood somebody: one in [`ENDPOINT_INTERVAL`] for an endpoint, one
//! in [`APPLICATION_INTERVAL`] for an application; 429 beyond.

mod configuration;
mod report;
mod request;
mod words;

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    compose, find,
    outbound::Sender,
    pacing,
    ports::{Ambient, Directory, Keys, Paced, Paces},
    probe::Prober,
    problem::Problem,
    rules::Check,
    shapes::Name,
    token::Caller,
};

pub use report::{Diagnosis, Step};

/// For everything: API Gateway waits for 30 s.
pub const TIME: Duration = Duration::from_secs(24);
/// Of that, for name, connection and handshake.
const PROBE_TIME: Duration = Duration::from_secs(9);
/// Between two diagnoses of an endpoint.
pub const ENDPOINT_INTERVAL: Duration = Duration::from_secs(5);
/// Between two diagnoses in an application.
pub const APPLICATION_INTERVAL: Duration = Duration::from_secs(1);
/// The event type of the test event, unless another is asked for.
const EVENT_TYPE: &str = "postrider.test";

/// The body of the call; it may be left out.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiagnoseIn {
    /// The test event's type: `postrider.test` if it is left out. Only an organization may name another.
    #[serde(default)]
    #[schemars(with = "Option<Name>", example = "invoice.paid")]
    event_type: Option<String>,
}

/// How deliveries are made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What all requests have in common.
    pub compose: compose::Settings,
    /// Where the API is, for confirmations.
    pub api_url: String,
    /// For one request.
    pub attempt_timeout: Duration,
}

/// The use case, over the ports.
#[derive(Debug)]
pub struct Doctor<'a, D, L, K, A, S> {
    /// Where applications and endpoints are.
    pub directory: &'a D,
    /// Keeps the rate.
    pub paces: &'a L,
    /// Open secrets.
    pub keys: &'a K,
    /// Time and randomness.
    pub ambient: &'a A,
    /// Talks to the endpoint's server.
    pub sender: &'a S,
    /// How.
    pub settings: &'a Settings,
}

impl<D: Directory, L: Paces, K: Keys, A: Ambient, S: Sender + Prober> Doctor<'_, D, L, K, A, S> {
    /// Examines an endpoint. 404 if there is none, 409 if it is polled, 422 for a bad event type, 429 if it was just examined.
    pub async fn diagnose(
        &self,
        caller: &Caller,
        app: &str,
        endpoint: &str,
        asked: &DiagnoseIn,
    ) -> Result<Diagnosis, Problem> {
        let app = find::application(self.directory, caller, app).await?.id;
        // An event of a type of the organization's own, signed, is nothing that a customer may have made.
        if asked.event_type.is_some() {
            caller.must_be_organization()?;
        }
        let event_type = asked.event_type.as_deref().unwrap_or(EVENT_TYPE);
        let mut check = Check::default();
        check.name("eventType", event_type);
        check.finish()?;
        let endpoint = find::receiver(self.directory, app, endpoint).await?;
        for (of, interval) in
            [(Paced::DiagnosesOf(app), APPLICATION_INTERVAL), (Paced::Diagnoses(endpoint.id), ENDPOINT_INTERVAL)]
        {
            pacing::pass(self.paces, of, self.ambient.now(), interval, 0).await?;
        }

        let deadline = self.ambient.now().plus(TIME);
        let opened = self.opened(&endpoint).await?;
        let given = asked.event_type.as_deref();
        let configuration = configuration::step(&endpoint, opened.as_ref().err(), given, self.ambient.now());
        let probe = self.sender.probe(&endpoint.url, PROBE_TIME).await;
        let mut steps = vec![configuration];
        steps.extend(report::network(&endpoint.url, &probe, self.ambient.now()));
        let request = match opened {
            Ok(opened) if steps[1..].iter().all(|step| step.ok || step.skipped) => {
                self.request(&endpoint, &opened, event_type, deadline).await
            }
            _ => Step::skipped("request"),
        };
        steps.push(request);
        let diagnosis = Diagnosis::new(&endpoint, steps);
        tracing::info!(%app, endpoint = %endpoint.id, ok = diagnosis.ok, "diagnosed");
        Ok(diagnosis)
    }
}
