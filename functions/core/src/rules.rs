//! The syntax of names and the limits of fields, as the contract has them.

use crate::{
    entity::Metadata,
    problem::{Item, Problem},
};

/// Longest uid, name or channel, in bytes (all are ASCII).
pub const NAME_LIMIT: usize = 256;
/// Longest JSON text of a metadata map, in bytes.
pub const METADATA_LIMIT: usize = 4_096;
/// Longest description or name for people, as JSON text in bytes.
pub const TEXT_LIMIT: usize = 65_536;
/// Longest name of a session, in bytes.
pub const SESSION_LIMIT: usize = 128;
/// Longest URL, in bytes.
pub const URL_LIMIT: usize = 4_096;

/// `[A-Za-z0-9-_.]`, 1 to 256 of them: uids, event types, channels, feature flags.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= NAME_LIMIT
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// What [`is_name`] asks for.
pub const NAME_RULE: &str = "must be 1 to 256 characters of A-Z a-z 0-9 - _ .";

/// The name of a header (RFC 9110, section 5.1), of at most [`NAME_LIMIT`] characters.
pub fn is_header_name(text: &str) -> bool {
    is_token(text) && text.len() <= NAME_LIMIT
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Longest content type, in bytes.
pub const CONTENT_TYPE_LIMIT: usize = 255;

/// What [`is_content_type`] takes, as a pattern.
pub const CONTENT_TYPE: &str = r"^[A-Za-z0-9!#$%&'*+.^_`|~\-]+/[A-Za-z0-9!#$%&'*+.^_`|~\-]+ *(;[ -~]*)?$";

/// `type/subtype`, perhaps with parameters (RFC 9110, section 8.3.1), and fit for a header.
pub fn is_content_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default().trim_end();
    text.len() <= CONTENT_TYPE_LIMIT
        && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
        && essence.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

/// The fields of one request that break a rule, so that the caller mends them at once.
#[derive(Debug, Default)]
pub struct Check(Vec<Item>);

/// So many are told at once: an answer has a limit too.
pub const MOST_ITEMS: usize = 50;

impl Check {
    /// Notes that the field breaks the rule.
    pub fn fail(&mut self, loc: &[&str], msg: impl Into<std::borrow::Cow<'static, str>>) {
        if self.0.len() < MOST_ITEMS {
            self.0.push(Item::rule(loc, msg));
        }
    }

    /// A name, at `body.<field>`.
    pub fn name(&mut self, field: &str, text: &str) {
        if !is_name(text) {
            self.fail(&["body", field], NAME_RULE);
        }
    }

    /// A uid: a name that cannot be taken for an id.
    pub fn uid(&mut self, field: &str, uid: Option<&str>, id_prefix: &str) {
        let Some(uid) = uid else { return };
        self.name(field, uid);
        if uid.starts_with(id_prefix) {
            self.fail(&["body", field], format!("must not start with {id_prefix}, which begins the ids"));
        }
    }

    /// A set of channels of a message (`most` = 5) or of an endpoint (`most` = 10).
    pub fn channels(&mut self, channels: Option<&[String]>, most: usize) {
        let Some(channels) = channels else { return };
        if channels.is_empty() || channels.len() > most {
            self.fail(&["body", "channels"], format!("must be 1 to {most} channels, or be left out"));
        }
        for channel in channels {
            self.name("channels", channel);
        }
    }

    /// Text for people: no control characters that break terminals and stores.
    pub fn text(&mut self, field: &str, text: &str) {
        if text.chars().any(|c| c <= '\u{8}') {
            self.fail(&["body", field], "must not hold control characters (U+0000 to U+0008)");
        }
        if json_size(&text) > TEXT_LIMIT {
            self.fail(&["body", field], format!("its JSON must be at most {TEXT_LIMIT} bytes"));
        }
    }

    /// The size of a metadata map.
    pub fn metadata(&mut self, metadata: &Metadata) {
        if json_size(metadata) > METADATA_LIMIT {
            self.fail(&["body", "metadata"], format!("its JSON must be at most {METADATA_LIMIT} bytes"));
        }
    }

    /// A rate under its two names, which must not be 0.
    pub fn rates(&mut self, throttle_rate: Option<u16>, rate_limit: Option<u16>) {
        for (field, rate) in [("throttleRate", throttle_rate), ("rateLimit", rate_limit)] {
            if rate == Some(0) {
                self.fail(&["body", field], "must be 1 to 65535, or be left out");
            }
        }
    }

    /// What is wrong with an object at `body.<field>`, which was checked as a body of its own.
    pub fn nested(&mut self, field: &'static str, result: Result<(), Problem>) {
        let Err(Problem::Invalid(items)) = result else { return };
        for mut item in items {
            item.loc.insert(1, field.into());
            if self.0.len() < MOST_ITEMS {
                self.0.push(item);
            }
        }
    }

    /// Refuses if any field broke a rule.
    pub fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::Invalid(self.0)) }
    }
}

/// Bytes of the JSON text.
pub fn json_size(value: &impl serde::Serialize) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |text| text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_fifty_items_at_most() {
        let mut check = Check::default();
        check.channels(Some(&vec![String::new(); 80_000]), 5);
        let problem = check.finish().expect_err("refused");
        assert!(problem.body().len() < 10_000, "{}", problem.body().len());
    }
}
