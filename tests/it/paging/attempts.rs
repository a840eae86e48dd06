//! Attempts and where messages went.

use anyhow::Result;
use postrider_local::Reply;
use postrider_tests::{Tenant, eventually, refusal, world};
use svix::{
    api::{
        MessageAttemptListAttemptedDestinationsOptions, MessageAttemptListAttemptedMessagesOptions,
        MessageAttemptListByEndpointOptions, MessageAttemptListByMsgOptions,
    },
    models::{EndpointMessageOut, MessageAttemptOut, MessageStatus, StatusCodeClass},
};

use super::{Page, default, publish, some, walk};

/// Ids, newest first.
fn ids<'a>(attempts: impl Iterator<Item = &'a MessageAttemptOut>) -> Vec<String> {
    let mut ids: Vec<_> = attempts.map(|attempt| attempt.id.clone()).collect();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    ids
}

/// Waits until each of these messages has succeeded after so many attempts each, and gives all of them.
async fn succeeded(tenant: &Tenant, messages: &[super::MessageOut], each: usize) -> Result<Vec<MessageAttemptOut>> {
    let mut all = Vec::new();
    for message in messages {
        all.extend(tenant.attempted(&message.id, each).await?);
    }
    assert_eq!(all.len(), messages.len() * each);
    Ok(all)
}

#[tokio::test]
async fn the_attempts_of_a_message_and_its_destinations_are_paged_and_filtered() -> Result<()> {
    let tenant = world().main().await?.tenant("paging-message").await?;
    let mut endpoints = Vec::new();
    for nth in 0..5 {
        let path = if nth == 2 { "/flaky" } else { "/hook" };
        endpoints.push(tenant.endpoint(path).await?.id);
    }
    tenant.receiver.on("/flaky", |_, nth| Reply::status(if nth == 1 { 503 } else { 202 }));
    let messages = publish(&tenant, 1).await?;
    let attempts = succeeded(&tenant, &messages, 6).await?;
    let (app, message) = (&tenant.app, &messages[0].id);
    let recorded = tenant.svix.message_attempt();
    let list = |options: MessageAttemptListByMsgOptions| {
        let list = recorded.list_by_msg(app.clone(), message.clone(), Some(options));
        async { Ok(page!(list.await?, id)) }
    };
    let all = ids(attempts.iter());
    walk(&all, |limit, iterator| list(MessageAttemptListByMsgOptions { limit, iterator, ..default() })).await?;
    let at_flaky = ids(attempts.iter().filter(|attempt| attempt.endpoint_id == endpoints[2]));
    let endpoint_id = || Some(endpoints[2].clone());
    assert_eq!(at_flaky.len(), 2);
    walk(&at_flaky, |limit, iterator| {
        list(MessageAttemptListByMsgOptions { limit, iterator, endpoint_id: endpoint_id(), ..default() })
    })
    .await?;
    let successes = ids(attempts.iter().filter(|attempt| attempt.status == MessageStatus::Success));
    let status = Some(MessageStatus::Success);
    walk(&successes, |limit, iterator| list(MessageAttemptListByMsgOptions { limit, iterator, status, ..default() }))
        .await?;
    let status_code_class = Some(StatusCodeClass::Code5xx);
    let failures = list(MessageAttemptListByMsgOptions { status_code_class, ..default() }).await?;
    assert_eq!(failures.keys, at_flaky[1..]);
    let other = list(MessageAttemptListByMsgOptions { channel: Some("green".to_owned()), ..default() }).await?;
    assert!(other.keys.is_empty() && other.done);
    let one = recorded.get(app.clone(), message.clone(), all[0].clone(), None).await?;
    assert_eq!(Some(&one), attempts.iter().find(|attempt| attempt.id == all[0]));
    let other = publish(&tenant, 1).await?.remove(0).id;
    assert_eq!(refusal(recorded.get(app.clone(), other, all[0].clone(), None).await), 404);
    walk(&endpoints, |limit, iterator| {
        let options = MessageAttemptListAttemptedDestinationsOptions { limit, iterator };
        let list = recorded.list_attempted_destinations(app.clone(), message.clone(), Some(options));
        async { Ok(page!(list.await?, id)) }
    })
    .await
}

#[tokio::test]
async fn the_attempts_at_an_endpoint_are_paged_and_filtered_with_retries_among_them() -> Result<()> {
    let tenant = world().main().await?.tenant("paging-endpoint").await?;
    let endpoint = tenant.endpoint("/flaky").await?.id;
    tenant.receiver.on("/flaky", |_, nth| Reply::status(if nth <= 4 { 404 } else { 200 }));
    let messages = publish(&tenant, 2).await?;
    tenant.receiver.wait_for("/flaky", 2, postrider_tests::PATIENCE).await?;
    let later = publish(&tenant, 3).await?;
    let mut attempts = Vec::new();
    let expected = || messages.iter().chain(&later);
    for message in expected() {
        let succeeded = || async {
            let attempts = tenant.attempts(&message.id).await?;
            Ok(Some(attempts).filter(|all| all.first().is_some_and(|last| last.status == MessageStatus::Success)))
        };
        attempts.extend(eventually("a success", succeeded).await?);
    }
    let recorded = tenant.svix.message_attempt();
    let list = |options: MessageAttemptListByEndpointOptions| {
        let list = recorded.list_by_endpoint(tenant.app.clone(), endpoint.clone(), Some(options));
        async { Ok(page!(list.await?, id)) }
    };
    assert_eq!(attempts.len(), 9);
    let all = ids(attempts.iter());
    walk(&all, |limit, iterator| list(MessageAttemptListByEndpointOptions { limit, iterator, ..default() })).await?;
    let failed = ids(attempts.iter().filter(|attempt| attempt.status == MessageStatus::Fail));
    assert_eq!(failed.len(), 4);
    let status = Some(MessageStatus::Fail);
    walk(&failed, |limit, iterator| list(MessageAttemptListByEndpointOptions { limit, iterator, status, ..default() }))
        .await?;
    let status_code_class = Some(StatusCodeClass::Code4xx);
    let four = list(MessageAttemptListByEndpointOptions { status_code_class, ..default() }).await?;
    assert_eq!(four.keys, failed);
    let red: Vec<_> = expected().filter(|message| message.channels.is_some()).map(|message| &message.id).collect();
    let red = ids(attempts.iter().filter(|attempt| red.contains(&&attempt.msg_id)));
    let channel = || Some("red".to_owned());
    walk(&red, |limit, iterator| {
        list(MessageAttemptListByEndpointOptions { limit, iterator, channel: channel(), ..default() })
    })
    .await?;
    let before = Some(later[0].timestamp);
    let older = ids(attempts.iter().filter(|attempt| attempt.timestamp < later[0].timestamp));
    assert!(older.len() >= 2);
    let page = list(MessageAttemptListByEndpointOptions { before, ..default() }).await?;
    assert_eq!(page.keys, older);
    let after = Some(later[0].timestamp);
    let page = list(MessageAttemptListByEndpointOptions { after, ..default() }).await?;
    assert_eq!(page.keys, all[..all.len() - older.len()]);
    Ok(())
}

#[tokio::test]
async fn the_messages_of_an_endpoint_are_paged_and_filtered_by_how_far_they_are() -> Result<()> {
    let tenant = world().main().await?.tenant("paging-tried").await?;
    let endpoint = tenant.endpoint("/hook").await?.id;
    let mut messages = publish(&tenant, 4).await?;
    // One message fails there: more in a row would open its circuit.
    let down = tenant.endpoint("/down").await?.id;
    tenant.receiver.on("/down", |_, _| Reply::hang_up());
    messages.extend(publish(&tenant, 1).await?);
    let recorded = tenant.svix.message_attempt();
    let list = |endpoint: &str, options: MessageAttemptListAttemptedMessagesOptions| {
        let list = recorded.list_attempted_messages(tenant.app.clone(), endpoint.to_owned(), Some(options));
        async { anyhow::Ok(list.await?) }
    };
    let reaches = |endpoint: String, status: MessageStatus, count: usize| {
        let list = &list;
        async move {
            let what = format!("{count} messages with status {status}");
            eventually(&what, || async {
                let options = MessageAttemptListAttemptedMessagesOptions { status: Some(status), ..default() };
                Ok(Some(list(&endpoint, options).await?.data).filter(|found| found.len() >= count))
            })
            .await
        }
    };
    let sending: Vec<EndpointMessageOut> = reaches(down.clone(), MessageStatus::Sending, 1).await?;
    assert!(sending.iter().all(|message| message.next_attempt.is_some()), "{sending:?}");
    reaches(endpoint.clone(), MessageStatus::Success, 5).await?;
    let all = some(&messages, |_| true);
    walk(&all, |limit, iterator| {
        let list = list(&endpoint, MessageAttemptListAttemptedMessagesOptions { limit, iterator, ..default() });
        async { Ok(page!(list.await?, id)) }
    })
    .await?;
    let of_b = some(&messages, |nth| nth % 2 == 1);
    walk(&of_b, |limit, iterator| {
        let event_types = Some(["b".to_owned()].into());
        let options = MessageAttemptListAttemptedMessagesOptions { limit, iterator, event_types, ..default() };
        let list = list(&endpoint, options);
        async { Ok(page!(list.await?, id)) }
    })
    .await?;
    let failed = reaches(down.clone(), MessageStatus::Fail, 1).await?;
    assert!(failed.iter().all(|message| message.next_attempt.is_none()), "{failed:?}");
    for status in [MessageStatus::Success, MessageStatus::Pending, MessageStatus::Sending] {
        let options = MessageAttemptListAttemptedMessagesOptions { status: Some(status), ..default() };
        assert!(list(&down, options).await?.data.is_empty(), "{status}");
    }
    let status_code_class = Some(StatusCodeClass::CodeNone);
    let options = MessageAttemptListByEndpointOptions { status_code_class, ..default() };
    let unanswered = recorded.list_by_endpoint(tenant.app.clone(), down, Some(options)).await?;
    assert_eq!(unanswered.data.len(), 4);
    Ok(())
}
