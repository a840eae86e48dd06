//! send-example: the example of an event type's schema, sent to one endpoint.
//!
//! It is a message like any other, with retries and a record, but for that endpoint alone, whatever types and channels it
//! subscribes to. The order is that of publishing: queue, then store. Whoever repeats the request brings the same id, and
//! makes the same message.

use std::time::Duration;

use postrider_schema as schema;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    entity::EventType,
    find,
    ids::{Id as _, Ksuid, MessageId},
    message::Message,
    ports::{Directory, Messages, Outbox},
    problem::Problem,
    publish::{RETENTION_DAYS, first_parcel},
    rules::{Check, is_name},
    shapes::Name,
    token::Caller,
};

/// Always has an example.
const PING: &str = "svix.ping";
const DAY: Duration = Duration::from_hours(24);

/// Which example is to be sent.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "EventExampleIn")]
pub struct ExampleIn {
    /// The event type whose example it is.
    #[schemars(with = "Name", example = "svix.ping")]
    event_type: String,
}

/// The use case, over the ports.
#[derive(Debug)]
pub struct Examples<'a, D, M, Q> {
    /// Where endpoints and event types are.
    pub directory: &'a D,
    /// Where messages are stored.
    pub messages: &'a M,
    /// Takes the delivery.
    pub outbox: &'a Q,
}

impl<D: Directory, M: Messages, Q: Outbox> Examples<'_, D, M, Q> {
    /// Sends the example under `id`. 400 `invalid_scheme`: no schema of the event type has one.
    pub async fn send(
        &self,
        caller: &Caller,
        id: Ksuid,
        app: &str,
        endpoint: &str,
        body: &ExampleIn,
    ) -> Result<Message, Problem> {
        caller.must_be_organization()?;
        let app = find::application(self.directory, caller, app).await?;
        let mut check = Check::default();
        check.name("eventType", &body.event_type);
        check.finish()?;
        let endpoint = find::receiver(self.directory, app.id, endpoint).await?;
        let payload = self.payload(caller, &body.event_type).await?;
        if endpoint.disabled {
            return Err(find::endpoint_disabled());
        }
        let at = id.time();
        let message = Message {
            id: MessageId::from_ksuid(id),
            app: app.id,
            event_type: body.event_type.clone(),
            event_id: None,
            channels: None,
            payload: Some(payload.to_string().into()),
            content_type: None,
            at,
            expires_at: at.plus(DAY * u32::try_from(RETENTION_DAYS).unwrap_or_default()),
            endpoints: vec![endpoint.id],
            held: Vec::new(),
            also: Vec::new(),
            trace: None,
            fans_out: false,
        };
        self.outbox.send(first_parcel(&message, &endpoint).as_slice()).await?;
        self.messages.store(std::slice::from_ref(&message)).await?;
        Ok(message)
    }

    async fn payload(&self, caller: &Caller, event_type: &str) -> Result<Value, Problem> {
        if event_type == PING {
            return Ok(json!({"success": true}));
        }
        let found = if is_name(event_type) { self.directory.event_type(&caller.org, event_type).await? } else { None };
        let kind = found.ok_or_else(|| Problem::not_found("Event type"))?;
        given(&kind).ok_or_else(|| {
            let detail = "No schema of this event type has an example: give it `examples`, with an object as the first";
            Problem::refused(400, "invalid_scheme", detail)
        })
    }
}

/// The example of the highest version that has one.
fn given(kind: &EventType) -> Option<Value> {
    let schemas = kind.schemas.as_ref()?;
    let mut examples = kind.versions().into_iter().filter_map(|version| schema::example(schemas.get(version)?));
    examples.next().cloned().map(Value::Object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Time;

    fn kind(schemas: Value) -> EventType {
        let Value::Object(schemas) = schemas else { panic!("no object") };
        let at = Time::from_secs(0);
        let text = String::new;
        EventType {
            name: text(),
            description: text(),
            archived: false,
            deprecated: false,
            schemas: Some(schemas),
            validation: None,
            feature_flag: None,
            created_at: at,
            updated_at: at,
            rev: 1,
        }
    }

    #[test]
    fn the_highest_version_that_has_an_example_gives_it() {
        let of = |n: u32| json!({"examples": [{"n": n}]});
        assert_eq!(given(&kind(json!({"9": of(9), "10": of(10), "draft": of(0)}))), Some(json!({"n": 10})));
        assert_eq!(given(&kind(json!({"1": of(1), "2": {}}))), Some(json!({"n": 1})));
        assert_eq!(given(&kind(json!({"1": {"examples": [7]}}))), None);
        assert_eq!(given(&kind(json!({}))), None);
    }
}
