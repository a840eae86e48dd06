//! What all commands have in common: whom they speak to, and how they speak.

use clap::Args;
use url::Url;

use crate::{
    client::{Client, Token},
    console::Console,
    failure::Failure,
};

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The API: the stack's output `ApiUrl`, or that of a local run.
    #[arg(long, global = true, env = "POSTRIDER_URL", value_name = "URL", value_parser = server)]
    url: Option<Url>,
    /// An API token. Better in the environment, where other users of the machine do not see it.
    #[arg(long, global = true, env = "POSTRIDER_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<Token>,
    /// JSON for machines: an object, or a line for each result.
    #[arg(long, global = true)]
    json: bool,
}

fn server(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("{error}; it is such as http://127.0.0.1:8080"))?;
    if matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err("must begin with https:// or http://".into()) }
}

/// A command's surroundings.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) console: Console,
    url: Option<Url>,
    token: Option<Token>,
}

impl Session {
    pub(crate) fn new(common: Common) -> Self {
        Self { console: Console::new(common.json), url: common.url, token: common.token }
    }

    /// The API with the token, both of which must be given.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        const NO_TOKEN: &str = "give --token or set POSTRIDER_TOKEN; `postrider token` mints one, and a local run writes \
                                one to target/local/env";
        let token = self.token.clone().ok_or_else(|| Failure::Usage(NO_TOKEN.to_owned()))?;
        Client::new(self.url()?, Some(token))
    }

    /// The API without a token.
    pub(crate) fn anonymous(&self) -> Result<Client, Failure> {
        Client::new(self.url()?, None)
    }

    fn url(&self) -> Result<Url, Failure> {
        const NO_URL: &str = "give --url or set POSTRIDER_URL, such as http://127.0.0.1:8080";
        self.url.clone().ok_or_else(|| Failure::Usage(NO_URL.to_owned()))
    }
}
