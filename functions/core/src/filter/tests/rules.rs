//! What a filter may be, and where it is not.

use super::*;

/// Where the filter breaks a rule.
fn misfit(source: &Value) -> Misfit {
    match Filter::parse(source) {
        Err(misfit) => misfit,
        Ok(filter) => panic!("not refused: {filter:?}"),
    }
}

#[test]
fn what_breaks_a_rule_is_named_by_its_place() {
    for (source, place) in [
        (json!([]), ""),
        (json!("a"), ""),
        (json!({}), ""),
        (json!({"a": "b"}), "a"),
        (json!({"a": []}), "a"),
        (json!({"a": {}}), "a"),
        (json!({"a": {"b": 1}}), "a.b"),
        (json!({"a": [1, []]}), "a.1"),
        (json!({"a": [{}]}), "a.0"),
        (json!({"a": [{"prefix": "a", "suffix": "b"}]}), "a.0"),
        (json!({"a": [{"like": "b"}]}), "a.0.like"),
        (json!({"a": [{"prefix": 1}]}), "a.0.prefix"),
        (json!({"a": [{"prefix": {"equals-ignore-case": 1}}]}), "a.0.prefix.equals-ignore-case"),
        (json!({"a": [{"prefix": {"wildcard": "x"}}]}), "a.0.prefix.wildcard"),
        (json!({"a": [{"exists": 1}]}), "a.0.exists"),
        (json!({"a": [{"cidr": "10.0.0.0"}]}), "a.0.cidr"),
        (json!({"a": [{"wildcard": "a**b"}]}), "a.0.wildcard"),
        (json!({"a": [{"wildcard": r"a\b"}]}), "a.0.wildcard"),
        (json!({"a": [{"wildcard": r"a\"}]}), "a.0.wildcard"),
        (json!({"a": [{"anything-but": null}]}), "a.0.anything-but"),
        (json!({"a": [{"anything-but": []}]}), "a.0.anything-but"),
        (json!({"a": [{"anything-but": ["a", 1]}]}), "a.0.anything-but.1"),
        (json!({"a": [{"anything-but": [true]}]}), "a.0.anything-but.0"),
        (json!({"a": [{"anything-but": {"prefix": ""}}]}), "a.0.anything-but.prefix"),
        (json!({"a": [{"anything-but": {"numeric": [">", 1]}}]}), "a.0.anything-but.numeric"),
        (json!({"a": [{"anything-but": {"suffix": ["x", 1]}}]}), "a.0.anything-but.suffix.1"),
        (json!({"a": [{"numeric": [">"]}]}), "a.0.numeric"),
        (json!({"a": [{"numeric": [">", "1"]}]}), "a.0.numeric"),
        (json!({"a": [{"numeric": ["<", 1, ">", 0]}]}), "a.0.numeric"),
        (json!({"a": [{"numeric": [">", 5, "<", 5]}]}), "a.0.numeric"),
        (json!({"$or": {"a": [1]}}), "$or"),
        (json!({"$or": [{"a": [1]}]}), "$or"),
        (json!({"$or": [{"a": [1]}, 1]}), "$or.1"),
        (json!({"$or": [{"a": [1]}, {"numeric": [">", 1]}]}), "$or.1.numeric"),
        (json!({"b": {"$or": [{"a": [1]}, {}]}}), "b.$or.1"),
    ] {
        let misfit = misfit(&source);
        assert_eq!(misfit.path.join("."), place, "{source}: {misfit}");
    }
}

#[test]
fn it_is_bounded() {
    let operators = |count: usize| json!({"a": [{"anything-but": {"equals-ignore-case": vec!["x"; count]}}]});
    assert!(matches(&operators(OPERATORS - 1), &json!({"a": "y"})));
    assert_eq!(misfit(&operators(OPERATORS)).path.join("."), "a.0.anything-but.equals-ignore-case.99");
    let deep = |levels: usize| (1..levels).fold(json!({"a": [1]}), |inner, _| json!({ "a": inner }));
    assert!(matches(&deep(DEPTH), &(0..DEPTH).fold(json!(1), |inner, _| json!({ "a": inner }))));
    assert_eq!(misfit(&deep(DEPTH + 1)).path.len(), DEPTH);
    let wildcards = |n| json!({"a": vec![json!({"wildcard": "a*"}); n], "b": [{"wildcard": "*"}]});
    assert!(matches(&wildcards(WILDCARDS - 1), &json!({"a": "ab", "b": ""})));
    assert_eq!(misfit(&wildcards(WILDCARDS)).path, ["b", "0", "wildcard"]);
    let long = |n| json!({ "a": ["x".repeat(n)] });
    assert!(!matches(&long(SIZE - 10), &json!({})));
    assert!(misfit(&long(SIZE)).path.is_empty());
}

#[test]
fn wildcards_match_what_they_say() {
    for (pattern, yes, no) in [
        ("*", &["", "a"][..], &[][..]),
        ("a", &["a"], &["", "ab"]),
        ("a*a", &["aa", "aba"], &["a", "ab"]),
        ("*ab*ab*", &["abab", "xabyabz"], &["ab", "aab"]),
        (r"\**", &["*", "*a"], &["a*", r"\*"]),
        (r"\\*", &[r"\", r"\a"], &["*"]),
        ("é*ü", &["éü", "é…ü"], &["eü"]),
    ] {
        let filter = json!({"a": [{ "wildcard": pattern }]});
        for (texts, expected) in [(yes, true), (no, false)] {
            for text in texts {
                assert_eq!(matches(&filter, &json!({ "a": text })), expected, "{pattern} on {text}");
            }
        }
    }
}

#[test]
fn numbers_are_compared_by_value_and_large_integers_exactly() {
    let large = 9_007_199_254_740_993_u64;
    assert!(matches(&json!({ "a": [large] }), &json!({ "a": large })));
    assert!(!matches(&json!({ "a": [large] }), &json!({ "a": large - 1 })));
    assert!(matches(&json!({"a": [{"numeric": [">", large - 1]}]}), &json!({ "a": large })));
    assert!(matches(&json!({"a": [{"numeric": ["<", 5e9]}]}), &json!({"a": -1e300})));
    assert!(matches(&json!({"a": [{"anything-but": 300}]}), &json!({"a": [300.0, 1]})));
    assert!(!matches(&json!({"a": [{"anything-but": 300}]}), &json!({"a": 3e2})));
}
