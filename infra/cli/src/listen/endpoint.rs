//! The temporary endpoint: made, or found again by its name.

use postrider_core::secret::SigningSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{client::Client, failure::Failure};

/// Characters of a name; a uid may have 256.
const LONGEST_NAME: usize = 64;

/// What the endpoint shall be.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) app: &'a str,
    pub(super) name: &'a str,
    pub(super) event_types: &'a [String],
    pub(super) channels: &'a [String],
    pub(super) secret: Option<&'a str>,
}

/// The endpoint, as it is.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) app: String,
    pub(super) id: String,
    pub(super) secret: SigningSecret,
}

/// As the API shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: String,
    event_types: Option<Vec<String>>,
    channels: Option<Vec<String>>,
    /// Not shown of an endpoint that is like any other.
    #[serde(default)]
    delivery: Value,
}

#[derive(Deserialize)]
struct Secret {
    key: String,
}

/// A part of a uid (the contract's pattern).
pub(super) fn name(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_name = !text.is_empty() && text.len() <= LONGEST_NAME && text.chars().all(legal);
    let why = || format!("must be 1 to {LONGEST_NAME} letters, digits, '-', '_' or '.'; give --name");
    is_name.then(|| text.to_owned()).ok_or_else(why)
}

impl Endpoint {
    /// Makes it, unless it is there already.
    pub(super) async fn ready(client: &Client, wanted: &Wanted<'_>) -> Result<Self, Failure> {
        let shown = match wanted.find(client).await? {
            Some(found) => wanted.adapt(client, found).await?,
            None => wanted.make(client).await?,
        };
        let key: Secret = client.get(&["app", wanted.app, "endpoint", &shown.id, "secret"]).send().await?;
        if wanted.secret.is_some_and(|secret| secret != key.key) {
            return Err(Failure::Usage("the endpoint of that name has another secret; give another --name".to_owned()));
        }
        let secret = key.key.parse().map_err(|error| Failure::Failed(format!("the endpoint's secret: {error}")))?;
        Ok(Self { app: wanted.app.to_owned(), id: shown.id, secret })
    }

    pub(super) async fn delete(&self, client: &Client) -> Result<(), Failure> {
        match client.delete(&["app", &self.app, "endpoint", &self.id]).text().await {
            // A repeated request finds it gone.
            Ok(_) | Err(Failure::Refused { status: 404, .. }) => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}

impl Wanted<'_> {
    fn uid(&self) -> String {
        format!("postrider-listen-{}", self.name)
    }

    async fn find(&self, client: &Client) -> Result<Option<Shown>, Failure> {
        match client.get(&["app", self.app, "endpoint", &self.uid()]).send().await {
            Ok(found) => Ok(Some(found)),
            Err(Failure::Refused { status: 404, .. }) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn make(&self, client: &Client) -> Result<Shown, Failure> {
        let mut body = json!({
            "uid": self.uid(),
            "description": "Temporary, of `postrider listen`",
            "eventTypes": some(self.event_types),
            "channels": some(self.channels),
            "delivery": { "type": "poller" },
        });
        if let Some(secret) = self.secret {
            body["secret"] = json!(secret);
        }
        client.post(&["app", self.app, "endpoint"]).once()?.body(&body).send().await
    }

    /// One that was left by the command before, which may have wanted other events.
    async fn adapt(&self, client: &Client, found: Shown) -> Result<Shown, Failure> {
        if found.delivery["type"] != "poller" {
            let why = format!("the endpoint {} receives requests, it is no poller; give another --name", self.uid());
            return Err(Failure::Usage(why));
        }
        if found.event_types.as_deref() == some(self.event_types) && found.channels.as_deref() == some(self.channels) {
            return Ok(found);
        }
        let body = json!({ "eventTypes": some(self.event_types), "channels": some(self.channels) });
        client.patch(&["app", self.app, "endpoint", &found.id]).body(&body).send().await
    }
}

/// None given: all.
fn some(names: &[String]) -> Option<&[String]> {
    (!names.is_empty()).then_some(names)
}
