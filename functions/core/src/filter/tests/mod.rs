use serde_json::{Value, json};

use super::*;

mod documented;
mod reference;
mod rules;

fn filter(source: &Value) -> Filter {
    Filter::parse(source).unwrap_or_else(|misfit| panic!("{source}: {misfit}"))
}

/// Whether they match; of which the pointers of what does not must say the same.
#[track_caller]
fn matches(pattern: &Value, payload: &Value) -> bool {
    let filter = filter(pattern);
    let matches = filter.matches(payload.as_object().expect("an object"));
    let failed = filter.failed(payload);
    assert_eq!(matches, failed.is_empty(), "{pattern} on {payload}: {failed:?}");
    for pointer in failed {
        assert!(pattern.pointer(&pointer).is_some(), "{pointer} is not in {pattern}");
    }
    matches
}

#[test]
fn what_does_not_match_is_pointed_at() {
    let failed = |pattern: Value, payload: Value| filter(&pattern).failed(&payload);
    let pattern = json!({"a": {"b/c": [1], "d": [2], "e": {"f": [3]}}, "$or": [{"x": [1]}, {"y": [1]}]});
    assert_eq!(failed(pattern.clone(), json!({})), ["/$or", "/a/b~1c", "/a/d", "/a/e/f"]);
    assert_eq!(failed(pattern.clone(), json!({"a": {"b/c": 1, "d": 1, "e": 1}, "y": 1})), ["/a/d", "/a/e/f"]);
    assert_eq!(failed(pattern, json!({"a": {"b/c": 1, "d": 2, "e": {"f": 3}}, "y": 1})), [""; 0]);
    let employees = json!({"employees": [{"first": "Anna", "last": "Smith"}, {"first": "Peter", "last": "Jones"}]});
    // Each by itself is there, but not in one element.
    let mixed = json!({"employees": {"first": ["Anna"], "last": ["Jones"]}});
    assert_eq!(failed(mixed, employees.clone()), ["/employees"]);
    assert_eq!(failed(json!({"employees": {"first": ["Eve"], "last": ["Jones"]}}), employees), ["/employees/first"]);
}

#[test]
fn a_filter_is_stored_and_read_as_it_was_given() {
    let source =
        json!({"a": [{"numeric": [">", 1.50, "<=", 3e2]}], "$or": [{"b": [null]}, {"c": [{"exists": false}]}]});
    let stored = serde_json::to_string(&filter(&source)).expect("JSON");
    assert_eq!(serde_json::from_str::<Value>(&stored).expect("JSON"), source);
    assert_eq!(serde_json::from_str::<Filter>(&stored).expect("a filter"), filter(&source));
}

#[test]
fn the_dearest_filter_on_the_longest_text_takes_moments() {
    let wildcard = format!("*{}b", "a*".repeat(150));
    let pattern = json!({"x": vec![json!({"wildcard": wildcard}); WILDCARDS]});
    let started = std::time::Instant::now();
    assert!(!matches(&pattern, &json!({"x": "a".repeat(256 * 1024)})));
    assert!(started.elapsed() < std::time::Duration::from_secs(2), "{:?}", started.elapsed());
}
