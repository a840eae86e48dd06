//! The same answers as a naive reading of the rules: a filter is taken apart into branches that each want one alternative
//! of every field, and each branch is tried with every choice of elements from the payload's lists.

use proptest::prelude::*;

use super::*;

/// One alternative at a path.
type Want<'a> = (Vec<&'a str>, &'a Value);

/// All ways to satisfy an object of the filter.
fn branches<'a>(of: &'a Value, at: &[&'a str]) -> Vec<Vec<Want<'a>>> {
    of.as_object().expect("an object").iter().fold(vec![Vec::new()], |whole, (name, inner)| {
        let path = [at, &[name.as_str()]].concat();
        let parts: Vec<Vec<Want<'a>>> = match inner {
            Value::Array(list) if name == "$or" => list.iter().flat_map(|branch| branches(branch, at)).collect(),
            Value::Array(tests) => tests.iter().map(|test| vec![(path.clone(), test)]).collect(),
            fields => branches(fields, &path),
        };
        whole.iter().flat_map(|left| parts.iter().map(move |right| [left.clone(), right.clone()].concat())).collect()
    })
}

fn wants_absence(want: &Want<'_>) -> bool {
    want.1.get("exists") == Some(&json!(false))
}

/// The payload with one element in place of each list that lies on the way to something that must be there.
fn choices(value: &Value, at: &[&str], ways: &[Vec<&str>]) -> Vec<Value> {
    if !ways.iter().any(|way| way.starts_with(at)) {
        return vec![value.clone()];
    }
    match value {
        Value::Array(elements) if elements.is_empty() => vec![Value::Object(Map::new())],
        Value::Array(elements) => elements.iter().flat_map(|element| choices(element, at, ways)).collect(),
        Value::Object(object) => object.iter().fold(vec![json!({})], |whole, (name, inner)| {
            let inner = choices(inner, &[at, &[name.as_str()]].concat(), ways);
            let with = |object: &Value, inner: &Value| {
                let mut object = object.clone();
                object[name] = inner.clone();
                object
            };
            whole.iter().flat_map(|object| inner.iter().map(move |inner| with(object, inner))).collect()
        }),
        leaf => vec![leaf.clone()],
    }
}

/// All leaves at a path.
fn leaves<'a>(value: &'a Value, path: &[&str]) -> Vec<&'a Value> {
    match (value, path) {
        (Value::Array(elements), _) => elements.iter().flat_map(|element| leaves(element, path)).collect(),
        (Value::Object(object), [name, rest @ ..]) => object.get(*name).map_or(Vec::new(), |inner| leaves(inner, rest)),
        (Value::Object(_), []) | (_, [_, ..]) => Vec::new(),
        (leaf, []) => vec![leaf],
    }
}

fn meets(leaf: &Value, test: &Value) -> bool {
    match (test.get("exists"), test.get("anything-but")) {
        (Some(_), _) => true,
        (_, Some(but)) => but != leaf,
        _ => test == leaf,
    }
}

fn naive(pattern: &Value, payload: &Value) -> bool {
    branches(pattern, &[]).iter().any(|wants| {
        let (absent, present): (Vec<_>, Vec<_>) = wants.iter().partition(|want| wants_absence(want));
        let ways: Vec<_> = present.iter().map(|(path, _)| path.clone()).collect();
        choices(payload, &[], &ways).iter().any(|chosen| {
            present.iter().all(|(path, test)| leaves(chosen, path).iter().any(|leaf| meets(leaf, test)))
                && absent.iter().all(|(path, _)| leaves(chosen, path).is_empty())
        })
    })
}

/// No branch wants two things of one field, of which it would not be told whether they may be in two elements.
fn is_clear(pattern: &Value) -> bool {
    branches(pattern, &[]).iter().all(|wants| {
        let paths = || wants.iter().map(|(path, _)| path).enumerate();
        paths().all(|(n, path)| paths().all(|(m, other)| n == m || !path.starts_with(other)))
    })
}

const NAMES: [&str; 3] = ["a", "b", "c"];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![Just(json!(1)), Just(json!(2)), Just(json!("x")), Just(json!(null))]
}

fn test() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => leaf(),
        1 => Just(json!({"exists": true})),
        3 => Just(json!({"exists": false})),
        1 => Just(json!({"anything-but": 1})),
    ]
}

fn object(inner: impl Strategy<Value = Value>, least: usize) -> impl Strategy<Value = Value> {
    let members = prop::collection::btree_map(prop::sample::select(NAMES.as_slice()), inner, least..3);
    members.prop_map(|members| json!(members))
}

fn pattern() -> impl Strategy<Value = Value> {
    let tests = || prop::collection::vec(test(), 1..3).prop_map(|tests| json!(tests));
    let fields = object(tests(), 1).prop_recursive(2, 12, 2, move |inner| {
        let with_or = (object(prop_oneof![inner.clone(), tests()], 1), prop::collection::vec(inner.clone(), 2..3));
        prop_oneof![
            object(prop_oneof![inner, tests()], 1),
            with_or.prop_map(|(mut object, branches)| {
                object["$or"] = json!(branches);
                object
            }),
        ]
    });
    fields.boxed()
}

fn payload() -> impl Strategy<Value = Value> {
    let inner = leaf().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![object(inner.clone(), 0), prop::collection::vec(inner, 0..3).prop_map(|list| json!(list))]
    });
    object(inner, 0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, max_global_rejects: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn a_filter_matches_what_the_rules_say(pattern in pattern(), payload in payload()) {
        prop_assume!(is_clear(&pattern));
        prop_assert_eq!(matches(&pattern, &payload), naive(&pattern, &payload), "{} on {}", pattern, payload);
    }
}
