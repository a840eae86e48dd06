//! `postrider listen`: an application's events at a developer's desk, without a tunnel.
//!
//! A temporary endpoint of type poller keeps the events in the order of their publication, and a durable consumer of it
//! knows how far this command is. Both have names derived from `--name`, so that a command that was killed finds them
//! again. The cursor moves only when the local server has taken everything of a page: whoever is killed in between gets
//! that page again (at least once, in order, nothing lost; deduplicate by `webhook-id`). Two commands of one name at
//! once share one cursor: each event goes to at least one of them.

mod endpoint;
mod forward;

use std::time::Duration;

use clap::Args;
use reqwest::Url;
use serde::Deserialize;
use serde_json::value::RawValue;

use self::{
    endpoint::{Endpoint, Wanted},
    forward::Forwarder,
};
use crate::{
    client::Client,
    console::{FAINT, NAME, in_style},
    failure::Failure,
    session::Session,
    stop::Stop,
};

/// The only consumer of the endpoint.
const CONSUMER: &str = "postrider-listen";
/// Seconds that a poll waits for an event; the most that the API grants.
const WAIT: u64 = 20;
/// Events of a page: what may come twice after a kill.
const PAGE: usize = 10;
/// Pauses while the API is away, from the first, doubled, to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Receives an application's events here, and forwards them to a local server, signed like any delivery.
#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// The application: its id or uid.
    app: String,
    /// The local server, such as `http://localhost:3000/webhooks`; without it events are only shown.
    #[arg(long, value_name = "URL")]
    forward: Option<Url>,
    /// The name to find the endpoint by when the command is started again.
    #[arg(long, env = "USER", default_value = "me", value_parser = endpoint::name)]
    name: String,
    /// Only events of this type; may be given several times.
    #[arg(long, value_name = "TYPE")]
    event_type: Vec<String>,
    /// Only events of this channel; may be given several times.
    #[arg(long, value_name = "CHANNEL")]
    channel: Vec<String>,
    /// Go on with the next event when the local server does not take one, instead of trying again.
    #[arg(long)]
    skip_failures: bool,
    /// Sign with this secret (whsec_…) instead of a new one.
    #[arg(long, env = "POSTRIDER_LISTEN_SECRET", hide_env_values = true, value_name = "SECRET")]
    secret: Option<String>,
    /// Show the secret that events are signed with.
    #[arg(long)]
    show_secret: bool,
    /// Keep the endpoint on Ctrl-C: events that come meanwhile wait for the next start.
    #[arg(long)]
    keep: bool,
}

/// An event as a poller gets it.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    id: String,
    #[serde(rename = "eventType")]
    kind: String,
    payload: Box<RawValue>,
}

#[derive(Debug, Deserialize)]
struct Page {
    data: Vec<Event>,
    iterator: String,
}

impl Listen {
    pub(crate) async fn run(self, session: &Session) -> Result<(), Failure> {
        let client = session.client()?;
        let wanted = Wanted {
            app: &self.app,
            name: &self.name,
            event_types: &self.event_type,
            channels: &self.channel,
            secret: self.secret.as_deref(),
        };
        let endpoint = Endpoint::ready(&client, &wanted).await?;
        let mut stop = Stop::new()?;
        self.announce(session, &endpoint);
        let forwarder = Forwarder::new(self.forward.as_ref(), &endpoint, self.skip_failures)?;
        tokio::select! {
            result = receive(session, &client, &endpoint, &forwarder) => result,
            () = stop.wished() => self.end(session, &client, &endpoint).await,
        }
    }

    fn announce(&self, session: &Session, endpoint: &Endpoint) {
        let to =
            self.forward.as_ref().map(|url| format!(", forwarding to {}", in_style(NAME, url))).unwrap_or_default();
        let id = in_style(FAINT, &endpoint.id);
        session.console.note(&format!("Listening to {}{to} ({id}); Ctrl-C ends it", in_style(NAME, &self.app)));
        if self.show_secret {
            session.console.note(&format!("Signed with {}", endpoint.secret.reveal()));
        }
    }

    async fn end(&self, session: &Session, client: &Client, endpoint: &Endpoint) -> Result<(), Failure> {
        if self.keep {
            session.console.note("The endpoint stays, and what comes meanwhile waits; start again to go on.");
            return Ok(());
        }
        endpoint.delete(client).await?;
        session.console.note("The temporary endpoint is deleted; --keep would have kept it.");
        Ok(())
    }
}

/// For ever, unless the API refuses.
async fn receive(
    session: &Session,
    client: &Client,
    endpoint: &Endpoint,
    forwarder: &Forwarder<'_>,
) -> Result<(), Failure> {
    let mut taken: Option<String> = None;
    loop {
        let page = poll(session, client, endpoint, taken.as_deref()).await?;
        for event in &page.data {
            forwarder.forward(session, event).await?;
        }
        // The next poll acknowledges it.
        taken = Some(page.iterator);
    }
}

/// The next page. An API that is away is waited for.
async fn poll(session: &Session, client: &Client, endpoint: &Endpoint, taken: Option<&str>) -> Result<Page, Failure> {
    let path = ["app", endpoint.app.as_str(), "poller", &endpoint.id, "consumer", CONSUMER];
    let mut pause = FIRST_PAUSE;
    loop {
        let ask = client.get(&path).query("limit", PAGE).query("wait", WAIT).query_if("iterator", taken);
        match ask.send().await {
            Err(failure) if failure.may_pass() => {
                session.console.note(&format!("{failure}; trying again in {} s", pause.as_secs()));
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            result => return result,
        }
    }
}
