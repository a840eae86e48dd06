//! What both tables share: items, conditional writes, queries, batches and transactions.

mod batch;
mod item;
mod query;
mod table;
mod transact;

pub(crate) use batch::{Place, batch_delete, batch_get, batch_put};
pub(crate) use item::{BadItem, Fields, Item, bytes, keyed, number, size, text};
pub(crate) use query::{Range, readable};
pub(crate) use table::{Condition, Put, Table};
pub(crate) use transact::{Cancelled, Role, Write, transact};
