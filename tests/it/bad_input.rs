//! Whatever is sent, the answer is a 4xx that says what is wrong, in the contract's shape.

use anyhow::Result;
use postrider_tests::{Tenant, world};

mod bodies;
mod fields;
mod headers;
mod queries;
mod urls;

/// A tenant whose application has the uid `app`, with an endpoint `ep` and an event type `t`.
async fn furnished(name: &str) -> Result<Tenant> {
    let tenant = world().main().await?.tenant(name).await?;
    let named = serde_json::json!({"uid": "app"});
    tenant.svix.application().patch(tenant.app.clone(), serde_json::from_value(named)?).await?;
    let endpoint = svix::models::EndpointIn::new(tenant.receiver.url("/hook"));
    tenant.endpoint_with(svix::models::EndpointIn { uid: Some("ep".to_owned()), ..endpoint }).await?;
    let kind = svix::models::EventTypeIn::new("t".to_owned(), String::new());
    tenant.svix.event_type().create(kind, None).await?;
    Ok(tenant)
}
