//! YAML, as far as it says what JSON can say (YAML 1.2, core schema; one document; `<<` merges, as YAML 1.1 had it).
//!
//! An alias is a copy of what it names, and counts as such: a text that would unfold to more than it may is refused.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Number, Value};

/// Values of one text, with the copies.
const MOST: usize = 200_000;
/// Lists and mappings within one another.
const DEEPEST: usize = 100;
const MERGE: &str = "<<";

/// Reads a text; tells what is wrong with it.
pub fn from_yaml(text: &str) -> Result<Value, String> {
    let mut reader = Reader { left: MOST, ..Reader::default() };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        reader.event(event).map_err(|why| format!("{why} at line {}", span.start.line()))?;
    }
    reader.done.ok_or_else(|| "there is nothing in it".to_owned())
}

#[derive(Default)]
struct Reader {
    open: Vec<Open>,
    anchors: HashMap<usize, Value>,
    done: Option<Value>,
    left: usize,
}

/// What has begun and not ended, and its anchor (0: none).
struct Open {
    anchor: usize,
    held: Held,
}

enum Held {
    List(Vec<Value>),
    /// Its members, the key that has no value yet, and what is to be merged.
    Mapping(Map<String, Value>, Option<String>, Vec<Value>),
}

impl Reader {
    fn event(&mut self, event: Event<'_>) -> Result<(), &'static str> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_key = matches!(self.open.last(), Some(Open { held: Held::Mapping(_, None, _), .. }));
                let value =
                    if is_key { Value::String(text.into_owned()) } else { scalar(&text, style, tag.as_deref()) };
                self.value(value, anchor)
            }
            Event::SequenceStart(anchor, _) => self.begin(anchor, Held::List(Vec::new())),
            Event::MappingStart(anchor, _) => self.begin(anchor, Held::Mapping(Map::new(), None, Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => {
                let Open { anchor, held } = self.open.pop().ok_or("there is an end without a beginning")?;
                let value = match held {
                    Held::List(list) => Value::Array(list),
                    Held::Mapping(mut members, _, merges) => {
                        merges.into_iter().try_for_each(|value| merge(&mut members, value))?;
                        Value::Object(members)
                    }
                };
                self.value(value, anchor)
            }
            Event::Alias(anchor) => {
                let value = self.anchors.get(&anchor).ok_or("there is an alias of nothing, or of what it is in")?;
                self.left = self.left.checked_sub(count(value)).ok_or("there is too much in it, with its aliases")?;
                let value = value.clone();
                self.value(value, 0)
            }
            Event::DocumentStart(_) if self.done.is_some() => Err("there is a second document"),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, anchor: usize, held: Held) -> Result<(), &'static str> {
        if self.open.len() >= DEEPEST {
            return Err("it is nested too deep");
        }
        if matches!(self.open.last(), Some(Open { held: Held::Mapping(_, None, _), .. })) {
            return Err("a key must be a text");
        }
        self.open.push(Open { anchor, held });
        Ok(())
    }

    fn value(&mut self, value: Value, anchor: usize) -> Result<(), &'static str> {
        self.left = self.left.checked_sub(1).ok_or("there is too much in it")?;
        if anchor > 0 {
            // A copy as well.
            self.left = self.left.checked_sub(count(&value)).ok_or("there is too much in it, with its anchors")?;
            self.anchors.insert(anchor, value.clone());
        }
        match self.open.last_mut().map(|open| &mut open.held) {
            None => self.done = Some(value),
            Some(Held::List(list)) => list.push(value),
            Some(Held::Mapping(_, key @ None, _)) => match value {
                Value::String(text) => *key = Some(text),
                _ => return Err("a key must be a text"),
            },
            Some(Held::Mapping(members, key, merges)) => {
                let name = key.take().unwrap_or_default();
                if name == MERGE {
                    merges.push(value);
                } else if members.insert(name, value).is_some() {
                    return Err("a key is there twice");
                }
            }
        }
        Ok(())
    }
}

/// What is there already stays.
fn merge(members: &mut Map<String, Value>, value: Value) -> Result<(), &'static str> {
    match value {
        Value::Object(others) => {
            for (name, value) in others {
                members.entry(name).or_insert(value);
            }
            Ok(())
        }
        Value::Array(list) => list.into_iter().try_for_each(|value| merge(members, value)),
        _ => Err("only mappings can be merged"),
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(count).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// YAML 1.2.2, section 10.3.2, without the numbers that JSON has no words for.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let is_text = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str");
    match text {
        _ if is_text => Value::String(text.to_owned()),
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(Number::from);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8).ok().map(Number::from);
    }
    let whole = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from));
    whole.ok().or_else(|| Number::from_f64(text.parse().ok()?))
}
