//! Parts of a partition, in order.

use std::fmt::Display;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use postrider_core::ports::Unavailable;

use super::{BadItem, Fields as _, Item, Table, item::text};
use crate::cause::unavailable;

/// Sort keys of one partition from `low` to `high`, without the excluded ones.
#[derive(Debug, Clone)]
pub(crate) struct Range {
    pub(crate) pk: String,
    pub(crate) low: String,
    pub(crate) high: String,
    /// Bounds that are not to be in the result. `BETWEEN` includes both ends, so that as many more are read.
    pub(crate) excluded: Vec<String>,
    pub(crate) ascending: bool,
}

impl Range {
    /// Everything under a prefix. `~` sorts after every character that keys are made of.
    pub(crate) fn prefixed(pk: impl Display, prefix: &str, ascending: bool) -> Self {
        let (low, high) = (prefix.to_owned(), format!("{prefix}~"));
        Self { pk: pk.to_string(), low, high, excluded: Vec::new(), ascending }
    }

    /// A whole partition. A space sorts before every character that keys are made of.
    pub(crate) fn whole(pk: impl Display) -> Self {
        Self { low: " ".to_owned(), ..Self::prefixed(pk, "", true) }
    }

    /// Only what lies above that key.
    pub(crate) fn above(mut self, key: Option<String>) -> Self {
        if let Some(key) = key {
            self.low.clone_from(&key);
            self.excluded.push(key);
        }
        self
    }

    /// Only what lies below that key.
    pub(crate) fn below(mut self, key: Option<String>) -> Self {
        if let Some(key) = key {
            self.high.clone_from(&key);
            self.excluded.push(key);
        }
        self
    }

    /// Only what follows that key in the range's direction.
    pub(crate) fn after(self, key: Option<String>) -> Self {
        if self.ascending { self.above(key) } else { self.below(key) }
    }
}

impl Table {
    /// The first `limit` items of a range that can be read, strongly consistent. Those that cannot are logged and
    /// passed over, so that one damaged item does not hide the others; fewer than `limit` means that there are no more.
    pub(crate) async fn list<T>(
        &self,
        range: &Range,
        limit: usize,
        decode: impl Fn(&Item) -> Result<T, BadItem>,
    ) -> Result<Vec<T>, Unavailable> {
        let mut found = Vec::new();
        if range.low > range.high {
            return Ok(found);
        }
        let mut start = None;
        loop {
            let wanted = limit.saturating_sub(found.len());
            if wanted == 0 {
                return Ok(found);
            }
            let page = wanted.saturating_add(range.excluded.len());
            let request = self.range(range).set_limit(i32::try_from(page).ok()).set_exclusive_start_key(start);
            let output = request.send().await.map_err(unavailable("DynamoDB: querying"))?;
            let items = output.items.unwrap_or_default();
            let inside = items.iter().filter(|item| !range.excludes(item));
            found.extend(inside.filter_map(|item| readable(item, &decode)).take(wanted));
            start = output.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
    }

    /// What one query gives of a range, which is a megabyte, and whether that is all; otherwise as [`Table::list`].
    pub(crate) async fn first<T>(
        &self,
        range: &Range,
        decode: impl Fn(&Item) -> Result<T, BadItem>,
    ) -> Result<(Vec<T>, bool), Unavailable> {
        let output = self.range(range).send().await.map_err(unavailable("DynamoDB: querying"))?;
        let items = output.items.unwrap_or_default();
        let found = items.iter().filter(|item| !range.excludes(item)).filter_map(|item| readable(item, &decode));
        Ok((found.collect(), output.last_evaluated_key.is_none()))
    }

    /// The keys of at most `limit` items of a range, and whether these are all; strongly consistent.
    pub(crate) async fn keys(&self, range: &Range, limit: usize) -> Result<(Vec<Item>, bool), Unavailable> {
        let request = self.range(range).projection_expression("#pk, #sk").set_limit(i32::try_from(limit).ok());
        let output = request.send().await.map_err(unavailable("DynamoDB: querying keys"))?;
        Ok((output.items.unwrap_or_default(), output.last_evaluated_key.is_none()))
    }

    /// These attributes of a range's items, as many as one query reads, and the sort key where it stopped if that was before
    /// the end. At half the price, and a moment behind.
    pub(crate) async fn some(
        &self,
        range: &Range,
        attributes: &[&str],
    ) -> Result<(Vec<Item>, Option<String>), Unavailable> {
        let aliases: Vec<_> = attributes.iter().map(|name| format!("#{name}")).collect();
        let request = self.range(range).projection_expression(aliases.join(", ")).consistent_read(false);
        let names = attributes.iter().zip(aliases).map(|(name, alias)| (alias, (*name).to_owned()));
        let request = request.set_expression_attribute_names(Some(names.collect()));
        let output = request.send().await.map_err(unavailable("DynamoDB: querying"))?;
        let last = output.last_evaluated_key.and_then(|key| key.maybe_text("sk").map(str::to_owned));
        let mut items = output.items.unwrap_or_default();
        items.retain(|item| !range.excludes(item));
        Ok((items, last))
    }

    fn range(&self, range: &Range) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.name)
            .key_condition_expression("#pk = :pk AND #sk BETWEEN :low AND :high")
            .expression_attribute_names("#pk", "pk")
            .expression_attribute_names("#sk", "sk")
            .expression_attribute_values(":pk", text(&range.pk))
            .expression_attribute_values(":low", text(&range.low))
            .expression_attribute_values(":high", text(&range.high))
            .scan_index_forward(range.ascending)
            .consistent_read(true)
    }
}

impl Range {
    fn excludes(&self, item: &Item) -> bool {
        item.maybe_text("sk").is_some_and(|sk| self.excluded.iter().any(|key| key == sk))
    }
}

/// The decoded item, or nothing and a line in the log.
pub(crate) fn readable<T>(item: &Item, decode: impl Fn(&Item) -> Result<T, BadItem>) -> Option<T> {
    let (pk, sk) = (item.maybe_text("pk").unwrap_or_default(), item.maybe_text("sk").unwrap_or_default());
    decode(item).inspect_err(|error| tracing::error!(pk, sk, %error, "a stored item cannot be read")).ok()
}
