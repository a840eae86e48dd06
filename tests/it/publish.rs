//! Publishing and what arrives.

use anyhow::Result;
use postrider_tests::{PATIENCE, verify, world};
use serde_json::json;

#[tokio::test]
async fn a_published_event_arrives_signed_and_is_recorded() -> Result<()> {
    let tenant = world().main().await?.tenant("publish").await?;
    let endpoint = tenant.endpoint("/hook").await?;
    let message = tenant.publish("invoice.paid", json!({"total": 2000})).await?;
    let received = tenant.receiver.wait_for("/hook", 1, PATIENCE).await?;
    verify(&tenant.secret(&endpoint.id).await?, &received[0])?;
    assert_eq!(received[0].header("webhook-id"), Some(message.id.as_str()));
    let attempts = tenant.attempted(&message.id, 1).await?;
    assert_eq!((attempts.len(), attempts[0].response_status_code), (1, 200));
    Ok(())
}
