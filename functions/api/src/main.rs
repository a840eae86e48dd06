//! The api function: its ports on AWS, its settings from the environment.

use postrider_api::{Api, Parts};
use postrider_aws::{Aws, ConfigTable, Ledger, SecretKeys, System, settings::ApiSettings, telemetry};

struct OnAws;

impl Parts for OnAws {
    type Directory = ConfigTable;
    type Record = Ledger;
    type Keys = SecretKeys;
    type Ambient = System;
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let settings = ApiSettings::from_env()?;
    telemetry::init(settings.log);
    let aws = Aws::connect().await;
    let api = Api::<OnAws> {
        directory: aws.config_table(&settings.config_table),
        record: aws.ledger(&settings.ledger_table),
        keys: aws.keys(&settings.keyring),
        ambient: System,
        plain_http: !settings.allowed_networks.trim().is_empty(),
    };
    postrider_web::serve(api.into_service()).await
}
