//! The OpenAPI document: what it must have, and that its examples fit its schemas.

use std::collections::HashSet;

use postrider_api::openapi;
use serde_json::{Value, json};

/// The contract's operations: method, path, id, and the parameters besides those in the path.
const CONTRACT: &str = include_str!("contract.txt");
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Method, path, operation.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().expect("paths").iter();
    let all = paths.flat_map(|(path, methods)| METHODS.map(|method| (method, path.as_str(), &methods[method])));
    all.filter(|(.., operation)| !operation.is_null()).collect()
}

fn parameters<'a>(operation: &'a Value, place: &str) -> HashSet<&'a str> {
    let all = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default().iter();
    all.filter(|parameter| parameter["in"] == place).filter_map(|parameter| parameter["name"].as_str()).collect()
}

#[test]
fn every_operation_of_the_contract_is_there_under_its_name_and_with_its_parameters() {
    let document = openapi();
    for line in CONTRACT.lines() {
        let [method, path, id, names] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let operation = &document["paths"][path][method.to_lowercase()];
        assert!(operation.is_object(), "{line} is missing");
        assert!(id == "-" || operation["operationId"] == id, "{line}: {}", operation["operationId"]);
        let known = &parameters(operation, "query") | &parameters(operation, "header");
        let built = operation["responses"].as_object().expect("responses").keys().any(|status| status.starts_with('2'));
        let missing: Vec<_> = names.split(',').filter(|name| *name != "-" && !known.contains(name)).collect();
        assert!(!built || missing.is_empty(), "{line}: without {missing:?}");
    }
}

#[test]
fn names_are_unique_and_all_that_is_in_a_path_is_described() {
    let document = openapi();
    let mut ids = HashSet::new();
    for (method, path, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap_or_default();
        assert!(!id.is_empty() && ids.insert(id), "{method} {path}: {id:?}");
        let segments: HashSet<_> =
            path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(parameters(operation, "path"), segments, "{method} {path}");
    }
    assert!(ids.len() > 40);
}

/// A schema of the document, with what it refers to.
fn validator(document: &Value, schema: &Value) -> jsonschema::Validator {
    let whole = json!({ "allOf": [schema], "components": document["components"] });
    jsonschema::options().should_validate_formats(true).build(&whole).expect("a schema")
}

#[test]
fn every_content_has_an_example_that_fits() {
    let document = openapi();
    let mut seen = 0;
    let mut check = |place: &str, content: &Value| {
        for media in content.as_object().into_iter().flat_map(|media| media.values()) {
            let example = media.get("example").unwrap_or_else(|| panic!("{place} has no example"));
            let errors: Vec<_> = validator(&document, &media["schema"])
                .iter_errors(example)
                .map(|error| format!("{} at {}", error, error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{place}: {errors:?} in {example:#}");
            seen += 1;
        }
    };
    for (method, path, operation) in operations(&document) {
        check(&format!("{method} {path}"), &operation["requestBody"]["content"]);
        for (status, response) in operation["responses"].as_object().expect("responses") {
            check(&format!("{method} {path} {status}"), &response["content"]);
        }
    }
    for (name, response) in document["components"]["responses"].as_object().expect("responses") {
        check(name, &response["content"]);
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn every_member_says_what_it_is() {
    let document = openapi();
    let mut silent = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        if !schema["description"].is_string() {
            silent.push(name.clone());
        }
        let members = schema["properties"].as_object().into_iter().flatten();
        let refers = |schema: &Value| schema.get("$ref").is_some() || schema.get("anyOf").is_some();
        let undescribed = members.filter(|(_, schema)| !refers(schema) && !schema["description"].is_string());
        silent.extend(undescribed.map(|(member, _)| format!("{name}.{member}")));
    }
    assert!(silent.is_empty(), "nothing is said of {silent:?}");
}
