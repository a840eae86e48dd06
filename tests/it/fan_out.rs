//! One message for more endpoints than one request can queue.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use postrider_tests::{Tenant, eventually, world};
use serde_json::json;
use svix::{api::MessageAttemptListAttemptedDestinationsOptions, models::EndpointIn};

/// More than are queued within the request, and several pages of the rest.
const ENDPOINTS: usize = 1_200;
const CALLERS: usize = 8;

/// The endpoints that the message is recorded to be for.
async fn destinations(tenant: &Tenant, message: &str) -> Result<usize> {
    let (mut count, mut iterator) = (0, None);
    loop {
        let options = MessageAttemptListAttemptedDestinationsOptions { limit: Some(250), iterator };
        let attempts = tenant.svix.message_attempt();
        let list = attempts.list_attempted_destinations(tenant.app.clone(), message.to_owned(), Some(options)).await?;
        count += list.data.len();
        if list.done {
            return Ok(count);
        }
        iterator = list.iterator;
    }
}

#[tokio::test]
async fn a_message_reaches_each_of_more_than_a_thousand_endpoints_once() -> Result<()> {
    let tenant = world().main().await?.tenant("fan-out").await?;
    let url = tenant.receiver.url("/hook");
    let create = |nth| tenant.endpoint_with(EndpointIn::new(format!("{url}?endpoint={nth}")));
    let endpoints: Vec<_> = stream::iter(0..ENDPOINTS).map(create).buffer_unordered(CALLERS).try_collect().await?;
    // Of another channel: it must not get anything.
    let others =
        EndpointIn { channels: Some(["other".to_owned()].into()), ..EndpointIn::new(tenant.receiver.url("/other")) };
    tenant.endpoint_with(others).await?;

    let message = tenant.publish("invoice.paid", json!({"total": 2000})).await?.id;
    let received = eventually("all have got it", || async {
        let received = tenant.receiver.received("/hook");
        Ok(Some(received).filter(|received| received.len() >= ENDPOINTS))
    })
    .await?;
    eventually("all are recorded", || async {
        Ok((destinations(&tenant, &message).await? == ENDPOINTS).then_some(()))
    })
    .await?;
    assert_eq!(tenant.receiver.received("/other").len(), 0);
    let mut times = BTreeMap::new();
    // What comes twice would have come by now.
    drop(received);
    for request in &tenant.receiver.received("/hook") {
        assert_eq!(request.header("webhook-id"), Some(message.as_str()));
        times.entry(request.query.clone().context("a query")?).or_insert_with(Vec::new).push(request.at);
    }
    assert_eq!(times.len(), ENDPOINTS);
    for (query, at) in times.iter().filter(|(_, at)| at.len() > 1) {
        let endpoint = endpoints.iter().find(|endpoint| endpoint.url.ends_with(query)).context("an endpoint")?;
        let api = tenant.svix.message_attempt();
        let attempts = api.list_by_endpoint(tenant.app.clone(), endpoint.id.clone(), None).await?.data;
        // On a busy machine one may not be answered in time.
        assert_eq!(attempts.len(), at.len(), "more requests than attempts: {at:?}, {attempts:?}");
    }
    Ok(())
}
