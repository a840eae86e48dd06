//! Stacks: the template, deployed with parameters.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use postrider_core::{
    ids::{AppId, OrgId},
    keyring::Keyring,
    time::Time,
    token::{self, Caller},
};
use postrider_local::{
    ACCESS_KEY, Binaries, Deployment, Emulator, Listener, Name, Options, Progress, Proxy, REGION, build_functions,
    ksuid,
};
use svix::api::{Svix, SvixOptions};
use tokio::sync::Mutex;

use crate::{Api, document, tenant::Tenant};

/// Parameters that every stack of the tests begins with: waits of seconds instead of hours.
const BRISK: &[(&str, &str)] = &[("RetrySchedule", "1s,2s,3s"), ("AttemptTimeoutSeconds", "5")];

/// The local AWS of this test run.
#[derive(Debug)]
pub struct World {
    /// It.
    pub emulator: Emulator,
    binaries: Binaries,
    stacks: Mutex<HashMap<String, Arc<Stack>>>,
}

static IDLE: OnceLock<Duration> = OnceLock::new();

/// Functions' processes stay for so long after their last invocation, instead of 20 s: for whoever adds up what they have
/// used. To be said before the local AWS is asked for.
pub fn keep_idle_processes(idle: Duration) {
    let _ = IDLE.set(idle);
}

/// The local AWS, started by whoever asks first. It ends with the process.
pub fn world() -> &'static World {
    // A failure is kept too: one compile error must not be tried again by every test.
    static WORLD: OnceLock<Result<World>> = OnceLock::new();
    WORLD.get_or_init(start).as_ref().expect("the local AWS starts")
}

fn start() -> Result<World> {
    let binaries = build_functions(Progress::quiet())?;
    let idle = *IDLE.get_or_init(|| Duration::from_secs(20));
    let emulator = Emulator::start(&Options { name: Name::Numbered("test"), idle }, Progress::quiet())?;
    Ok(World { emulator, binaries, stacks: Mutex::default() })
}

/// A deployed stack, with its API on a port.
#[derive(Debug)]
pub struct Stack {
    /// What was deployed.
    pub deployment: Deployment,
    /// Signs the tokens.
    pub keyring: Keyring,
    proxy: Proxy,
}

impl World {
    /// The stack that most tests share: endpoints on loopback, retries within seconds, all by visibility.
    pub async fn main(&self) -> Result<Arc<Stack>> {
        self.stack("main", &[]).await
    }

    /// A stack where every wait is parked.
    pub async fn parking(&self) -> Result<Arc<Stack>> {
        self.stack("parking", &[("ParkAfterSeconds", "0")]).await
    }

    /// A stack that reaches public addresses only, as a deployment does by default.
    pub async fn strict(&self) -> Result<Arc<Stack>> {
        self.stack("strict", &[("AllowedNetworks", "")]).await
    }

    /// The stack of that name, deployed with these parameters by whoever asks first.
    pub async fn stack(&self, name: &str, parameters: &[(&str, &str)]) -> Result<Arc<Stack>> {
        let mut stacks = self.stacks.lock().await;
        if let Some(stack) = stacks.get(name) {
            return Ok(Arc::clone(stack));
        }
        let template = self.emulator.template().await?;
        let stack = Arc::new(self.deploy(name, template, parameters).await?);
        stacks.insert(name.to_owned(), Arc::clone(&stack));
        Ok(stack)
    }

    /// Deploys a template, which may have been changed first.
    pub async fn deploy(&self, name: &str, template: serde_json::Value, parameters: &[(&str, &str)]) -> Result<Stack> {
        self.deploy_binaries(name, template, parameters, &self.binaries).await
    }

    /// Likewise, with other binaries.
    pub async fn deploy_binaries(
        &self,
        name: &str,
        template: serde_json::Value,
        parameters: &[(&str, &str)],
        binaries: &Binaries,
    ) -> Result<Stack> {
        let mut all: HashMap<&str, &str> = BRISK.iter().copied().collect();
        all.extend(parameters.iter().copied());
        let all: Vec<_> = all.into_iter().collect();
        let deployment = self.emulator.deploy(name, template, &all, binaries).await?;
        let keyring = Keyring::parse(&self.emulator.secret(deployment.output("KeyringArn")?).await?)?;
        let proxy = Proxy::watched(Listener::bind(0)?, deployment.output("ApiId")?, &self.emulator, document::fits)?;
        Ok(Stack { deployment, keyring, proxy })
    }

    /// For clients of the local AWS itself, with all rights. Connections belong to a test's runtime, so make your own.
    fn sdk(&self) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(REGION))
            .endpoint_url(self.emulator.endpoint())
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                ACCESS_KEY, ACCESS_KEY, None, None, "tests",
            )))
            .build()
    }

    /// SQS with all rights.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::from_conf(aws_sdk_sqs::config::Builder::from(&self.sdk()).build())
    }

    /// DynamoDB with all rights.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::from_conf(aws_sdk_dynamodb::config::Builder::from(&self.sdk()).build())
    }
}

impl Stack {
    /// Where its API is.
    pub fn url(&self) -> String {
        self.proxy.url()
    }

    /// The published client, with that token.
    pub fn svix(&self, token: &str) -> Svix {
        client(self.url(), token)
    }

    /// The API without a library, with that token.
    pub fn api(&self, token: &str) -> Api {
        Api::new(&self.url(), Some(token))
    }

    /// A token of an organization, or of one application of it.
    pub fn token(&self, org: &str, app: Option<&str>) -> String {
        self.token_for(org, app, Duration::from_hours(1))
    }

    /// The same, for so long.
    pub fn token_for(&self, org: &str, app: Option<&str>, lifetime: Duration) -> String {
        let org: OrgId = org.parse().expect("an organization's id");
        let app: Option<AppId> = app.map(|app| app.parse().expect("an application's id"));
        self.mint(&Caller { app, ..Caller::organization(org) }, lifetime)
    }

    /// A token with just those rights.
    pub fn mint(&self, caller: &Caller, lifetime: Duration) -> String {
        token::mint(&self.keyring, caller, ksuid().expect("an id"), lifetime).expect("mints")
    }

    /// A new organization with an application, and a receiver of its own.
    pub async fn tenant(&self, name: &str) -> Result<Tenant> {
        Tenant::new(self, name).await
    }

    /// Runs the scheduler now, instead of waiting for the minute.
    pub async fn wake(&self) -> Result<()> {
        let function = self.deployment.function("scheduler");
        let answer = world().emulator.invoke(&function, &serde_json::json!({})).await?;
        anyhow::ensure!(answer.error.is_none(), "the scheduler failed: {}", answer.payload);
        Ok(())
    }

    /// The queue's or the dead-letter queue's URL.
    pub fn output(&self, name: &str) -> Result<&str> {
        self.deployment.output(name).context("an output")
    }
}

/// The published client of the API at that URL.
pub fn client(url: String, token: &str) -> Svix {
    Svix::new(token.to_owned(), Some(SvixOptions { server_url: Some(url), ..SvixOptions::default() }))
}

/// The time.
pub(crate) fn now() -> Time {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Time::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
