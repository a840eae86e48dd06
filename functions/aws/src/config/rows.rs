//! Rows with a document, a revision and perhaps a uid of their own: how they are read, and how they are written once.

use std::{collections::HashMap, fmt::Display, hash::Hash, str::FromStr};

use postrider_core::ports::{Saved, Scan, Unavailable};
use serde::{Serialize, de::DeserializeOwned};

use crate::dynamo::{
    BadItem, Cancelled, Condition, Fields as _, Item, Place, Put, Range, Role, Table, Write, batch_get, keyed, number,
    readable, text, transact,
};

/// A row with the document of a thing.
pub(super) fn row<T: Serialize>(pk: impl Display, sk: impl Display, thing: &T, rev: u64) -> Result<Item, Unavailable> {
    let doc = serde_json::to_string(thing).map_err(|error| Unavailable::new("writing a document", error))?;
    let mut item = keyed(pk, sk);
    item.insert("doc".to_owned(), text(doc));
    item.insert("rev".to_owned(), number(rev));
    Ok(item)
}

/// The thing in a row's document.
pub(crate) fn document<T: DeserializeOwned>(item: &Item) -> Result<T, BadItem> {
    serde_json::from_str(item.text("doc")?).map_err(|_| BadItem::Document)
}

/// The thing in a row's document, where the row is all that was asked for.
pub(super) fn only<T: DeserializeOwned>(item: Option<Item>) -> Result<Option<T>, Unavailable> {
    let thing = item.filter(|item| !is_gone(item)).map(|item| document(&item)).transpose();
    thing.map_err(|error| Unavailable::new("reading a document", error))
}

/// Whether the row stands for something deleted.
pub(crate) fn is_gone(item: &Item) -> bool {
    item.contains_key("gone")
}

/// The row that makes a uid somebody's own.
fn uid_key(pk: &str, uid: &str) -> Item {
    keyed(pk, format_args!("uid#{uid}"))
}

/// The id behind a uid.
pub(super) async fn id_of_uid<I: FromStr>(
    table: &Table,
    pk: impl Display,
    uid: &str,
) -> Result<Option<I>, Unavailable> {
    let Some(item) = table.get(pk, format!("uid#{uid}")).await? else { return Ok(None) };
    item.parsed("id").map(Some).map_err(|error| Unavailable::new("reading a uid", error))
}

/// Things by the ids that stand in a list, each in a row of its own under the sort key `sk`.
pub(super) async fn listed<I, T>(
    table: &Table,
    (list, prefix, sk): (impl Display, &str, &str),
    scan: &Scan,
    id_of: impl Fn(&T) -> I,
) -> Result<Vec<T>, Unavailable>
where
    I: FromStr + Display + Eq + Hash,
    T: DeserializeOwned,
{
    let (mut found, mut after) = (Vec::new(), scan.after.clone());
    // More than once only where something was deleted between the two reads.
    while found.len() < scan.limit {
        let range = Range::prefixed(&list, prefix, scan.ascending).after(after);
        let wanted = scan.limit - found.len();
        let ids = table.list(&range, wanted, |item| item.parsed::<I>("sk")).await?;
        let places = ids.iter().map(|id| -> Place<'_> { (&table.name, id.to_string(), sk.to_owned()) });
        let items = batch_get(&table.client, &places.collect()).await?;
        let alive = items.values().flatten().filter(|item| !is_gone(item));
        let standing = alive.filter_map(|item| readable(item, document::<T>));
        let mut standing: HashMap<I, T> = standing.map(|thing| (id_of(&thing), thing)).collect();
        found.extend(ids.iter().filter_map(|id| standing.remove(id)));
        if ids.len() < wanted {
            break;
        }
        after = ids.last().map(ToString::to_string);
    }
    Ok(found)
}

/// Whose uid: the partition in which it is unique, and the id it stands for.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) pk: String,
    pub(super) id: String,
}

impl Owner {
    /// Takes a uid, unless another has it.
    fn take(&self, uid: &str) -> Write {
        let mut item = uid_key(&self.pk, uid);
        item.insert("id".to_owned(), text(&self.id));
        Write::Put(Role::Uid, item, Some(self.mine()))
    }

    /// Gives a uid back.
    pub(super) fn give_back(&self, uid: &str) -> Write {
        Write::Delete(Role::Other, uid_key(&self.pk, uid), Some(self.mine()))
    }

    fn mine(&self) -> Condition {
        Condition {
            expression: "attribute_not_exists(#pk) OR #id = :me",
            names: &[("#pk", "pk"), ("#id", "id")],
            values: vec![(":me", text(&self.id))],
        }
    }

    /// The writes by which its uid changes.
    pub(super) fn change(&self, old: Option<&str>, new: Option<&str>) -> Vec<Write> {
        if old == new {
            return Vec::new();
        }
        old.map(|uid| self.give_back(uid)).into_iter().chain(new.map(|uid| self.take(uid))).collect()
    }
}

/// The row is there in that revision, and not deleted.
pub(super) fn at_rev(rev: u64) -> Condition {
    Condition {
        expression: "#rev = :rev AND attribute_not_exists(#gone)",
        names: &[("#rev", "rev"), ("#gone", "gone")],
        values: vec![(":rev", number(rev))],
    }
}

/// What a row is written over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Nothing: its id is new, and nobody else creates it.
    NewId,
    /// Nothing: its name is new, but others may create the same.
    NewName,
    /// This revision.
    Rev(u64),
}

/// Writes a row, together with the other writes.
pub(super) async fn save(table: &Table, row: Item, over: Over, others: Vec<Write>) -> Result<Saved, Unavailable> {
    let condition = match over {
        Over::Rev(rev) => at_rev(rev),
        Over::NewId | Over::NewName => Condition::absent(),
    };
    let outcome = if others.is_empty() {
        match table.put_if(row.clone(), condition).await? {
            Put::Written => Ok(()),
            Put::Refused(standing) => Err(Cancelled::Main(standing)),
            Put::Conflict => Err(Cancelled::Conflict),
        }
    } else {
        let mut writes = vec![Write::Put(Role::Main, row.clone(), Some(condition))];
        writes.extend(others);
        transact(table, writes).await?
    };
    Ok(match outcome {
        Ok(()) => Saved::Done,
        Err(Cancelled::Main(standing)) if is_same(&row, &standing, over) => Saved::Done,
        Err(Cancelled::Uid) => Saved::UidTaken,
        Err(Cancelled::Main(_) | Cancelled::Conflict) => Saved::Stale,
    })
}

/// Whether the row that stands is the one that was to be written: then it was, and the answer was lost. A creation
/// under a new id is known by its revision alone.
fn is_same(row: &Item, standing: &Item, over: Over) -> bool {
    let same_rev = !is_gone(standing) && row.get("rev") == standing.get("rev");
    row == standing || (over == Over::NewId && same_rev)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rev: u64, doc: &str) -> Item {
        row("app_1", "app", &doc, rev).expect("a row")
    }

    #[test]
    fn a_repeated_write_is_recognized_and_another_is_not() {
        assert!(is_same(&of(2, "a"), &of(2, "a"), Over::Rev(1)));
        assert!(!is_same(&of(2, "a"), &of(2, "b"), Over::Rev(1)));
        assert!(is_same(&of(1, "a"), &of(1, "b"), Over::NewId));
        assert!(!is_same(&of(1, "a"), &of(1, "b"), Over::NewName));
        assert!(!is_same(&of(1, "a"), &of(2, "a"), Over::NewId));
        assert!(!is_same(&of(1, "a"), &Item::new(), Over::NewId));
    }

    #[test]
    fn an_unchanged_uid_needs_no_write() {
        let owner = Owner { pk: "org_1".to_owned(), id: "app_1".to_owned() };
        assert!(owner.change(Some("a"), Some("a")).is_empty());
        assert_eq!(owner.change(None, Some("a")).len(), 1);
        assert_eq!(owner.change(Some("a"), Some("b")).len(), 2);
    }
}
