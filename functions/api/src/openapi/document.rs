//! The document as a whole.

use postrider_core::token::Scope;
use serde_json::{Map, Value, json};

use crate::rights;

use super::{Operation, Tag, elsewhere, errors::Error, example::example, schemas::Schemas};

const INTRODUCTION: &str = "\
Postrider sends webhooks from your own AWS account.

Every operation but a few needs a token: `Authorization: Bearer <token>`. A token of the organization may do \
everything; one of an application may do what concerns that application, and everything else is not found.

Wherever an id stands in a path, the uid does too. Operations that create something take an `Idempotency-Key`. Unknown \
members of a body and unknown parameters are ignored.

API Gateway, which stands before the functions, has answers of its own, an object with `message`: 429 when an account's \
quota is used up, 413 above 10 MB, 503 when no function could be run.";

/// The OpenAPI 3.1 document of these operations, and of those that other functions answer.
pub(crate) fn document(operations: &[Operation]) -> Value {
    let elsewhere = elsewhere::operations();
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for operation in operations.iter().chain(&elsewhere) {
        let path = paths.entry(operation.full_path()).or_insert_with(|| json!({}));
        path[operation.verb.key()] = described(operation, &mut schemas);
    }
    let responses: Map<_, _> = Error::ALL
        .into_iter()
        .map(|error| (error.name().to_owned(), error.response(&error.schema(schemas.answers()))))
        .collect();
    let components = schemas.into_components();
    let mut paths = Value::Object(paths);
    add_examples(&mut paths, &components);
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Postrider",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "Where this document came from." }],
        "tags": Tag::ALL.map(|tag| json!({ "name": tag.name(), "description": tag.description() })),
        "security": [{ "HTTPBearer": [] }],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": responses,
            "securitySchemes": {
                "HTTPBearer": { "type": "http", "scheme": "bearer", "description": "A token of the organization or of an application." },
            },
        },
    })
}

fn described(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.tag.name()],
        "summary": operation.summary,
        "responses": responses(operation, schemas),
    });
    if !operation.description.is_empty() {
        described["description"] = operation.description.into();
    }
    if !operation.parameters.is_empty() {
        described["parameters"] = operation.parameters.iter().map(super::Parameter::described).collect();
    }
    if let Some(shape) = operation.body {
        let content = json!({ operation.media: { "schema": schemas.taken(shape) } });
        described["requestBody"] = json!({ "required": operation.needs_body, "content": content });
    }
    if operation.is_deprecated {
        described["deprecated"] = true.into();
    }
    described["security"] = security(operation);
    described
}

/// The scope that a token must have, as a role of the bearer.
fn security(operation: &Operation) -> Value {
    if !operation.needs_token {
        return json!([]);
    }
    let scope = rights::needed(&operation.verb.method(), &operation.full_path());
    json!([{ "HTTPBearer": scope.map(Scope::name).into_iter().collect::<Vec<_>>() }])
}

fn responses(operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut responses = Map::new();
    for answer in &operation.answers {
        let mut response = json!({ "description": answer.description });
        if let Some(shape) = answer.shape {
            response["content"] = json!({ "application/json": { "schema": schemas.given(shape) } });
        }
        if answer.or_nothing {
            // There are no words for it in OpenAPI.
            response["x-may-be-empty"] = true.into();
        }
        responses.insert(answer.status.to_string(), response);
    }
    for (error, when) in &operation.errors {
        responses.insert(error.status().to_string(), error.reference(*when));
    }
    responses.into()
}

/// Gives every content that has a schema and no example one.
fn add_examples(value: &mut Value, components: &Map<String, Value>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::Object(content)) = members.get_mut("content") {
                for media in content.values_mut().filter_map(Value::as_object_mut) {
                    if let Some(made) = media.get("schema").map(|schema| example(schema, components)) {
                        media.insert("example".to_owned(), made);
                    }
                }
            }
            members.values_mut().for_each(|member| add_examples(member, components));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| add_examples(item, components)),
        _ => {}
    }
}
