//! Configuration from the environment: one `from_env` for each function, and no other place that reads it.
//!
//! | variable | unit | default | used by |
//! | --- | --- | --- | --- |
//! | `POSTRIDER_CONFIG_TABLE` | table name | required | all |
//! | `POSTRIDER_LEDGER_TABLE` | table name | required | all |
//! | `POSTRIDER_KEYRING` | ARN or name of a secret | required | ingest, api, delivery |
//! | `POSTRIDER_QUEUE_URL` | URL | required | all |
//! | `POSTRIDER_RETRY_QUEUE_URL` | URL | required | all |
//! | `POSTRIDER_JOB_QUEUE_URL` | URL | required | all |
//! | `POSTRIDER_PUBLISH_RATE` | messages per second of an application, 0–100,000; 0: any number | 0 | ingest |
//! | `POSTRIDER_PUBLISH_DEAD_LETTER_QUEUE_URL` | URL | required | ingest |
//! | `POSTRIDER_EVENTBRIDGE_ORGANIZATION` | `org_…`, whose the events of the bus are | none: they are set aside | ingest |
//! | `POSTRIDER_EVENTBRIDGE_APPLICATION` | where in the `detail` the application is named | `applicationUid` | ingest |
//! | `POSTRIDER_EVENTBRIDGE_TYPES` | such as `OrderPaid=order.paid,*=other` | the `detail-type` itself | ingest |
//! | `POSTRIDER_DEAD_LETTER_QUEUE_URL` | URL | required | delivery |
//! | `POSTRIDER_RETRY_SCHEDULE` | waits such as `5s,5m,2h`; empty: one attempt | `5s,5m,30m,2h,5h,10h,14h,20h,24h` | delivery |
//! | `POSTRIDER_ATTEMPT_TIMEOUT_SECONDS` | seconds, 1–30 | 15 | delivery, api |
//! | `POSTRIDER_PARK_AFTER_SECONDS` | seconds, 0–900 | 900 | delivery |
//! | `POSTRIDER_MAX_RECEIVES` | receives, 1–1000 | 10 | delivery |
//! | `POSTRIDER_ALLOWED_NETWORKS` | networks such as `127.0.0.0/8`, by comma | none | ingest, delivery, api |
//! | `POSTRIDER_EXTRA_CA_PEM` | certificates as PEM | none | ingest, delivery, api |
//! | `POSTRIDER_PORTAL_URL` | URL of a portal, which gets the token in its fragment | `POSTRIDER_API_URL` | api |
//! | `POSTRIDER_OIDC_ISSUER` | URL of an issuer whose access tokens count; `https`, or `http` where networks are allowed | none | ingest, api |
//! | `POSTRIDER_OIDC_AUDIENCE` | what `aud` of its tokens must hold | required with an issuer | ingest, api |
//! | `POSTRIDER_OIDC_ORGANIZATION` | `org_…`: all its tokens are of this one | one of the two is required with an issuer | ingest, api |
//! | `POSTRIDER_OIDC_ORGANIZATION_CLAIM` | name of the claim that holds `org_…` | see above; it comes first | ingest, api |
//! | `POSTRIDER_OIDC_APPLICATION_CLAIM` | name of the claim that holds `app_…` | none | ingest, api |
//! | `POSTRIDER_OIDC_SCOPE_PREFIX` | what precedes the names of scopes in it | `postrider:` | ingest, api |
//! | `POSTRIDER_CONSENT_ORIGIN` | a name, as whom receivers are asked for their consent | `postrider` | api |
//! | `POSTRIDER_DISABLE_AFTER_SECONDS` | seconds without a success, 3,600–7,776,000 | 432,000 | delivery |
//! | `POSTRIDER_EVENT_TYPE_HEADER` | header name | `webhook-event-type` | delivery, api |
//! | `POSTRIDER_API_URL` | URL of the API, for confirmations, sources and the portal | required | delivery, api |
//! | `POSTRIDER_RELEASES_PER_SECOND` | held deliveries of an endpoint, 1–1,000 | 10 | scheduler |
//! | `POSTRIDER_STACK` | the stack's name, the dimension of all metrics | `postrider` | all |
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | URL of an OpenTelemetry collector, which takes spans at `/v1/traces` | none | ingest, delivery |
//! | `OTEL_EXPORTER_OTLP_HEADERS` | such as `key=value,other=value`, percent-encoded | none | ingest, delivery |
//! | `POSTRIDER_LOG` | `error`, `warn`, `info`, `debug`, `trace` or `off` | `info` | all |
//!
//! Region, credentials and name are what Lambda sets: `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_LAMBDA_FUNCTION_NAME` and so on.

mod source;
mod trust;

use std::time::Duration;

use http::{HeaderMap, Uri};
use lambda_runtime::tracing::subscriber::filter::LevelFilter;
use postrider_core::{access::oidc::Trust, intake::EventMap, retry::Schedule};

use source::{Source, environment};

use crate::QueueUrls;

/// A variable that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSetting {
    /// It must be set.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// It says something else than it may.
    #[error("{0}: {1}")]
    Invalid(&'static str, String),
}

/// Where AWS is, and as whom it is called: what Lambda sets, once for the life of a process.
pub(crate) struct AwsSettings {
    /// `AWS_REGION`.
    pub(crate) region: String,
    /// `AWS_ACCESS_KEY_ID`.
    pub(crate) key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub(crate) secret_key: String,
    /// `AWS_SESSION_TOKEN`, if there is one.
    pub(crate) session: Option<String>,
    /// `AWS_ENDPOINT_URL`: of a local AWS.
    pub(crate) endpoint: Option<String>,
}

impl AwsSettings {
    pub(crate) fn from_env() -> Result<Self, InvalidSetting> {
        let source = Source(&environment);
        Ok(Self {
            region: source.required("AWS_REGION")?,
            key_id: source.required("AWS_ACCESS_KEY_ID")?,
            secret_key: source.required("AWS_SECRET_ACCESS_KEY")?,
            session: source.optional("AWS_SESSION_TOKEN"),
            endpoint: source.optional("AWS_ENDPOINT_URL"),
        })
    }
}

/// What ingest needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestSettings {
    /// `POSTRIDER_CONFIG_TABLE`.
    pub config_table: String,
    /// `POSTRIDER_LEDGER_TABLE`.
    pub ledger_table: String,
    /// `POSTRIDER_KEYRING`.
    pub keyring: String,
    /// `POSTRIDER_QUEUE_URL`, `POSTRIDER_RETRY_QUEUE_URL`, `POSTRIDER_JOB_QUEUE_URL`.
    pub queues: QueueUrls,
    /// `POSTRIDER_PUBLISH_RATE`: of each application without a rate of its own.
    pub publish_rate: u32,
    /// `POSTRIDER_PUBLISH_DEAD_LETTER_QUEUE_URL`.
    pub rejects_url: String,
    /// `POSTRIDER_EVENTBRIDGE_ORGANIZATION`, `POSTRIDER_EVENTBRIDGE_APPLICATION`, `POSTRIDER_EVENTBRIDGE_TYPES`.
    pub event_map: EventMap,
    /// `POSTRIDER_OIDC_…`.
    pub trust: Option<Trust>,
    /// `POSTRIDER_ALLOWED_NETWORKS`, as it is.
    pub allowed_networks: String,
    /// `POSTRIDER_EXTRA_CA_PEM`.
    pub extra_ca_pem: Option<String>,
    /// `POSTRIDER_LOG`, `POSTRIDER_STACK`.
    pub log: Logging,
}

/// What delivery needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverySettings {
    /// `POSTRIDER_CONFIG_TABLE`.
    pub config_table: String,
    /// `POSTRIDER_LEDGER_TABLE`.
    pub ledger_table: String,
    /// `POSTRIDER_KEYRING`.
    pub keyring: String,
    /// `POSTRIDER_QUEUE_URL`, `POSTRIDER_RETRY_QUEUE_URL`, `POSTRIDER_JOB_QUEUE_URL`, `POSTRIDER_DEAD_LETTER_QUEUE_URL`.
    pub queues: QueueUrls,
    /// `POSTRIDER_RETRY_SCHEDULE`.
    pub schedule: Schedule,
    /// `POSTRIDER_ATTEMPT_TIMEOUT_SECONDS`.
    pub attempt_timeout: Duration,
    /// `POSTRIDER_PARK_AFTER_SECONDS`: longer waits are parked.
    pub park_after: Duration,
    /// `POSTRIDER_MAX_RECEIVES`: the queue's redrive policy.
    pub max_receives: u32,
    /// `POSTRIDER_ALLOWED_NETWORKS`, as it is.
    pub allowed_networks: String,
    /// `POSTRIDER_EXTRA_CA_PEM`.
    pub extra_ca_pem: Option<String>,
    /// `POSTRIDER_DISABLE_AFTER_SECONDS`.
    pub disable_after: Duration,
    /// `POSTRIDER_EVENT_TYPE_HEADER`.
    pub event_type_header: String,
    /// `POSTRIDER_API_URL`.
    pub api_url: String,
    /// `POSTRIDER_LOG`, `POSTRIDER_STACK`.
    pub log: Logging,
}

/// What the api needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// `POSTRIDER_CONFIG_TABLE`.
    pub config_table: String,
    /// `POSTRIDER_LEDGER_TABLE`.
    pub ledger_table: String,
    /// `POSTRIDER_KEYRING`.
    pub keyring: String,
    /// `POSTRIDER_ALLOWED_NETWORKS`, as it is.
    pub allowed_networks: String,
    /// `POSTRIDER_EXTRA_CA_PEM`.
    pub extra_ca_pem: Option<String>,
    /// `POSTRIDER_CONSENT_ORIGIN`.
    pub consent_origin: String,
    /// `POSTRIDER_ATTEMPT_TIMEOUT_SECONDS`.
    pub attempt_timeout: Duration,
    /// `POSTRIDER_EVENT_TYPE_HEADER`.
    pub event_type_header: String,
    /// `POSTRIDER_QUEUE_URL`, `POSTRIDER_RETRY_QUEUE_URL`, `POSTRIDER_JOB_QUEUE_URL`.
    pub queues: QueueUrls,
    /// `POSTRIDER_API_URL`.
    pub api_url: String,
    /// `POSTRIDER_PORTAL_URL`, or else `POSTRIDER_API_URL`.
    pub portal_url: String,
    /// `POSTRIDER_OIDC_…`.
    pub trust: Option<Trust>,
    /// `POSTRIDER_LOG`, `POSTRIDER_STACK`.
    pub log: Logging,
}

/// What the scheduler needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchedulerSettings {
    /// `POSTRIDER_CONFIG_TABLE`.
    pub config_table: String,
    /// `POSTRIDER_RELEASES_PER_SECOND`.
    pub releases_per_second: u32,
    /// `POSTRIDER_LEDGER_TABLE`.
    pub ledger_table: String,
    /// `POSTRIDER_QUEUE_URL`, `POSTRIDER_RETRY_QUEUE_URL`, `POSTRIDER_JOB_QUEUE_URL`.
    pub queues: QueueUrls,
    /// `POSTRIDER_LOG`, `POSTRIDER_STACK`.
    pub log: Logging,
}

/// What is logged, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging {
    /// `POSTRIDER_LOG`.
    pub(crate) level: LevelFilter,
    /// `POSTRIDER_STACK`: the dimension of all metrics.
    pub(crate) stack: String,
    /// `OTEL_EXPORTER_OTLP_…`: where spans go. What cannot be used is told in the log and stops nothing.
    pub(crate) collector: Result<Option<Collector>, InvalidSetting>,
}

/// What takes spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Collector {
    /// `…/v1/traces`.
    pub(crate) url: Uri,
    /// What it is asked with: keys of a hosted one, for example.
    pub(crate) headers: HeaderMap,
    /// Attributes of whoever tells of spans.
    pub(crate) resource: Vec<(&'static str, String)>,
}

impl IngestSettings {
    /// Reads the environment.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        Self::from(Source(&environment))
    }

    fn from(source: Source<'_>) -> Result<Self, InvalidSetting> {
        Ok(Self {
            config_table: source.required("POSTRIDER_CONFIG_TABLE")?,
            ledger_table: source.required("POSTRIDER_LEDGER_TABLE")?,
            keyring: source.required("POSTRIDER_KEYRING")?,
            queues: source.queues()?,
            publish_rate: source.number("POSTRIDER_PUBLISH_RATE", 0, 0..=100_000)?,
            rejects_url: source.required("POSTRIDER_PUBLISH_DEAD_LETTER_QUEUE_URL")?,
            event_map: EventMap {
                organization: source.parsed("POSTRIDER_EVENTBRIDGE_ORGANIZATION")?,
                application: source.parsed("POSTRIDER_EVENTBRIDGE_APPLICATION")?.unwrap_or_default(),
                types: source.parsed("POSTRIDER_EVENTBRIDGE_TYPES")?.unwrap_or_default(),
            },
            trust: trust::read(source)?,
            allowed_networks: source.optional("POSTRIDER_ALLOWED_NETWORKS").unwrap_or_default(),
            extra_ca_pem: source.optional("POSTRIDER_EXTRA_CA_PEM"),
            log: source.log()?,
        })
    }
}

impl DeliverySettings {
    /// Reads the environment.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        Self::from(Source(&environment))
    }

    fn from(source: Source<'_>) -> Result<Self, InvalidSetting> {
        let seconds = |name, default, limits| source.number(name, default, limits).map(Duration::from_secs);
        Ok(Self {
            config_table: source.required("POSTRIDER_CONFIG_TABLE")?,
            ledger_table: source.required("POSTRIDER_LEDGER_TABLE")?,
            keyring: source.required("POSTRIDER_KEYRING")?,
            queues: QueueUrls { dead_letters: source.required("POSTRIDER_DEAD_LETTER_QUEUE_URL")?, ..source.queues()? },
            schedule: source.schedule()?,
            attempt_timeout: seconds("POSTRIDER_ATTEMPT_TIMEOUT_SECONDS", 15, 1..=30)?,
            park_after: seconds("POSTRIDER_PARK_AFTER_SECONDS", 900, 0..=900)?,
            max_receives: source.number("POSTRIDER_MAX_RECEIVES", 10, 1..=1_000)?,
            allowed_networks: source.optional("POSTRIDER_ALLOWED_NETWORKS").unwrap_or_default(),
            extra_ca_pem: source.optional("POSTRIDER_EXTRA_CA_PEM"),
            disable_after: seconds("POSTRIDER_DISABLE_AFTER_SECONDS", 432_000, 3_600..=7_776_000)?,
            event_type_header: source.event_type_header(),
            api_url: source.required("POSTRIDER_API_URL")?,
            log: source.log()?,
        })
    }
}

impl ApiSettings {
    /// Reads the environment.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        Self::from(Source(&environment))
    }

    fn from(source: Source<'_>) -> Result<Self, InvalidSetting> {
        Ok(Self {
            config_table: source.required("POSTRIDER_CONFIG_TABLE")?,
            ledger_table: source.required("POSTRIDER_LEDGER_TABLE")?,
            keyring: source.required("POSTRIDER_KEYRING")?,
            allowed_networks: source.optional("POSTRIDER_ALLOWED_NETWORKS").unwrap_or_default(),
            extra_ca_pem: source.optional("POSTRIDER_EXTRA_CA_PEM"),
            consent_origin: source.optional("POSTRIDER_CONSENT_ORIGIN").unwrap_or_else(|| "postrider".to_owned()),
            attempt_timeout: source.number("POSTRIDER_ATTEMPT_TIMEOUT_SECONDS", 15, 1..=30).map(Duration::from_secs)?,
            event_type_header: source.event_type_header(),
            queues: source.queues()?,
            api_url: source.required("POSTRIDER_API_URL")?,
            portal_url: match source.optional("POSTRIDER_PORTAL_URL") {
                Some(url) => url,
                None => source.required("POSTRIDER_API_URL")?,
            },
            trust: trust::read(source)?,
            log: source.log()?,
        })
    }
}

impl SchedulerSettings {
    /// Reads the environment.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        Self::from(Source(&environment))
    }

    fn from(source: Source<'_>) -> Result<Self, InvalidSetting> {
        Ok(Self {
            config_table: source.required("POSTRIDER_CONFIG_TABLE")?,
            releases_per_second: source.number("POSTRIDER_RELEASES_PER_SECOND", 10, 1..=1_000)?,
            ledger_table: source.required("POSTRIDER_LEDGER_TABLE")?,
            queues: source.queues()?,
            log: source.log()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{source::DEFAULT_SCHEDULE, *};

    fn variables(name: &str) -> Option<String> {
        let required = [
            "CONFIG_TABLE",
            "LEDGER_TABLE",
            "KEYRING",
            "QUEUE_URL",
            "RETRY_QUEUE_URL",
            "JOB_QUEUE_URL",
            "DEAD_LETTER_QUEUE_URL",
            "PUBLISH_DEAD_LETTER_QUEUE_URL",
            "API_URL",
        ];
        let name = name.strip_prefix("POSTRIDER_")?;
        required.contains(&name).then(|| name.to_lowercase())
    }

    fn with(name: &'static str, value: &'static str) -> impl Fn(&str) -> Option<String> {
        move |asked| if asked == name { Some(value.to_owned()) } else { variables(asked) }
    }

    #[test]
    fn the_required_ones_are_enough() {
        let settings = DeliverySettings::from(Source(&variables)).expect("settings");
        assert_eq!(settings.attempt_timeout, Duration::from_secs(15));
        assert_eq!(settings.schedule, DEFAULT_SCHEDULE.parse().expect("a schedule"));
        assert!(IngestSettings::from(Source(&variables)).is_ok());
        assert!(ApiSettings::from(Source(&variables)).is_ok());
        assert!(SchedulerSettings::from(Source(&variables)).is_ok());
    }

    #[test]
    fn errors_name_the_variable() {
        let of = |name, value| DeliverySettings::from(Source(&with(name, value))).map(drop);
        let message = |name, value| of(name, value).expect_err("an error").to_string();
        assert_eq!(message("POSTRIDER_KEYRING", ""), "POSTRIDER_KEYRING is not set");
        for (name, value) in [
            ("POSTRIDER_ATTEMPT_TIMEOUT_SECONDS", "31"),
            ("POSTRIDER_PARK_AFTER_SECONDS", "-1"),
            ("POSTRIDER_MAX_RECEIVES", "many"),
            ("POSTRIDER_RETRY_SCHEDULE", "5x"),
            ("POSTRIDER_LOG", "loud"),
        ] {
            assert!(message(name, value).starts_with(name), "{name}");
        }
        assert!(of("POSTRIDER_RETRY_SCHEDULE", "").is_ok());
        for (name, value) in [
            ("POSTRIDER_EVENTBRIDGE_ORGANIZATION", "acme"),
            ("POSTRIDER_EVENTBRIDGE_APPLICATION", "a..b"),
            ("POSTRIDER_EVENTBRIDGE_TYPES", "OrderPaid"),
        ] {
            let error = IngestSettings::from(Source(&with(name, value))).expect_err("an error").to_string();
            assert!(error.starts_with(name), "{error}");
        }
    }

    #[test]
    fn a_collector_is_told_of_as_opentelemetry_has_it() {
        let of = |endpoint: &'static str, headers: &'static str| {
            let variable = move |asked: &str| match asked {
                "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(endpoint.to_owned()),
                "OTEL_EXPORTER_OTLP_HEADERS" => Some(headers.to_owned()),
                _ => variables(asked),
            };
            Source(&variable).log().expect("it stops nothing").collector
        };
        assert_eq!(of("", "api-key=secret"), Ok(None));
        let collector = of("http://localhost:4318/", "api-key=a%20b, x-team=c").expect("valid").expect("a collector");
        assert_eq!(collector.url, "http://localhost:4318/v1/traces");
        assert!(collector.headers["api-key"] == "a b" && collector.headers["x-team"] == "c");
        assert!(!format!("{collector:?}").contains("a b"));
        for (endpoint, headers) in [("localhost:4318", ""), ("http://", ""), ("http://a b", ""), ("http://a", "secret")]
        {
            let error = of(endpoint, headers).expect_err(endpoint).to_string();
            assert!(error.starts_with("OTEL_") && !error.contains("secret"), "{error}");
        }
    }
}
