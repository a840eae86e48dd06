//! The real schedule. Its name is early in the alphabet: the one test that waits for a minute begins among the first.

use std::time::Duration;

use anyhow::Result;
use postrider_local::Reply;
use postrider_tests::world;
use serde_json::json;
use svix::models::MessageStatus;

/// A minute, and what the local schedule is late.
const A_MINUTE: Duration = Duration::from_secs(100);

#[tokio::test]
async fn every_minute_parked_deliveries_that_are_due_are_sent() -> Result<()> {
    // Here nobody runs the scheduler by hand.
    let stack = world().stack("clock", &[("ParkAfterSeconds", "0")]).await?;
    let tenant = stack.tenant("clock").await?;
    tenant.receiver.on("/hook", |_, nth| Reply::status(if nth == 1 { 500 } else { 200 }));
    let endpoint = tenant.endpoint("/hook").await?;
    let message = tenant.publish("invoice.paid", json!({})).await?;
    tenant.receiver.wait_for("/hook", 2, A_MINUTE).await?;
    tenant.reached(&message.id, &endpoint.id, MessageStatus::Success).await?;
    assert_eq!(tenant.attempts(&message.id).await?.len(), 2);
    Ok(())
}
