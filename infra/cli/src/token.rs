//! `postrider token`: mints an API token from the keyring in Secrets Manager.

use std::time::Duration;

use clap::Args;
use postrider_core::{
    ids::{AppId, Ksuid, OrgId},
    keyring::Keyring,
    token::{self, Caller},
};
use serde_json::json;

use crate::{aws, failure::Failure, session::Session, when::now};

const DAY: Duration = Duration::from_hours(24);

/// Mints an API token. It needs AWS credentials that may read the keyring.
#[derive(Debug, Args)]
pub(crate) struct MintToken {
    /// The organization: org_ and a name of your choice.
    #[arg(long)]
    org: OrgId,
    /// Only for this application (app_…), to be given to a customer.
    #[arg(long)]
    app: Option<AppId>,
    /// How long it is good for.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// ARN or name of the keyring's secret: the stack's output `KeyringArn`.
    #[arg(long, env = "POSTRIDER_KEYRING", value_name = "SECRET")]
    keyring: String,
}

impl MintToken {
    pub(crate) async fn run(self, session: &Session) -> Result<(), Failure> {
        let keyring = read(&self.keyring).await?;
        let keyring = Keyring::parse(&keyring).map_err(|error| Failure::Failed(error.to_string()))?;
        let (now, lifetime) = (now(), DAY * self.days);
        let mut random = [0; 15];
        getrandom::fill(&mut random).map_err(|error| Failure::Failed(format!("no randomness: {error}")))?;
        let (org, app) = (self.org.to_string(), self.app.map(|app| app.to_string()));
        let caller = Caller { app: self.app, ..Caller::organization(self.org) };
        let token = token::mint(&keyring, &caller, Ksuid::new(now, random), lifetime);
        let token = token.map_err(|error| Failure::Failed(error.to_string()))?;
        let told = json!({ "token": token, "org": org, "app": app, "expiresAt": now.plus(lifetime) });
        session.console.result(&told, || token.clone())
    }
}

async fn read(secret: &str) -> Result<String, Failure> {
    let client = aws_sdk_secretsmanager::Client::new(&aws::config().await);
    let output = client.get_secret_value().secret_id(secret).send().await;
    let output = output.map_err(|error| aws::failed(&format!("the keyring {secret} cannot be read"), &error))?;
    output.secret_string.ok_or_else(|| Failure::Failed(format!("the secret {secret} holds no text")))
}
