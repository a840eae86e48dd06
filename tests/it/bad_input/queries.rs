//! Query strings that are wrong: the parameter is named.

use anyhow::Result;
use serde_json::json;

use super::furnished;

#[tokio::test]
async fn values_that_are_not_understood_are_refused() -> Result<()> {
    let tenant = furnished("bad-queries").await?;
    let message = tenant.publish("t", json!({})).await?.id;
    let (by_message, one) = (format!("/app/app/attempt/msg/{message}"), format!("/app/app/msg/{message}"));
    let bad = [
        ("/app", "order", "up,Ascending,"),
        ("/app/app/endpoint", "order", "desc"),
        ("/event-type", "order", "1"),
        ("/event-type", "include_archived", "yes,1,TRUE,"),
        ("/event-type", "with_content", "no"),
        ("/app/app/msg", "before", "yesterday,0,2026-01-01,2026-01-01T00:00:00,2026-13-01T00:00:00Z,"),
        ("/app/app/msg", "after", "1767225600,2026-02-30T00:00:00Z,%00"),
        ("/app/app/msg", "with_content", "null"),
        (&one, "with_content", "0"),
        (&by_message, "status", "4,-1,success,"),
        (&by_message, "status_code_class", "1,201,600,2xx,-100"),
        (&by_message, "before", "x"),
        ("/app/app/attempt/endpoint/ep", "status", "9"),
        ("/app/app/attempt/endpoint/ep", "status_code_class", "99"),
        ("/app/app/attempt/endpoint/ep", "after", "x"),
        ("/app/app/endpoint/ep/msg", "status", "x"),
        ("/app/app/endpoint/ep/msg", "with_content", "x"),
    ];
    for (path, name, values) in bad {
        for value in values.split(',') {
            let reply = tenant.api.get(&format!("{path}?{name}={value}")).await?;
            assert_eq!(reply.status, 400, "{path}?{name}={value}: {}", reply.text);
            reply.assert_refused(400, "generic_error");
            assert!(reply.text.contains(name), "{}", reply.text);
        }
    }
    let deletion = tenant.api.delete("/event-type/t?expunge=maybe").await?;
    deletion.assert_refused(400, "generic_error");
    for (path, body) in [
        ("/app?get_if_exists=1", json!({"name": "A"})),
        ("/app/app/msg?with_content=1", json!({"eventType": "t", "payload": {}})),
    ] {
        tenant.api.post(path, &body).await?.assert_refused(400, "generic_error");
    }
    Ok(())
}

#[tokio::test]
async fn parameters_given_twice_and_names_that_are_none_are_refused() -> Result<()> {
    let tenant = furnished("double-queries").await?;
    for query in ["channel=a&channel=b", "before=2026-01-01T00:00:00Z&before=2026-01-01T00:00:00Z"] {
        tenant.api.get(&format!("/app/app/msg?{query}")).await?.assert_refused(400, "generic_error");
    }
    for query in ["event_types=", "event_types=a,,b", "event_types=a%20b", "event_types[]=%00", "event_types=%ff"] {
        tenant.api.get(&format!("/app/app/msg?{query}")).await?.assert_invalid(&["query", "event_types"]);
    }
    Ok(())
}

#[tokio::test]
async fn strange_query_strings_are_ignored_where_nothing_asks_for_them() -> Result<()> {
    let tenant = furnished("odd-queries").await?;
    let long = "x".repeat(7_000);
    for query in ["", "&&&", "=", "%", "%zz=%", "a=%ff%00", "<>\"{}|^`\\", "limit", "unknown=1&unknown=2", &long] {
        let reply = tenant.api.get(&format!("/app/app?{query}")).await?;
        assert_eq!(reply.status, 200, "{query}: {}", reply.text);
        let event = json!({"eventType": "t", "payload": {}});
        let reply = tenant.api.post(&format!("/app/app/msg?{query}"), &event).await?;
        assert_eq!(reply.status, 202, "{query}: {}", reply.text);
    }
    Ok(())
}
