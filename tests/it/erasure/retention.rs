//! Messages are kept as long as their producer wants, and not a read longer.

use anyhow::Result;
use postrider_tests::world;
use serde_json::json;
use svix::models::MessageIn;

const DAY: i64 = 86_400;

#[tokio::test]
async fn a_message_is_kept_as_long_as_was_asked_for_and_an_expired_one_is_nowhere_to_be_seen() -> Result<()> {
    let stack = world().main().await?;
    let tenant = stack.tenant("retention").await?;
    let endpoint = tenant.endpoint("/hook").await?.id;
    let mut messages = Vec::new();
    for days in [None, Some(5), Some(30)] {
        let message = MessageIn { payload_retention_period: days, ..MessageIn::new("a".to_owned(), json!({})) };
        let id = tenant.publish_with(message).await?.id;
        tenant.attempted(&id, 1).await?;
        let left = stack.expires_in(&tenant.app, &id).await?;
        let wanted = days.unwrap_or(90) * DAY;
        assert!((wanted - 120..=wanted).contains(&left), "{days:?}: {left}");
        messages.push(id);
    }
    let gone = &messages[1];
    stack.expire(&tenant.app, gone).await?;
    let app = format!("/app/{}", tenant.app);
    for path in [format!("/msg/{gone}"), format!("/msg/{gone}/endpoint"), format!("/attempt/msg/{gone}")] {
        tenant.api.get(&format!("{app}{path}")).await?.assert_refused(404, "not_found");
    }
    for path in ["/msg".to_owned(), format!("/endpoint/{endpoint}/msg")] {
        let listed = tenant.api.get(&format!("{app}{path}")).await?.json();
        let ids: Vec<_> = listed["data"].as_array().into_iter().flatten().map(|row| row["id"].clone()).collect();
        assert!(ids.len() == 2 && !ids.contains(&json!(gone)), "{path}: {ids:?}");
    }
    let resend = format!("{app}/msg/{gone}/endpoint/{endpoint}/resend");
    tenant.api.post(&resend, &json!({})).await?.assert_refused(404, "not_found");
    Ok(())
}
