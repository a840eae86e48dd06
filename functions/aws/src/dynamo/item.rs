//! Building and reading items.

use std::{collections::HashMap, fmt::Display, str::FromStr};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};

/// Attributes by name.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// An item that is not what it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadItem {
    #[error("attribute {0} is missing or malformed")]
    Attribute(&'static str),
    // Without its source: that quotes what it could not read.
    #[error("its document cannot be read")]
    Document,
    #[error(transparent)]
    Blob(#[from] postrider_core::blob::Damaged),
}

/// A string.
pub(crate) fn text(value: impl Display) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// A number.
pub(crate) fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Bytes.
pub(crate) fn bytes(value: Vec<u8>) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

/// An item with its key alone.
pub(crate) fn keyed(pk: impl Display, sk: impl Display) -> Item {
    HashMap::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))])
}

/// Reading an item's attributes.
pub(crate) trait Fields {
    /// A string, if there is one.
    fn maybe_text(&self, name: &str) -> Option<&str>;
    /// A number, if there is one.
    fn maybe_number<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, BadItem>;
    /// Bytes, if there are any.
    fn maybe_bytes(&self, name: &str) -> Option<&[u8]>;

    /// A string.
    fn text(&self, name: &'static str) -> Result<&str, BadItem> {
        self.maybe_text(name).ok_or(BadItem::Attribute(name))
    }

    /// A string that is something.
    fn parsed<T: FromStr>(&self, name: &'static str) -> Result<T, BadItem> {
        self.text(name)?.parse().map_err(|_| BadItem::Attribute(name))
    }

    /// A number.
    fn number<T: FromStr>(&self, name: &'static str) -> Result<T, BadItem> {
        self.maybe_number(name)?.ok_or(BadItem::Attribute(name))
    }

    /// Bytes.
    fn bytes(&self, name: &'static str) -> Result<&[u8], BadItem> {
        self.maybe_bytes(name).ok_or(BadItem::Attribute(name))
    }
}

impl Fields for Item {
    fn maybe_text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_s().ok().map(String::as_str)
    }

    fn maybe_number<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, BadItem> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let digits = value.as_n().map_err(|_| BadItem::Attribute(name))?;
        digits.parse().map(Some).map_err(|_| BadItem::Attribute(name))
    }

    fn maybe_bytes(&self, name: &str) -> Option<&[u8]> {
        self.get(name)?.as_b().ok().map(AsRef::as_ref)
    }
}

/// The bytes that `DynamoDB` bills, or a few more.
pub(crate) fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.len() / 2 + 2,
        AttributeValue::B(blob) => blob.as_ref().len(),
        AttributeValue::L(values) => 3 + values.iter().map(|value| 1 + value_size(value)).sum::<usize>(),
        _ => 1,
    }
}
