//! Event types with schemas: what is demanded of payloads, imports, the catalogue, and examples that are sent.

#[path = "schemas/catalogue.rs"]
mod catalogue;
#[path = "schemas/examples.rs"]
mod examples;

use anyhow::Result;
use postrider_tests::{Reply, Tenant, eventually, world};
use serde_json::{Value, json};

fn order() -> Value {
    json!({"type": "object", "required": ["order"], "properties": {
        "order": {"type": "integer"}, "lines": {"items": {"required": ["sku"]}},
    }})
}

async fn publish(tenant: &Tenant, event_type: &str, payload: Value) -> Result<Reply> {
    tenant.api.post(&format!("/app/{}/msg", tenant.app), &json!({"eventType": event_type, "payload": payload})).await
}

/// A change counts within half a minute.
async fn refused(tenant: &Tenant, event_type: &str, payload: Value) -> Result<Reply> {
    eventually("a demand counts", || async {
        let reply = publish(tenant, event_type, payload.clone()).await?;
        Ok(Some(reply).filter(|reply| reply.status != 202))
    })
    .await
}

#[tokio::test]
async fn a_payload_that_does_not_satisfy_its_schema_is_refused_with_the_failing_paths() -> Result<()> {
    let tenant = world().main().await?.tenant("enforced").await?;
    tenant.endpoint("/hook").await?;
    let kind = json!({
        "name": "order.placed", "description": "", "schemas": {"1": order()}, "validation": {"payload": "enforce"},
    });
    let made = tenant.api.post("/event-type", &kind).await?;
    assert_eq!((made.status, &made.json()["validation"]["payload"]), (201, &json!("enforce")), "{}", made.text);
    let reply = publish(&tenant, "order.placed", json!({"order": "7", "lines": [{"sku": "a"}, {}]})).await?;
    reply.assert_invalid(&["body", "payload", "order"]);
    reply.assert_invalid(&["body", "payload", "lines", "1", "sku"]);
    publish(&tenant, "order.placed", json!({})).await?.assert_invalid(&["body", "payload", "order"]);
    assert_eq!(publish(&tenant, "order.placed", json!({"order": 7})).await?.status, 202);
    assert_eq!(publish(&tenant, "other", json!({})).await?.status, 202);
    tenant.receiver.wait_for("/hook", 2, postrider_tests::PATIENCE).await?;
    // The published client does not know of it, and is not in its way: it reads the type, and a PUT of its own is whole.
    assert_eq!(tenant.svix.event_type().get("order.placed".to_owned()).await?.schemas, Some(json!({"1": order()})));
    tenant.api.patch("/event-type/order.placed", &json!({"validation": {"payload": "off"}})).await?;
    eventually("the demand is gone", || async {
        Ok((publish(&tenant, "order.placed", json!({})).await?.status == 202).then_some(()))
    })
    .await
}

#[tokio::test]
async fn unknown_and_archived_types_are_refused_when_the_organization_demands_it() -> Result<()> {
    let tenant = world().main().await?.tenant("unknown").await?;
    let settings = "/organization/settings";
    let accepts = json!({"eventTypes": {"unknown": "accept", "archived": "accept"}});
    assert_eq!(tenant.api.get(settings).await?.json(), accepts);
    tenant.api.post("/event-type", &json!({"name": "known", "description": ""})).await?;
    tenant.api.post("/event-type", &json!({"name": "old", "description": "", "archived": true})).await?;
    for name in ["known", "old", "new"] {
        assert_eq!(publish(&tenant, name, json!({})).await?.status, 202);
    }
    let put = tenant.api.put(settings, &json!({"eventTypes": {"unknown": "refuse"}})).await?;
    assert_eq!(put.json(), json!({"eventTypes": {"unknown": "refuse", "archived": "accept"}}));
    refused(&tenant, "new", json!({})).await?.assert_invalid(&["body", "eventType"]);
    for name in ["known", "old"] {
        assert_eq!(publish(&tenant, name, json!({})).await?.status, 202);
    }
    tenant.api.patch(settings, &json!({"eventTypes": {"archived": "refuse"}})).await?;
    refused(&tenant, "old", json!({})).await?.assert_invalid(&["body", "eventType"]);
    assert_eq!(publish(&tenant, "known", json!({})).await?.status, 202);
    let bad = tenant.api.put(settings, &json!({"eventTypes": {"unknown": "perhaps"}})).await?;
    bad.assert_invalid(&["body", "eventTypes", "unknown"]);
    Ok(())
}

#[tokio::test]
async fn a_schema_that_is_none_or_reaches_out_is_refused_where_it_does() -> Result<()> {
    let tenant = world().main().await?.tenant("bad-schemas").await?;
    for (schema, path) in [
        (json!({"properties": {"a": {"type": "strange"}}}), &["properties", "a", "type"][..]),
        (json!({"properties": {"a": {"$ref": "http://169.254.169.254/latest"}}}), &["properties", "a", "$ref"]),
        (json!({"items": {"$ref": "file:///etc/passwd"}}), &["items", "$ref"]),
        (json!({"properties": {"a": {"pattern": "(?<=x)y"}}}), &["properties", "a", "pattern"]),
        (json!({"$ref": "#"}), &[]),
    ] {
        let kind = json!({"name": "a", "description": "", "schemas": {"1": schema}});
        let loc = [&["body", "schemas", "1"], path].concat();
        tenant.api.post("/event-type", &kind).await?.assert_invalid(&loc);
    }
    tenant.api.get("/event-type/a").await?.assert_refused(404, "not_found");
    Ok(())
}

#[tokio::test]
async fn an_import_from_openapi_is_what_the_published_client_expects_and_can_be_repeated() -> Result<()> {
    use svix::models::EventTypeImportOpenApiIn;
    let tenant = world().main().await?.tenant("import").await?;
    let text = "
openapi: 3.0.3
info: {title: Shop, version: '1'}
x-webhooks:
  order.placed:
    post:
      description: An order was placed
      requestBody:
        content:
          application/json:
            schema: {$ref: '#/components/schemas/Order'}
components:
  schemas:
    Order:
      type: object
      required: [id]
      properties:
        id: {type: string, example: ord_1}
        note: {type: string, nullable: true}
";
    let import = |dry_run| EventTypeImportOpenApiIn {
        spec_raw: Some(text.to_owned()),
        dry_run: Some(dry_run),
        ..EventTypeImportOpenApiIn::default()
    };
    let kinds = tenant.svix.event_type();
    let dry = kinds.import_openapi(import(true), None).await?.data;
    assert!(dry.modified.is_empty() && dry.to_modify.is_some_and(|list| list[0].name == "order.placed"));
    assert_eq!(kinds.import_openapi(import(false), None).await?.data.modified, ["order.placed"]);
    assert_eq!(kinds.import_openapi(import(false), None).await?.data.modified, [""; 0]);
    let schemas = kinds.get("order.placed".to_owned()).await?.schemas.unwrap_or_default();
    assert_eq!(schemas["1"]["properties"]["note"]["anyOf"][1]["type"], "null");
    let neither = tenant.api.post("/event-type/import/openapi", &json!({})).await?;
    assert_eq!(neither.status, 400, "{}", neither.text);
    Ok(())
}
