//! Tests of strings.

/// Which part of a string is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    All,
    Start,
    End,
}

/// A string, or a part of it, perhaps in any case.
#[derive(Debug, Clone)]
pub(super) struct Text {
    part: Part,
    wanted: String,
    any_case: bool,
}

impl Text {
    pub(super) fn new(part: Part, wanted: &str, any_case: bool) -> Self {
        let wanted = if any_case { lower(wanted).collect() } else { wanted.to_owned() };
        Self { part, wanted, any_case }
    }

    /// Of the value no more is looked at than is wanted.
    pub(super) fn matches(&self, value: &str) -> bool {
        match (self.part, self.any_case) {
            (Part::All, false) => value == self.wanted,
            (Part::Start, false) => value.starts_with(&self.wanted),
            (Part::End, false) => value.ends_with(&self.wanted),
            (Part::All, true) => lower(value).eq(self.wanted.chars()),
            (Part::Start, true) => begins(lower(value), self.wanted.chars()),
            (Part::End, true) => {
                let value = value.chars().rev().flat_map(|c| c.to_lowercase().rev());
                begins(value, self.wanted.chars().rev())
            }
        }
    }
}

fn lower(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

fn begins(mut value: impl Iterator<Item = char>, mut wanted: impl Iterator<Item = char>) -> bool {
    wanted.all(|c| value.next() == Some(c))
}

/// Literal texts with anything between them: one more than there are asterisks.
#[derive(Debug, Clone)]
pub(super) struct Wildcard(Vec<String>);

impl Wildcard {
    /// Says what is wrong with it.
    pub(super) fn parse(pattern: &str) -> Result<Self, &'static str> {
        let (mut literals, mut chars) = (vec![String::new()], pattern.chars());
        let mut after_asterisk = false;
        while let Some(c) = chars.next() {
            let literal = match c {
                '*' if after_asterisk => return Err("must not have two asterisks in a row"),
                '*' => None,
                '\\' => Some(chars.next().filter(|c| matches!(c, '*' | '\\')).ok_or("may escape * and \\ only")?),
                c => Some(c),
            };
            after_asterisk = literal.is_none();
            match (literal, literals.last_mut()) {
                (Some(c), Some(last)) => last.push(c),
                _ => literals.push(String::new()),
            }
        }
        Ok(Self(literals))
    }

    /// The earliest place of each literal is as good as any later one, so that nothing is tried twice.
    pub(super) fn matches(&self, value: &str) -> bool {
        let Some((first, rest)) = self.0.split_first() else { return false };
        let Some((last, between)) = rest.split_last() else { return value == first };
        let middle = value.strip_prefix(first.as_str()).and_then(|value| value.strip_suffix(last.as_str()));
        let Some(mut middle) = middle else { return false };
        between.iter().all(|literal| match middle.split_once(literal.as_str()) {
            Some((_, after)) => {
                middle = after;
                true
            }
            None => false,
        })
    }
}
