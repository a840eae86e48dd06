//! The examples of Amazon's documentation: `EventBridge` user guide, "Comparison operators for use in event patterns",
//! "Null values and empty strings", "Arrays"; and the README of Event Ruler, the library behind it.

use super::*;

#[test]
fn operators() {
    let event = json!({
        "time": "2017-10-02T18:43:48Z", "source": "aws.ec2", "service": "EventBridge", "FileName": "photo.png",
        "FilePath": "dir/lib/a.png", "Region": "us-east-1", "Location": "New York", "Day": "Monday", "Price": 15,
        "UserID": null, "LastName": "", "Name": "Alice", "ProductName": "x", "ip": "10.0.0.33", "ip6": "2001:db8::1",
        "detail": {"state": "running", "c-count": 5, "d-count": 8, "x-limit": 301.8},
    });
    for (pattern, expected) in [
        (json!({"Location": ["New York"], "Day": ["Monday"]}), true),
        (json!({"Location": ["New York"], "Day": ["Tuesday"]}), false),
        (json!({"$or": [{"Location": ["Paris"]}, {"Day": ["Monday"]}]}), true),
        (json!({"$or": [{"Location": ["Paris"]}, {"Day": ["Friday"]}]}), false),
        (json!({"Name": ["Alice"]}), true),
        (json!({"Name": ["alice"]}), false),
        (json!({"Name": [{"equals-ignore-case": "alice"}]}), true),
        (json!({"LastName": [""]}), true),
        (json!({"LastName": [null]}), false),
        (json!({"UserID": [null]}), true),
        (json!({"UserID": [""]}), false),
        (json!({"Price": [15]}), true),
        (json!({"Price": [1.5e1]}), true),
        (json!({"Price": ["15"]}), false),
        (json!({"Price": [{"numeric": ["=", 15]}]}), true),
        (json!({"Price": [{"numeric": [">", 10, "<=", 20]}]}), true),
        (json!({"Price": [{"numeric": [">", 15]}]}), false),
        (json!({"Name": [{"numeric": [">", 0]}]}), false),
        (json!({"time": [{"prefix": "2017-10-02"}]}), true),
        (json!({"service": [{"prefix": {"equals-ignore-case": "eventb"}}]}), true),
        (json!({"service": [{"prefix": "eventb"}]}), false),
        (json!({"FileName": [{"suffix": ".png"}]}), true),
        (json!({"service": [{"suffix": {"equals-ignore-case": "tbridge"}}]}), true),
        (json!({"service": [{"suffix": {"equals-ignore-case": "TBRIDGE"}}]}), true),
        (json!({"FilePath": [{"wildcard": "dir/*.png"}]}), true),
        (json!({"FilePath": [{"wildcard": "lib/*.png"}]}), false),
        (json!({"FilePath": [{"anything-but": {"wildcard": "*/lib/*"}}]}), false),
        (json!({"FilePath": [{"anything-but": {"wildcard": ["*/bin/*", "*.jpg"]}}]}), true),
        (json!({"Region": [{"anything-but": {"prefix": "us-"}}]}), false),
        (json!({"Region": [{"anything-but": {"prefix": ["eu-", "ap-"]}}]}), true),
        (json!({"FileName": [{"anything-but": {"suffix": ".png"}}]}), false),
        (json!({"FileName": [{"anything-but": {"suffix": ".jpg"}}]}), true),
        (json!({"detail": {"state": [{"anything-but": "initializing"}]}}), true),
        (json!({"detail": {"state": [{"anything-but": {"equals-ignore-case": ["RUNNING", "stopped"]}}]}}), false),
        (json!({"detail": {"state": [{"anything-but": ["stopped", "overloaded"]}]}}), true),
        (json!({"detail": {"x-limit": [{"anything-but": [100, 200, 301.8]}]}}), false),
        (json!({"detail": {"x-limit": [{"anything-but": 123}]}}), true),
        (json!({"detail": {"state": [{"anything-but": {"prefix": "init"}}]}}), true),
        (json!({"ip": [{"cidr": "10.0.0.0/24"}]}), true),
        (json!({"ip": [{"cidr": "10.0.1.0/24"}]}), false),
        (json!({"ip6": [{"cidr": "2001:db8::/32"}]}), true),
        (json!({"ip6": [{"cidr": "10.0.0.0/8"}]}), false),
        (json!({"ProductName": [{"exists": true}]}), true),
        (json!({"ProductName": [{"exists": false}]}), false),
        (json!({"Weather": [{"exists": false}]}), true),
        (json!({"Weather": [{"anything-but": "Raining"}]}), false),
        (json!({"UserID": [{"exists": true}]}), true),
        (json!({"Weather": ["Raining", {"exists": false}]}), true),
    ] {
        assert_eq!(matches(&pattern, &event), expected, "{pattern}");
    }
}

#[test]
fn all_fields_of_the_complex_example_must_match() {
    let pattern = json!({
        "time": [{"prefix": "2017-10-02"}],
        "detail": {
            "state": [{"anything-but": "initializing"}],
            "c-count": [{"numeric": [">", 0, "<=", 5]}],
            "d-count": [{"numeric": ["<", 10]}],
            "x-limit": [{"anything-but": [100, 200, 300]}],
        },
    });
    let event = json!({
        "time": "2017-10-02T16:24:49Z",
        "detail": {"c-count": 5, "d-count": 3, "x-limit": 301.8, "state": "running"},
    });
    assert!(matches(&pattern, &event));
    for (field, value) in
        [("c-count", json!(0)), ("d-count", json!(10)), ("x-limit", json!(200.0)), ("state", json!({}))]
    {
        let mut other = event.clone();
        other["detail"][field] = value;
        assert!(!matches(&pattern, &other), "{other}");
    }
}

#[test]
fn existence_is_of_leaves_only() {
    let absent = json!({"detail": {"c-count": [{"exists": false}]}});
    let present = json!({"detail": {"c-count": [{"exists": true}]}});
    for (event, exists) in [
        (json!({"detail": {"state": ["initializing", "running"]}}), false),
        (json!({"detail": {"state": ["initializing"], "c-count": {"c1": 100}}}), false),
        (json!({}), false),
        (json!({"detail": 1}), false),
        (json!({"detail": {"c-count": []}}), false),
        (json!({"detail": [{"c-count": 1}, {"other": 1}]}), true),
        (json!({"detail": {"c-count": null}}), true),
        (json!({"detail": {"c-count": [{}, 1]}}), true),
    ] {
        assert_eq!((matches(&absent, &event), matches(&present, &event)), (!exists, exists), "{event}");
    }
}

#[test]
fn lists_match_by_any_element_and_fields_together_in_one() {
    let arns = json!({"resources": ["arn:1", "arn:2"]});
    assert!(matches(&json!({"resources": ["arn:2", "arn:3"]}), &arns));
    assert!(!matches(&json!({"resources": ["arn:3"]}), &arns));
    // Any element that is something else will do.
    assert!(matches(&json!({"resources": [{"anything-but": "arn:1"}]}), &arns));
    assert!(!matches(&json!({"resources": [{"anything-but": ["arn:1", "arn:2"]}]}), &arns));
    let people = json!([[{"first": "John", "last": "Doe"}, {"first": "Anna", "last": "Smith"}], [{"first": "Peter"}]]);
    let employees = json!({ "employees": people });
    for (pattern, expected) in [
        (json!({"first": ["Anna"]}), true),
        (json!({"first": ["Anna"], "last": ["Smith"]}), true),
        (json!({"first": ["Anna"], "last": ["Doe"]}), false),
        (json!({"first": ["Peter"], "last": [{"exists": false}]}), true),
        (json!({"first": ["Anna"], "last": [{"exists": false}]}), false),
        (json!({"last": [{"exists": false}]}), false),
        (json!({"age": [{"exists": false}]}), true),
    ] {
        assert_eq!(matches(&json!({ "employees": pattern }), &employees), expected, "{pattern}");
    }
}

#[test]
fn or_stands_beside_and_within_other_fields() {
    let pattern = json!({
        "source": ["aws.cloudwatch"],
        "$or": [
            {"metricName": ["CPUUtilization", "ReadLatency"]},
            {"metricType": ["MetricType"], "namespace": ["AWS/EC2"], "$or": [{"metricId": [1234]}, {"spaceId": [1000]}]},
            {"scope": ["Service"]},
        ],
    });
    for (event, expected) in [
        (json!({"source": "aws.cloudwatch", "metricName": "ReadLatency"}), true),
        (json!({"source": "aws.cloudwatch", "scope": "Service"}), true),
        (
            json!({"source": "aws.cloudwatch", "metricType": "MetricType", "namespace": "AWS/EC2", "spaceId": 1000}),
            true,
        ),
        (json!({"source": "aws.cloudwatch", "metricType": "MetricType", "namespace": "AWS/EC2"}), false),
        (json!({"source": "aws.ec2", "scope": "Service"}), false),
        (json!({"source": "aws.cloudwatch"}), false),
    ] {
        assert_eq!(matches(&pattern, &event), expected, "{event}");
    }
}
