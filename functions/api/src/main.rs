//! The api function: its ports on AWS, its settings from the environment.

use std::sync::Arc;

use lambda_http::{Request, Service as _, service_fn};
use postrider_api::{Api, OnAws};
use postrider_aws::{Aws, System, report, settings::ApiSettings, telemetry};
use postrider_core::{
    access::{Door, oidc::Issuer},
    compose, diagnose,
};
use postrider_egress::{AddressPolicy, Egress};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let settings = ApiSettings::from_env()?;
    telemetry::init(settings.log);
    let extra_roots = settings.extra_ca_pem.as_deref().map(str::as_bytes);
    let policy = AddressPolicy::parse(&settings.allowed_networks)?;
    let sender = Arc::new(Egress::new(policy, extra_roots)?);
    let issuer = settings.trust.map(|trust| Issuer::new(trust, Arc::clone(&sender)));
    let aws = Aws::connect()?;
    let api = Api::<OnAws> {
        directory: aws.config_table(&settings.config_table),
        record: aws.ledger(&settings.ledger_table, &settings.config_table),
        keys: aws.keys(&settings.keyring),
        ambient: System,
        sender,
        queues: aws.queues(settings.queues),
        plain_http: !settings.allowed_networks.trim().is_empty(),
        origin: settings.consent_origin,
        url: settings.api_url.clone(),
        door: Door::new(issuer),
        portal_url: settings.portal_url,
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
    let (service, meter) = (api.into_service(), aws.meter().clone());
    postrider_web::serve(service_fn(move |request: Request| {
        let (answer, meter) = (service.clone().call(request), meter.clone());
        async move {
            let response = answer.await;
            report!(
                meter,
                "request handled",
                status = response.as_ref().map_or(0, |response| response.status().as_u16())
            );
            response
        }
    }))
    .await
}
