//! Operational webhooks: the operator is told what happens to customers' endpoints, through Postrider itself.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use postrider_local::{Received, Receiver, Reply};
use postrider_tests::{Stack, Tenant, eventually, verify, world};
use serde_json::{Value, json};
use svix::{
    api::Svix,
    models::{ApplicationIn, EndpointIn, MessageAttemptOut, MessageStatus},
};

/// The organization that the contract has for this.
pub(crate) const OPERATOR: &str = "org_00000000000SvixManagement00";

/// Five attempts: the fourth failure leaves one.
async fn stack() -> Result<Arc<Stack>> {
    world().stack("operational", &[("RetrySchedule", "1s,1s,1s,1s")]).await
}

/// The operator's server, for what one customer's endpoints do.
struct Operator {
    svix: Svix,
    app: String,
    endpoint: String,
    receiver: Receiver,
}

impl Operator {
    async fn of(stack: &Stack, tenant: &Tenant) -> Result<Self> {
        let (svix, receiver) = (stack.svix(&stack.token(OPERATOR, None)), Receiver::start()?);
        let customer = ApplicationIn { uid: Some(tenant.org.clone()), ..ApplicationIn::new("a customer".to_owned()) };
        let app = svix.application().create(customer, None).await?.id;
        let endpoint = svix.endpoint().create(app.clone(), EndpointIn::new(receiver.url("/told")), None).await?.id;
        Ok(Self { svix, app, endpoint, receiver })
    }

    /// What was told under that name about an endpoint.
    fn told(&self, name: &str, endpoint: &str) -> Vec<(Received, Value)> {
        let all = self.receiver.received("/told").into_iter();
        let read = all.filter_map(|request| Some((request.clone(), serde_json::from_slice(&request.body).ok()?)));
        read.filter(|(_, body): &(_, Value)| body["type"] == name && body["data"]["endpointId"] == endpoint).collect()
    }

    /// Waits until something is told under that name; gives its data. The request is signed, and names its type.
    async fn hears(&self, name: &str, endpoint: &str) -> Result<Value> {
        let what = format!("{name} of {endpoint} is told");
        let told = eventually(&what, || async { Ok(Some(self.told(name, endpoint)).filter(|told| !told.is_empty())) });
        let (request, body) = told.await?.remove(0);
        let secret = self.svix.endpoint().get_secret(self.app.clone(), self.endpoint.clone()).await?.key;
        verify(&secret, &request)?;
        assert_eq!(request.header("webhook-event-type"), Some(name));
        assert_eq!(
            body.as_object().map(|body| body.keys().cloned().collect::<Vec<_>>()),
            Some(names(["data", "type"]))
        );
        Ok(body["data"].clone())
    }
}

fn names<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}

fn about(tenant: &Tenant, endpoint: &str, uid: Option<&str>) -> Value {
    json!({"appId": tenant.app, "appUid": null, "endpointId": endpoint, "endpointUid": uid})
}

#[tokio::test]
async fn the_operator_is_told_that_endpoints_were_created_changed_and_deleted() -> Result<()> {
    let stack = stack().await?;
    let tenant = stack.tenant("told-managed").await?;
    let operator = Operator::of(&stack, &tenant).await?;
    let endpoint = tenant.endpoint_of("/hook", json!({"uid": "first"})).await?;
    assert_eq!(operator.hears("endpoint.created", &endpoint).await?, about(&tenant, &endpoint, Some("first")));
    tenant.patch_endpoint(&endpoint, json!({"description": "changed"})).await?;
    assert_eq!(operator.hears("endpoint.updated", &endpoint).await?, about(&tenant, &endpoint, Some("first")));
    let rotate = format!("/app/{}/endpoint/{endpoint}/secret/rotate", tenant.app);
    assert_eq!(tenant.api.post(&rotate, &json!({})).await?.status, 200);
    eventually("the rotation is told, too", || async {
        Ok((operator.told("endpoint.updated", &endpoint).len() == 2).then_some(()))
    })
    .await?;
    tenant.svix.endpoint().delete(tenant.app.clone(), endpoint.clone()).await?;
    assert_eq!(operator.hears("endpoint.deleted", &endpoint).await?, about(&tenant, &endpoint, Some("first")));
    Ok(())
}

#[tokio::test]
async fn the_operator_is_told_that_postrider_disabled_an_endpoint_but_not_that_somebody_did() -> Result<()> {
    let stack = stack().await?;
    let tenant = stack.tenant("told-disabled").await?;
    let operator = Operator::of(&stack, &tenant).await?;
    tenant.receiver.on("/gone", |_, _| Reply::status(410));
    let by_hand = tenant.endpoint("/by-hand").await?.id;
    tenant.patch_endpoint(&by_hand, json!({"disabled": true})).await?;
    let gone = tenant.endpoint("/gone").await?.id;
    tenant.publish("invoice.paid", json!({})).await?;
    let mut told = operator.hears("endpoint.disabled", &gone).await?;
    let since = told.as_object_mut().and_then(|told| told.remove("failSince")).context("no failSince")?;
    assert!(since.as_str().is_some_and(|since| since.parse::<jiff::Timestamp>().is_ok()), "{since}");
    assert_eq!(told, about(&tenant, &gone, None));
    operator.hears("endpoint.updated", &by_hand).await?;
    assert_eq!(operator.told("endpoint.disabled", &by_hand).len(), 0);
    Ok(())
}

/// What is told of an attempt.
fn course(tenant: &Tenant, message: &str, endpoint: &str, last: &MessageAttemptOut, code: u16) -> Value {
    let micros = last.timestamp.timestamp_micros();
    let at = jiff::Timestamp::from_microsecond(micros).expect("a time");
    json!({
        "appId": tenant.app, "appUid": null, "msgId": message, "msgEventId": "event-1", "endpointId": endpoint,
        "lastAttempt": {"id": last.id, "responseStatusCode": code, "timestamp": format!("{at:.6}")},
    })
}

async fn publish(tenant: &Tenant) -> Result<String> {
    let event = svix::models::MessageIn {
        event_id: Some("event-1".to_owned()),
        ..svix::models::MessageIn::new("invoice.paid".to_owned(), json!({}))
    };
    Ok(tenant.publish_with(event).await?.id)
}

#[tokio::test]
async fn the_operator_is_told_that_a_message_is_failing_and_then_that_it_was_given_up() -> Result<()> {
    let stack = stack().await?;
    let tenant = stack.tenant("told-failing").await?;
    let operator = Operator::of(&stack, &tenant).await?;
    tenant.receiver.on("/hook", |_, _| Reply::status(500));
    let endpoint = tenant.endpoint("/hook").await?.id;
    let message = publish(&tenant).await?;
    let failing = operator.hears("message.attempt.failing", &endpoint).await?;
    let exhausted = operator.hears("message.attempt.exhausted", &endpoint).await?;
    let attempts = tenant.attempted(&message, 5).await?;
    assert_eq!(failing, course(&tenant, &message, &endpoint, &attempts[1], 500));
    assert_eq!(exhausted, course(&tenant, &message, &endpoint, &attempts[0], 500));
    assert_eq!(operator.told("message.attempt.failing", &endpoint).len(), 1);
    assert_eq!(operator.told("message.attempt.recovered", &endpoint).len(), 0);
    Ok(())
}

#[tokio::test]
async fn the_operator_is_told_that_a_failing_message_has_recovered() -> Result<()> {
    let stack = stack().await?;
    let tenant = stack.tenant("told-recovered").await?;
    let operator = Operator::of(&stack, &tenant).await?;
    tenant.receiver.on("/hook", |_, nth| Reply::status(if nth <= 4 { 500 } else { 202 }));
    let endpoint = tenant.endpoint("/hook").await?.id;
    let message = publish(&tenant).await?;
    tenant.reached(&message, &endpoint, MessageStatus::Success).await?;
    let attempts = tenant.attempts(&message).await?;
    let recovered = operator.hears("message.attempt.recovered", &endpoint).await?;
    assert_eq!(recovered, course(&tenant, &message, &endpoint, &attempts[0], 202));
    operator.hears("message.attempt.failing", &endpoint).await?;
    assert_eq!(operator.told("message.attempt.exhausted", &endpoint).len(), 0);
    Ok(())
}
