//! Lists: every element once, in both directions, with any limit; and filters.

use std::collections::BTreeSet;

use anyhow::Result;
use postrider_tests::{Tenant, world};
use serde_json::json;
use svix::{
    api::{ApplicationListOptions, EndpointListOptions, EventTypeListOptions, MessageListOptions},
    models::{ApplicationIn, EventTypeIn, MessageIn, MessageOut, Ordering},
};

/// A page of the published client, whose rows have this key.
macro_rules! page {
    ($list:expr, $key:ident) => {{
        let list = $list;
        let keys = list.data.into_iter().map(|row| row.$key).collect();
        Page { keys, iterator: list.iterator, previous: list.prev_iterator, done: list.done }
    }};
}

mod attempts;

/// A page of any list: the keys of its rows, and where it says to go on.
struct Page {
    keys: Vec<String>,
    iterator: Option<String>,
    previous: Option<String>,
    done: bool,
}

/// Walks the list forwards to its end and back to its beginning, with every limit, and checks every page.
async fn walk<F>(expected: &[String], list: impl Fn(Option<u64>, Option<String>) -> F) -> Result<()>
where
    F: Future<Output = Result<Page>>,
{
    let count = expected.len();
    for limit in 1..=count + 1 {
        let (mut at, mut iterator) = (0, None);
        loop {
            let page = list(Some(limit as u64), iterator).await?;
            let end = count.min(at + limit);
            assert_eq!(page.keys, expected[at..end], "limit {limit}, forwards from {at}");
            assert_eq!(page.done, end == count, "limit {limit}, forwards from {at}");
            if page.done {
                iterator = page.previous;
                break;
            }
            (at, iterator) = (end, page.iterator);
        }
        while iterator.is_some() {
            let page = list(Some(limit as u64), iterator).await?;
            let start = at.saturating_sub(limit);
            assert_eq!(page.keys, expected[start..at], "limit {limit}, backwards from {at}");
            assert_eq!(page.done, start == 0, "limit {limit}, backwards from {at}");
            (at, iterator) = (start, page.previous.filter(|_| !page.done));
        }
        assert_eq!(at, 0, "limit {limit}");
    }
    let whole = list(None, None).await?;
    assert_eq!((whole.keys.as_slice(), whole.done), (expected, true));
    let nothing = list(Some(0), None).await?;
    assert!(nothing.keys.is_empty() && nothing.done && nothing.iterator.is_none() && nothing.previous.is_none());
    Ok(())
}

fn reversed(keys: &[String]) -> Vec<String> {
    keys.iter().rev().cloned().collect()
}

#[tokio::test]
async fn applications_are_paged_in_both_orders() -> Result<()> {
    let tenant = world().main().await?.tenant("paging-applications").await?;
    let applications = tenant.svix.application();
    let mut ids = vec![tenant.app.clone()];
    for name in ["B", "C", "D"] {
        ids.push(applications.create(ApplicationIn::new(name.to_owned()), None).await?.id);
    }
    let list = |order, limit, iterator| {
        let options = ApplicationListOptions { limit, iterator, order, ..default() };
        async { Ok(page!(applications.list(Some(options)).await?, id)) }
    };
    walk(&ids, |limit, iterator| list(None, limit, iterator)).await?;
    walk(&reversed(&ids), |limit, iterator| list(Some(Ordering::Descending), limit, iterator)).await
}

#[tokio::test]
async fn endpoints_are_paged_in_both_orders() -> Result<()> {
    let tenant = world().main().await?.tenant("paging-endpoints").await?;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(tenant.endpoint("/hook").await?.id);
    }
    let endpoints = tenant.svix.endpoint();
    let list = |order, limit, iterator| {
        let list = endpoints.list(tenant.app.clone(), Some(EndpointListOptions { limit, iterator, order }));
        async { Ok(page!(list.await?, id)) }
    };
    walk(&reversed(&ids), |limit, iterator| list(None, limit, iterator)).await?;
    walk(&ids, |limit, iterator| list(Some(Ordering::Ascending), limit, iterator)).await
}

#[tokio::test]
async fn event_types_are_paged_by_name_with_and_without_archived_ones() -> Result<()> {
    let tenant = world().main().await?.tenant("paging-types").await?;
    let kinds = tenant.svix.event_type();
    let names = ["-a", "-b.c", "A", "a", "a.b"].map(str::to_owned);
    for name in names.iter().rev() {
        let archived = Some(name == "A");
        let kind = EventTypeIn { archived, ..EventTypeIn::new(name.clone(), String::new()) };
        kinds.create(kind, None).await?;
    }
    let list = |include_archived, limit, iterator| {
        let options = EventTypeListOptions { limit, iterator, include_archived, ..default() };
        async { Ok(page!(kinds.list(Some(options)).await?, name)) }
    };
    walk(&names, |limit, iterator| list(Some(true), limit, iterator)).await?;
    let active = ["-a", "-b.c", "a", "a.b"].map(str::to_owned);
    walk(&active, |limit, iterator| list(None, limit, iterator)).await
}

fn default<T: Default>() -> T {
    T::default()
}

/// Publishes so many messages, of the types `a` and `b` in turn; each third has the channel `red`. Oldest first.
async fn publish(tenant: &Tenant, count: usize) -> Result<Vec<MessageOut>> {
    let mut messages = Vec::new();
    for nth in 0..count {
        let channels = (nth % 3 == 0).then(|| BTreeSet::from(["red".to_owned(), "blue".to_owned()]));
        let event_type = if nth % 2 == 0 { "a" } else { "b" };
        let message = MessageIn { channels, ..MessageIn::new(event_type.to_owned(), json!({"nth": nth})) };
        messages.push(tenant.publish_with(message).await?);
    }
    Ok(messages)
}

/// The ids of some of the messages, newest first.
fn some(messages: &[MessageOut], meant: impl Fn(usize) -> bool) -> Vec<String> {
    (0..messages.len()).rev().filter(|nth| meant(*nth)).map(|nth| messages[nth].id.clone()).collect()
}

#[tokio::test]
async fn messages_are_paged_newest_first_and_filtered() -> Result<()> {
    let tenant = world().main().await?.tenant("paging-messages").await?;
    let messages = publish(&tenant, 7).await?;
    let published = tenant.svix.message();
    let list = |options: MessageListOptions| {
        let list = published.list(tenant.app.clone(), Some(options));
        async { Ok(page!(list.await?, id)) }
    };
    let at = |nth: usize| Some(messages[nth].timestamp);
    let ids = some(&messages, |_| true);
    walk(&ids, |limit, iterator| list(MessageListOptions { limit, iterator, ..default() })).await?;
    let red = some(&messages, |nth| nth % 3 == 0);
    let channel = || Some("red".to_owned());
    walk(&red, |limit, iterator| list(MessageListOptions { limit, iterator, channel: channel(), ..default() })).await?;
    let of_b = some(&messages, |nth| nth % 2 == 1);
    let event_types = || Some(BTreeSet::from(["b".to_owned(), "unknown".to_owned()]));
    walk(&of_b, |limit, iterator| {
        list(MessageListOptions { limit, iterator, event_types: event_types(), ..default() })
    })
    .await?;
    walk(&ids[3..], |limit, iterator| list(MessageListOptions { limit, iterator, before: at(4), ..default() })).await?;
    walk(&ids[1..5], |limit, iterator| {
        list(MessageListOptions { limit, iterator, before: at(6), after: at(2), ..default() })
    })
    .await?;
    // `after` alone gives the oldest of what came later.
    let oldest = list(MessageListOptions { limit: Some(2), after: at(3), ..default() }).await?;
    assert_eq!((oldest.keys.as_slice(), oldest.done), (&ids[2..4], false));
    let iterator = oldest.previous;
    let newer = list(MessageListOptions { limit: Some(2), iterator, after: at(3), ..default() }).await?;
    assert_eq!((newer.keys.as_slice(), newer.done), (&ids[..2], true));
    // Both at once, the wrong way round, and long ago.
    let none = list(MessageListOptions { before: at(1), after: at(5), ..default() }).await?;
    assert!(none.keys.is_empty() && none.done);
    let path = format!("/app/{}/msg", tenant.app);
    let all = tenant.api.get(&format!("{path}?after=1970-01-01T00:00:00Z")).await?;
    assert_eq!(all.json()["data"].as_array().map(Vec::len), Some(7), "{}", all.text);
    Ok(())
}

#[tokio::test]
async fn event_types_are_named_in_a_query_in_every_way_that_clients_know() -> Result<()> {
    let tenant = world().main().await?.tenant("type-filter").await?;
    publish(&tenant, 4).await?;
    let queries = [
        ("event_types=a", 2),
        ("event_types=a,b", 4),
        ("event_types=a%2Cb", 4),
        ("event_types=a&event_types=b", 4),
        ("event_types[]=a&event_types[]=b", 4),
        ("event_types%5B0%5D=b", 2),
        ("event_types=c&channel=red", 0),
        ("event_types=a&channel=red&tag=ignored", 1),
    ];
    for (query, count) in queries {
        let list = tenant.api.get(&format!("/app/{}/msg?{query}", tenant.app)).await?;
        assert_eq!(list.json()["data"].as_array().map(Vec::len), Some(count), "{query}: {}", list.text);
    }
    Ok(())
}

#[tokio::test]
async fn every_list_refuses_what_is_no_iterator_and_no_limit() -> Result<()> {
    let tenant = world().main().await?.tenant("bad-paging").await?;
    let endpoint = tenant.endpoint("/hook").await?.id;
    let message = tenant.publish("a", json!({})).await?.id;
    let app = &tenant.app;
    let lists = [
        "/app".to_owned(),
        "/event-type".to_owned(),
        format!("/app/{app}/endpoint"),
        format!("/app/{app}/msg"),
        format!("/app/{app}/msg/{message}/endpoint"),
        format!("/app/{app}/msg/{message}/attempt"),
        format!("/app/{app}/endpoint/{endpoint}/msg"),
        format!("/app/{app}/attempt/msg/{message}"),
        format!("/app/{app}/attempt/endpoint/{endpoint}"),
    ];
    let no_iterators = ["", "-", "--", "garbage!", "app_", "msg_short", "-ep_!", "%00", "%ff", "%F0%9F%98%80"];
    let name = "x".repeat(257);
    for list in lists {
        for garbage in no_iterators.into_iter().chain([name.as_str()]) {
            let refused = tenant.api.get(&format!("{list}?iterator={garbage}")).await?;
            if list == "/event-type" && matches!(garbage, "--" | "app_" | "msg_short") {
                // These are names that an event type may have.
                assert_eq!(refused.status, 200, "{garbage}: {}", refused.text);
            } else {
                refused.assert_invalid(&["query", "iterator"]);
            }
        }
        for limit in ["251", "18446744073709551615"] {
            let refused = tenant.api.get(&format!("{list}?limit={limit}")).await?;
            refused.assert_invalid(&["query", "limit"]);
        }
        for limit in ["-1", "x", "", "1.5", "1&limit=1"] {
            let refused = tenant.api.get(&format!("{list}?limit={limit}")).await?;
            refused.assert_refused(400, "generic_error");
            assert!(refused.text.contains("limit"), "{}", refused.text);
        }
        assert_eq!(tenant.api.get(&format!("{list}?limit=250")).await?.status, 200);
    }
    Ok(())
}
