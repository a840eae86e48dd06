//! From the sender's name of what happened to an event type.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::rules::NAME_LIMIT;

/// What a sender is taken to say that does not say what happened.
const UNNAMED: &str = "event";

/// How the event types of a source's messages are made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EventTypes {
    /// Before the sender's name, with a dot between; nothing if empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// From the sender's name to the whole event type, where that is another.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
}

impl EventTypes {
    /// The event type: what the names say, or the prefix and what the sender says, made to fit the syntax of names. So
    /// `orders/create` of Shopify is `shopify.orders.create`.
    pub fn of(&self, kind: Option<&str>) -> String {
        let kind = kind.unwrap_or(UNNAMED);
        if let Some(name) = self.names.get(kind) {
            return name.clone();
        }
        let dot = if self.prefix.is_empty() { "" } else { "." };
        [self.prefix.as_str(), dot]
            .into_iter()
            .flat_map(str::chars)
            .chain(kind.chars().map(fit))
            .take(NAME_LIMIT)
            .collect()
    }
}

const fn fit(c: char) -> char {
    match c {
        '/' | ':' => '.',
        'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '_' | '.' => c,
        _ => '_',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::is_name;

    #[test]
    fn names_are_mapped_or_made_to_fit() {
        let names = BTreeMap::from([("push".to_owned(), "code.pushed".to_owned())]);
        let types = EventTypes { prefix: "github".to_owned(), names };
        assert_eq!(types.of(Some("push")), "code.pushed");
        assert_eq!(types.of(Some("pull_request")), "github.pull_request");
        assert_eq!(types.of(Some("orders/create")), "github.orders.create");
        assert_eq!(types.of(Some("größer als <x>")), "github.gr__er_als__x_");
        assert_eq!(types.of(None), "github.event");
        assert_eq!(EventTypes::default().of(Some("a.b")), "a.b");
        assert!(is_name(&types.of(Some(&"x".repeat(1_000)))));
    }
}
