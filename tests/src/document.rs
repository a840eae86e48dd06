//! Every answer that a test gets is held against the OpenAPI document: its status, its content type, its body.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use jsonschema::Validator;
use postrider_local::Exchange;
use serde_json::{Value, json};

static DOCUMENT: LazyLock<Document> = LazyLock::new(|| Document::new(postrider_api::openapi()));

/// The document, and what was made of its schemas so far.
struct Document {
    text: Value,
    /// By the path of the response in the document.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// Whether the document allows this answer; otherwise what is wrong with it.
pub(crate) fn fits(seen: &Exchange<'_>) -> Result<(), String> {
    // The gateway's own, where a function died or took too long.
    if matches!(seen.status, 502 | 504) {
        return Ok(());
    }
    DOCUMENT.check(seen).map_err(|why| {
        let Exchange { method, path, status, .. } = seen;
        format!("{method} {path} answered {status}, which the OpenAPI document does not allow: {why}")
    })
}

/// The document's operation that this was: its method and its path, as in `GET /api/v1/app/{app_id}`.
pub(crate) fn operation(seen: &Exchange<'_>) -> Option<String> {
    Some(format!("{} {}", seen.method, DOCUMENT.path(seen)?))
}

impl Document {
    fn new(text: Value) -> Self {
        Self { text, validators: Mutex::default() }
    }

    fn check(&self, seen: &Exchange<'_>) -> Result<(), String> {
        let body: Value = serde_json::from_slice(seen.body).unwrap_or_default();
        if seen.status >= 400 && is_the_gateways(&body) {
            return Ok(());
        }
        let Some(operation) = self.operation(seen) else {
            // No route, or not with this method.
            let known = [404, 405].contains(&seen.status) || is_the_document(seen.path);
            return if known { Ok(()) } else { Err("there is no such operation".to_owned()) };
        };
        let pointer = format!("{operation}/responses/{}", seen.status);
        let response = self.text.pointer(&pointer).ok_or("there is no such status")?;
        let (pointer, response) = self.resolved(pointer, response);
        if seen.method == "HEAD" {
            return Ok(());
        }
        if seen.body.is_empty() && response["x-may-be-empty"] == true {
            return Ok(());
        }
        let schema = &response["content"]["application/json"]["schema"];
        match self.validator(&pointer, schema) {
            None if seen.body.is_empty() => Ok(()),
            None => Err("it must be empty".to_owned()),
            Some(validator) => {
                json_content(seen)?;
                validator.validate(&body).map_err(|error| format!("{error} at {}", error.instance_path()))
            }
        }
    }

    /// A pointer to the operation.
    fn operation(&self, seen: &Exchange<'_>) -> Option<String> {
        let path = self.path(seen)?.replace('~', "~0").replace('/', "~1");
        Some(format!("/paths/{path}/{}", described(seen.method)))
    }

    /// The path as the document writes it; the one with the fewest parameters wins, as it does in routers.
    fn path(&self, seen: &Exchange<'_>) -> Option<&str> {
        let method = described(seen.method);
        let paths = self.text["paths"].as_object()?.iter();
        let fitting = paths.filter(|(path, operations)| matches(path, seen.path) && operations.get(&method).is_some());
        fitting.map(|(path, _)| path.as_str()).min_by_key(|path| path.matches('{').count())
    }

    fn resolved<'a>(&'a self, pointer: String, response: &'a Value) -> (String, &'a Value) {
        let target = response["$ref"].as_str().map(|path| path.trim_start_matches('#').to_owned());
        target.and_then(|path| Some((path.clone(), self.text.pointer(&path)?))).unwrap_or((pointer, response))
    }

    /// Nothing where no body is described.
    fn validator(&self, pointer: &str, schema: &Value) -> Option<Arc<Validator>> {
        if schema.is_null() {
            return None;
        }
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let made = validators.entry(pointer.to_owned()).or_insert_with(|| {
            let whole = json!({ "allOf": [schema], "components": self.text["components"] });
            Arc::new(jsonschema::options().should_validate_formats(true).build(&whole).expect("a schema"))
        });
        Some(Arc::clone(made))
    }
}

/// The method in the document's words; HEAD is described by GET.
fn described(method: &str) -> String {
    if method == "HEAD" { "get".to_owned() } else { method.to_lowercase() }
}

/// An object with `message` alone is API Gateway's: it could not run the function.
fn is_the_gateways(body: &Value) -> bool {
    body.as_object().is_some_and(|body| body.len() == 1 && body.contains_key("message"))
}

fn is_the_document(path: &str) -> bool {
    path.trim_end_matches('/').ends_with("/openapi.json")
}

fn json_content(seen: &Exchange<'_>) -> Result<(), String> {
    let kind = seen.headers.get("content-type").and_then(|kind| kind.to_str().ok());
    if kind == Some("application/json") { Ok(()) } else { Err(format!("its content type is {kind:?}")) }
}

/// Whether the path is one of the template.
fn matches(template: &str, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given => {}
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {}
            _ => return false,
        }
    }
}
