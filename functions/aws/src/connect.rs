//! One connection setup for the three services.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, IdentityCache, Region, SharedCredentialsProvider, StalledStreamProtectionConfig,
    retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_types::SdkConfig;
use lambda_runtime::Error;

use crate::{
    ConfigTable, Ledger, Meter, Queues, RejectQueue, SecretKeys, http::Http, settings::AwsSettings, sqs::QueueUrls,
};

/// Requests to AWS are tried so often, at random times within these pauses, doubled from the first to the longest: some
/// three seconds of throttling are outlasted.
const ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// With all its attempts; every function runs longer than this.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(12);

/// A client that is made when it is first used: to make one reads where all services are in all regions, and a process may
/// never need it.
pub(crate) type Late<C> = Arc<LazyLock<C, Box<dyn FnOnce() -> C + Send>>>;

fn late<C>(make: impl FnOnce() -> C + Send + 'static) -> Late<C> {
    Arc::new(LazyLock::new(Box::new(make)))
}

/// The clients of the three services, from which a function takes the ports it needs. Connecting to nothing until
/// the first call.
#[derive(Debug, Clone)]
pub struct Aws {
    dynamodb: aws_sdk_dynamodb::Client,
    sqs: Late<aws_sdk_sqs::Client>,
    secrets: Late<aws_sdk_secretsmanager::Client>,
    meter: Meter,
}

impl Aws {
    /// Reads region, credentials and endpoint from the environment, as Lambda sets it, and looks nowhere else, such as
    /// profiles. Makes no network call.
    ///
    /// # Errors
    /// If the environment lacks region or credentials, or there can be no TLS.
    pub fn connect() -> Result<Self, Error> {
        let config = sdk_config(AwsSettings::from_env()?, Http::new()?);
        let meter = Meter::default();
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&config).interceptor(meter.clone()).build();
        let (of_sqs, counts) = (config.clone(), meter.clone());
        let sqs = late(move || {
            aws_sdk_sqs::Client::from_conf(aws_sdk_sqs::config::Builder::from(&of_sqs).interceptor(counts).build())
        });
        let counts = meter.clone();
        let secrets = late(move || {
            let config = aws_sdk_secretsmanager::config::Builder::from(&config).interceptor(counts).build();
            aws_sdk_secretsmanager::Client::from_conf(config)
        });
        Ok(Self { dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb), sqs, secrets, meter })
    }

    /// Counts everything that the ports ask of AWS.
    pub const fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Applications, endpoints and event types.
    pub fn config_table(&self, table: &str) -> ConfigTable {
        ConfigTable::new(self.dynamodb.clone(), table)
    }

    /// Messages, claims and the record of deliveries.
    pub fn ledger(&self, ledger: &str, config: &str) -> Ledger {
        Ledger::new(self.dynamodb.clone(), ledger, self.config_table(config))
    }

    /// The delivery queues.
    pub fn queues(&self, urls: QueueUrls) -> Queues {
        Queues::new(self.sqs.clone(), urls)
    }

    /// The dead-letter queue of inputs.
    pub fn reject_queue(&self, url: &str) -> RejectQueue {
        RejectQueue::new(self.sqs.clone(), url)
    }

    /// The keyring in a secret, by its ARN or name.
    pub fn keys(&self, secret: &str) -> SecretKeys {
        SecretKeys::new(self.secrets.clone(), secret)
    }
}

fn sdk_config(aws: AwsSettings, http: Http) -> SdkConfig {
    let credentials = Credentials::new(aws.key_id, aws.secret_key, aws.session, None, "environment");
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(FIRST_PAUSE)
        .with_max_backoff(LONGEST_PAUSE);
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(aws.region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .identity_cache(IdentityCache::no_cache())
        .http_client(http)
        // A body that comes too slowly is ended by the attempt's timeout.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .retry_config(retries)
        .timeout_config(timeouts);
    config.set_endpoint_url(aws.endpoint);
    config.build()
}
