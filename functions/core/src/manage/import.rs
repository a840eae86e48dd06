//! Importing event types from an `OpenAPI` document.
//!
//! The whole document is checked before anything is written. Types are written one by one; an import that ends in between
//! is completed by repeating it: what is as the document says already is left alone.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Manager, TRIES, busy, event_type_in::check_schemas, touched};
use crate::{
    entity::EventType,
    openapi::{Webhook, from_yaml, webhooks},
    outbound::Sender,
    ports::{Ambient, Directory, Jobs, Keys, Scan},
    problem::{Item, Problem},
    rules::Check,
    token::Caller,
};

/// The version that imported schemas have.
const VERSION: &str = "1";
/// Event types read at once.
const PAGE: usize = 250;

/// An `OpenAPI` document: either `spec` or `specRaw`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "EventTypeImportOpenApiIn", extend("anyOf" = either()))]
pub struct ImportIn {
    /// The document.
    #[serde(default)]
    #[schemars(example = spec_example())]
    spec: Option<Map<String, Value>>,
    /// The document as text, in JSON or YAML.
    #[serde(default)]
    spec_raw: Option<String>,
    /// Whether nothing is written, and only told what would be.
    #[serde(default)]
    dry_run: bool,
    /// Whether event types that the document does not have are archived.
    #[serde(default)]
    replace_all: bool,
}

/// What the import did, or would do.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "EventTypeImportOpenApiOut")]
pub struct ImportOut {
    data: Imported,
}

/// Event types.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
#[schemars(rename = "EventTypeImportOpenApiOutData")]
struct Imported {
    /// Names of the event types that were written, archived ones too.
    #[schemars(example = ["invoice.paid"])]
    modified: Vec<String>,
    /// Those that would be written, on a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    to_modify: Option<Vec<FromOpenApi>>,
}

/// An event type as the document has it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "EventTypeFromOpenApi")]
struct FromOpenApi {
    /// Its name.
    #[schemars(example = "invoice.paid")]
    name: String,
    /// For people.
    #[schemars(example = "An invoice was paid in full")]
    description: String,
    /// A JSON Schema of its payloads.
    #[schemars(example = super::event_type_in::schemas_example())]
    schemas: Option<Map<String, Value>>,
    /// Whether it is on its way out.
    deprecated: bool,
}

fn either() -> Value {
    json!([
        { "required": ["spec"], "properties": { "spec": { "type": "object" }, "specRaw": { "type": "null" } } },
        { "required": ["specRaw"], "properties": { "specRaw": { "type": "string" }, "spec": { "type": "null" } } },
    ])
}

fn spec_example() -> Value {
    let schema = json!({ "type": "object", "properties": { "total": { "type": "integer" } } });
    let content = json!({ "application/json": { "schema": schema } });
    let webhook = json!({ "post": { "operationId": "invoice.paid", "requestBody": { "content": content } } });
    json!({ "openapi": "3.1.0", "info": { "title": "Acme", "version": "1" }, "webhooks": { "invoice.paid": webhook } })
}

impl From<EventType> for FromOpenApi {
    fn from(kind: EventType) -> Self {
        Self { name: kind.name, description: kind.description, schemas: kind.schemas, deprecated: kind.deprecated }
    }
}

impl ImportIn {
    /// The document, and the field that it came in.
    fn document(self) -> Result<(&'static str, Value), Problem> {
        match (self.spec, self.spec_raw) {
            (Some(spec), None) => Ok(("spec", Value::Object(spec))),
            (None, Some(text)) => {
                let read = serde_json::from_str(&text).or_else(|_| from_yaml(&text));
                read.map(|document| ("specRaw", document)).map_err(|why| Problem::invalid(&["body", "specRaw"], why))
            }
            _ => Err(Problem::refused(400, "generic_error", "Give either `spec` or `specRaw`")),
        }
    }
}

/// Everything that is described, if every bit of it can be used.
fn checked(field: &'static str, document: &Value) -> Result<Vec<Webhook>, Problem> {
    let place = |path: &[String]| [vec!["body".to_owned(), field.to_owned()], path.to_vec()].concat();
    let all = webhooks(document).map_err(|fault| {
        let loc = place(&fault.path).into_iter().map(Into::into).collect();
        Problem::Invalid(vec![Item { loc, msg: fault.msg.into(), kind: "value_error" }])
    })?;
    let mut check = Check::default();
    for webhook in &all {
        check.text(field, &webhook.description);
        let schemas = webhook.schema.iter().map(|schema| (VERSION.to_owned(), schema.clone())).collect();
        check_schemas(&mut check, &["body", field, webhook.section, &webhook.name, "schemas"], &schemas);
    }
    check.finish().map(|()| all)
}

impl<D: Directory, K: Keys, A: Ambient, S: Sender, J: Jobs> Manager<'_, D, K, A, S, J> {
    /// Creates, changes and brings back what the document describes; with `replaceAll` archives what it does not.
    pub async fn import_openapi(&self, caller: &Caller, body: ImportIn) -> Result<ImportOut, Problem> {
        caller.must_be_organization()?;
        let (dry, replace) = (body.dry_run, body.replace_all);
        let (field, document) = body.document()?;
        let all = checked(field, &document)?;
        let mut data = Imported { to_modify: dry.then(Vec::new), ..Imported::default() };
        for webhook in &all {
            let Some(new) = self.import_one(caller, webhook, dry).await? else { continue };
            match &mut data.to_modify {
                Some(to_modify) => to_modify.push(new.into()),
                None => data.modified.push(new.name),
            }
        }
        if replace && !dry {
            let kept = all.iter().map(|webhook| webhook.name.as_str()).collect();
            data.modified.extend(self.archive_others(caller, &kept).await?);
        }
        Ok(ImportOut { data })
    }

    /// The type as it is written; nothing if it is so already.
    async fn import_one(&self, caller: &Caller, webhook: &Webhook, dry: bool) -> Result<Option<EventType>, Problem> {
        for _ in 0..TRIES {
            let old = self.directory.event_type(&caller.org, &webhook.name).await?;
            let mut new = self.imported(webhook, old.as_ref());
            if old.as_ref() == Some(&new) {
                return Ok(None);
            }
            if let Some(old) = &old {
                new.rev = old.rev + 1;
                new.updated_at = touched(self.ambient.now(), old.updated_at);
            }
            if dry || self.write_event_type(caller, &new, old.as_ref()).await? {
                return Ok(Some(new));
            }
        }
        Err(busy())
    }

    fn imported(&self, webhook: &Webhook, old: Option<&EventType>) -> EventType {
        let now = self.ambient.now();
        let mut new = old.cloned().unwrap_or_else(|| EventType {
            name: webhook.name.clone(),
            description: String::new(),
            archived: false,
            deprecated: false,
            schemas: None,
            validation: None,
            feature_flag: None,
            created_at: now,
            updated_at: now,
            rev: 1,
        });
        new.description.clone_from(&webhook.description);
        (new.archived, new.deprecated) = (false, webhook.deprecated);
        if let Some(schema) = &webhook.schema {
            new.schemas.get_or_insert_default().insert(VERSION.to_owned(), schema.clone());
        }
        new
    }

    async fn archive_others(&self, caller: &Caller, kept: &HashSet<&str>) -> Result<Vec<String>, Problem> {
        let (mut archived, mut after) = (Vec::new(), None);
        loop {
            let scan = Scan { after, ascending: true, limit: PAGE };
            let page = self.directory.event_types(&caller.org, &scan, false).await?;
            for kind in page.iter().filter(|kind| !kind.archived && !kept.contains(kind.name.as_str())) {
                self.delete_event_type(caller, &kind.name, false).await?;
                archived.push(kind.name.clone());
            }
            after = page.last().map(|kind| kind.name.clone());
            if page.len() < PAGE {
                return Ok(archived);
            }
        }
    }
}
