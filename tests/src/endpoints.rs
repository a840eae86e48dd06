//! Endpoints with what Postrider adds to the contract, and what time does to them.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use aws_sdk_dynamodb::{error::SdkError, types::AttributeValue};
use postrider_core::{entity::Endpoint, health::Health};
use serde_json::{Value, json};

use crate::{Stack, Tenant, eventually, world};

impl Tenant {
    /// An endpoint at a path of the receiver, with these members besides its URL; gives its id.
    pub async fn endpoint_of(&self, path: &str, members: Value) -> Result<String> {
        let mut body = members;
        body["url"] = json!(self.receiver.url(path));
        let reply = self.api.post(&format!("/app/{}/endpoint", self.app), &body).await?;
        ensure!(reply.status == 201, "{}", reply.text);
        Ok(reply.json()["id"].as_str().context("an id")?.to_owned())
    }

    /// Changes members of an endpoint.
    pub async fn patch_endpoint(&self, endpoint: &str, members: Value) -> Result<()> {
        let reply = self.api.patch(&format!("/app/{}/endpoint/{endpoint}", self.app), &members).await?;
        ensure!(reply.status == 200, "{}", reply.text);
        Ok(())
    }

    /// An endpoint as the API shows it.
    pub async fn shown(&self, endpoint: &str) -> Result<Value> {
        let reply = self.api.get(&format!("/app/{}/endpoint/{endpoint}", self.app)).await?;
        ensure!(reply.status == 200, "{}", reply.text);
        Ok(reply.json())
    }

    /// Waits until the API shows that an endpoint is so; gives what it shows.
    pub async fn shown_as(&self, what: &str, endpoint: &str, is: impl Fn(&Value) -> bool) -> Result<Value> {
        eventually(what, || async { Ok(Some(self.shown(endpoint).await?).filter(|shown| is(shown))) }).await
    }
}

impl Stack {
    /// Changes what is known of an endpoint's health, as time would. Functions take notice as of any other change.
    pub async fn change_health(&self, app: &str, endpoint: &str, change: impl Fn(&mut Health)) -> Result<()> {
        eventually("an endpoint's health is changed", || async {
            let mut item = self.config_item(app, endpoint).await?;
            let document = item.get("doc").and_then(|doc| doc.as_s().ok()).context("a document")?;
            let mut entity: Endpoint = serde_json::from_str(document)?;
            let was = AttributeValue::N(entity.rev.to_string());
            entity.rev += 1;
            change(&mut entity.health);
            item.insert("rev".to_owned(), AttributeValue::N(entity.rev.to_string()));
            item.insert("doc".to_owned(), AttributeValue::S(serde_json::to_string(&entity)?));
            let request = world().dynamodb().put_item().table_name(self.output("ConfigTableName")?);
            let request = request.set_item(Some(item)).condition_expression("rev = :was");
            match request.expression_attribute_values(":was", was).send().await.map_err(SdkError::into_service_error) {
                Ok(_) => Ok(Some(())),
                Err(error) if error.is_conditional_check_failed_exception() => Ok(None),
                Err(error) => Err(error).context("writing an endpoint"),
            }
        })
        .await
    }

    async fn config_item(&self, app: &str, endpoint: &str) -> Result<HashMap<String, AttributeValue>> {
        let request = world().dynamodb().get_item().table_name(self.output("ConfigTableName")?).consistent_read(true);
        let request = request.key("pk", AttributeValue::S(app.to_owned()));
        let item = request.key("sk", AttributeValue::S(endpoint.to_owned())).send().await.context("reading")?.item;
        item.context("no such endpoint")
    }

    /// Has the scheduler look now at everything that is parked or held for an endpoint, apart from what it has taken and
    /// is on its way.
    pub async fn look(&self, endpoint: &str) -> Result<()> {
        let parked = self.parked().await?.into_iter();
        let waiting: Vec<_> = parked.filter(|parked| parked.is_for(endpoint) && !parked.is_taken()).collect();
        self.pass_time(&waiting).await?;
        self.wake().await
    }

    /// Has the scheduler look at the endpoint's valve until that many requests have come to `/hook`.
    pub async fn let_through(&self, tenant: &Tenant, endpoint: &str, count: usize) -> Result<()> {
        eventually(&format!("{count} requests"), || async {
            self.look(endpoint).await?;
            tokio::time::sleep(Duration::from_millis(500)).await;
            Ok((tenant.receiver.received("/hook").len() >= count).then_some(()))
        })
        .await
    }

    /// Waits until the delivery of a message is held.
    pub async fn held(&self, endpoint: &str, message: &str) -> Result<()> {
        let what = format!("{message} is held for {endpoint}");
        eventually(&what, || async { Ok((self.ending(endpoint, message).await?.0 == "h").then_some(())) }).await
    }
}
