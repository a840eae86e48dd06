//! Reading a filter: what it is, or which part of it breaks which rule.

use ipnet::IpNet;
use serde_json::{Map, Number, Value};

use super::{
    DEPTH, Field, Filter, Node, OPERATORS, SIZE, WILDCARDS,
    matches::{Compare, Test, compare},
    text::{Part, Text, Wildcard},
};
use crate::rules::json_size;

/// A filter that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the filter breaks a rule at {}: {why}", path.join("."))]
pub struct Misfit {
    /// Names and numbers from the filter to the part that breaks the rule.
    pub path: Vec<String>,
    /// For people: what it must be.
    pub why: String,
}

type Parsed<T> = Result<T, Misfit>;

fn misfit<T>(why: impl Into<String>) -> Parsed<T> {
    Err(Misfit { path: Vec::new(), why: why.into() })
}

/// The misfit's path begins at its innermost part; whoever reads the part around it adds its place.
fn at<T>(place: &str, parsed: Parsed<T>) -> Parsed<T> {
    parsed.map_err(|mut misfit| {
        misfit.path.insert(0, place.to_owned());
        misfit
    })
}

pub(super) fn filter(source: &Value) -> Parsed<Filter> {
    let Some(object) = source.as_object() else { return misfit("must be an object") };
    if json_size(source) > SIZE {
        return misfit(format!("its JSON must be at most {SIZE} bytes"));
    }
    let fields = Reader::default().fields(object, 1)?;
    Ok(Filter { source: object.clone(), fields })
}

#[derive(Default)]
struct Reader {
    operators: usize,
    wildcards: usize,
    in_or: bool,
}

impl Reader {
    fn fields(&mut self, object: &Map<String, Value>, depth: usize) -> Parsed<Vec<Field>> {
        if object.is_empty() {
            return misfit("must not be empty");
        }
        if depth > DEPTH {
            return misfit(format!("must be within {DEPTH} objects at most"));
        }
        object.iter().map(|(name, value)| at(name, self.field(name, value, depth))).collect()
    }

    fn field(&mut self, name: &str, value: &Value, depth: usize) -> Parsed<Field> {
        if name == "$or" {
            return self.or(value, depth).map(Field::Or);
        }
        if self.in_or && NAMES.contains(&name) {
            return misfit("is an operator, which belongs into a field's list; in $or there are objects of fields");
        }
        let node = match value {
            Value::Object(object) => Node::Fields(self.fields(object, depth + 1)?),
            Value::Array(tests) => Node::Any(self.each(tests, Self::test)?),
            _ => return misfit("must be an object or a list of alternatives"),
        };
        Ok(Field::Named(name.to_owned(), node))
    }

    fn or(&mut self, value: &Value, depth: usize) -> Parsed<Vec<Vec<Field>>> {
        let Some(branches) = value.as_array().filter(|branches| branches.len() > 1) else {
            return misfit("must be a list of at least two objects");
        };
        let outside = std::mem::replace(&mut self.in_or, true);
        let branches = self.each(branches, |reader, branch| match branch {
            Value::Object(object) => reader.fields(object, depth + 1),
            _ => misfit("must be an object"),
        });
        self.in_or = outside;
        branches
    }

    fn each<T>(&mut self, list: &[Value], mut read: impl FnMut(&mut Self, &Value) -> Parsed<T>) -> Parsed<Vec<T>> {
        if list.is_empty() {
            return misfit("must not be empty");
        }
        list.iter().enumerate().map(|(nth, value)| at(&nth.to_string(), read(self, value))).collect()
    }

    fn test(&mut self, value: &Value) -> Parsed<Test> {
        match value {
            Value::Object(object) => {
                let (name, value) = only(object)?;
                at(name, self.operator(name, value))
            }
            Value::Array(_) => misfit("must be a string, number, true, false, null or an operator"),
            literal => Ok(Test::Literal(literal.clone())),
        }
    }

    fn operator(&mut self, name: &str, value: &Value) -> Parsed<Test> {
        self.count()?;
        match name {
            "anything-but" => self.anything_but(value),
            "numeric" => numeric(value).map(Test::Numeric),
            "exists" => match value {
                Value::Bool(true) => Ok(Test::Exists),
                Value::Bool(false) => Ok(Test::Absent),
                _ => misfit("must be true or false"),
            },
            "cidr" => match string(value)?.parse::<IpNet>() {
                Ok(network) => Ok(Test::Network(network)),
                Err(_) => misfit("must be a network such as 10.0.0.0/24"),
            },
            "prefix" | "suffix" => match value {
                Value::Object(object) => match only(object)? {
                    (inner @ "equals-ignore-case", text) => at(inner, self.text(name, text, true)),
                    (inner, _) => at(inner, misfit("must be equals-ignore-case")),
                },
                text => self.text(name, text, false),
            },
            _ => self.text(name, value, false),
        }
    }

    fn text(&mut self, operator: &str, value: &Value, any_case: bool) -> Parsed<Test> {
        let part = match operator {
            "prefix" => Part::Start,
            "suffix" => Part::End,
            "equals-ignore-case" => return Ok(Test::Text(Text::new(Part::All, string(value)?, true))),
            "wildcard" => return self.wildcard(string(value)?),
            _ => return misfit(format!("must be one of {}", NAMES.join(", "))),
        };
        Ok(Test::Text(Text::new(part, string(value)?, any_case)))
    }

    fn count(&mut self) -> Parsed<()> {
        self.operators += 1;
        if self.operators > OPERATORS { misfit(format!("a filter may have {OPERATORS} operators")) } else { Ok(()) }
    }

    fn wildcard(&mut self, pattern: &str) -> Parsed<Test> {
        self.wildcards += 1;
        if self.wildcards > WILDCARDS {
            return misfit(format!("a filter may have {WILDCARDS} wildcards"));
        }
        Wildcard::parse(pattern).map_or_else(misfit, |wildcard| Ok(Test::Wildcard(wildcard)))
    }

    fn anything_but(&mut self, value: &Value) -> Parsed<Test> {
        let tests = match value {
            Value::Object(object) => {
                let (name, value) = only(object)?;
                at(name, self.texts(name, value))?
            }
            Value::Array(list) => {
                let first = list.first();
                let is_like = |other: &Value| first.is_some_and(|first| first.is_string() == other.is_string());
                self.each(list, |_, value| if is_like(value) { excluded(value) } else { misfit(ALIKE) })?
            }
            value => vec![excluded(value)?],
        };
        Ok(Test::AnythingBut(tests))
    }

    /// Of a string or a list of them.
    fn texts(&mut self, operator: &str, value: &Value) -> Parsed<Vec<Test>> {
        if !TEXTUAL.contains(&operator) {
            return misfit(format!("must be one of {}", TEXTUAL.join(", ")));
        }
        let one = |reader: &mut Self, value: &Value| {
            reader.count()?;
            if string(value)?.is_empty() { misfit("must not be empty") } else { reader.text(operator, value, false) }
        };
        match value {
            Value::Array(list) => self.each(list, one),
            value => Ok(vec![one(self, value)?]),
        }
    }
}

const NAMES: [&str; 8] =
    ["prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "numeric", "exists", "cidr"];
/// Those that `anything-but` may exclude.
const TEXTUAL: [&str; 4] = ["prefix", "suffix", "equals-ignore-case", "wildcard"];
const ALIKE: &str = "must be a string or a number, as the others are";

fn excluded(value: &Value) -> Parsed<Test> {
    if value.is_string() || value.is_number() {
        return Ok(Test::Literal(value.clone()));
    }
    misfit("must be a string, a number, or a prefix, suffix, equals-ignore-case or wildcard")
}

fn only(object: &Map<String, Value>) -> Parsed<(&str, &Value)> {
    let mut members = object.iter();
    match (members.next(), members.next()) {
        (Some((name, value)), None) => Ok((name, value)),
        _ => misfit("must have one operator"),
    }
}

fn string(value: &Value) -> Parsed<&str> {
    value.as_str().map_or_else(|| misfit("must be a string"), Ok)
}

fn numeric(value: &Value) -> Parsed<Vec<(Compare, Number)>> {
    let bound = |how: &Value, number: &Value| {
        let how = match how.as_str()? {
            "=" => Compare::Equal,
            "<" => Compare::Less,
            "<=" => Compare::AtMost,
            ">" => Compare::Greater,
            ">=" => Compare::AtLeast,
            _ => return None,
        };
        Some((how, number.as_number()?.clone()))
    };
    let bounds = match value.as_array().map(Vec::as_slice) {
        Some([how, number]) => bound(how, number).map(|bound| vec![bound]),
        Some([low, from, high, to]) => bound(low, from).zip(bound(high, to)).map(|(low, high)| vec![low, high]),
        _ => None,
    };
    match bounds.as_deref() {
        Some([_]) => {}
        Some([(Compare::Greater | Compare::AtLeast, from), (Compare::Less | Compare::AtMost, to)]) => {
            if compare(from, to).is_none_or(std::cmp::Ordering::is_ge) {
                return misfit("must have its lower bound first, below the other");
            }
        }
        _ => return misfit(r#"must be such as ["=", 1], [">", 0] or [">=", 0, "<", 5]"#),
    }
    Ok(bounds.unwrap_or_default())
}
