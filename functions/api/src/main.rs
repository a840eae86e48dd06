//! The api function: its ports on AWS, its settings from the environment.

use postrider_api::{Api, Parts};
use postrider_aws::{Aws, ConfigTable, Ledger, Queues, SecretKeys, System, settings::ApiSettings, telemetry};
use postrider_core::{compose, diagnose};
use postrider_egress::{AddressPolicy, Egress};

struct OnAws;

impl Parts for OnAws {
    type Directory = ConfigTable;
    type Record = Ledger;
    type Keys = SecretKeys;
    type Ambient = System;
    type Sender = Egress;
    type Jobs = Queues;
    type Outbox = Queues;
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let settings = ApiSettings::from_env()?;
    telemetry::init(settings.log);
    let policy = AddressPolicy::parse(&settings.allowed_networks)?;
    let aws = Aws::connect().await;
    let queues = aws.queues(settings.queues);
    let api = Api::<OnAws> {
        directory: aws.config_table(&settings.config_table),
        record: aws.ledger(&settings.ledger_table, &settings.config_table),
        keys: aws.keys(&settings.keyring),
        ambient: System,
        sender: Egress::new(policy, settings.extra_ca_pem.as_deref().map(str::as_bytes))?,
        jobs: queues.clone(),
        outbox: queues,
        plain_http: !settings.allowed_networks.trim().is_empty(),
        origin: settings.consent_origin,
        delivering: diagnose::Settings {
            compose: compose::Settings {
                user_agent: concat!("Postrider/", env!("CARGO_PKG_VERSION")).to_owned(),
                event_type_header: settings.event_type_header,
                source: settings.api_url.clone(),
            },
            api_url: settings.api_url,
            attempt_timeout: settings.attempt_timeout,
        },
    };
    postrider_web::serve(api.into_service()).await
}
