//! Many items at once, over one or both tables.

use std::{collections::BTreeSet, collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    types::{DeleteRequest, KeysAndAttributes, PutRequest, WriteRequest},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use postrider_core::ports::Unavailable;

use super::{
    Fields as _, Item, Table,
    item::{keyed, size},
};
use crate::cause::{Cause, chain, describe, unavailable};

/// `DynamoDB`'s limits of one request.
const GETS: usize = 100;
const PUTS: usize = 25;
const PUT_BYTES: usize = 12 * 1024 * 1024;
/// Requests in a row that achieve nothing before giving up.
const PATIENCE: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(40);
const AT_ONCE: usize = 4;

/// Where an item is: table, partition key, sort key.
pub(crate) type Place<'a> = (&'a str, String, String);

/// The items that exist, by table, strongly consistent, in no order.
pub(crate) async fn batch_get(
    client: &Client,
    places: &BTreeSet<Place<'_>>,
) -> Result<HashMap<String, Vec<Item>>, Unavailable> {
    let places: Vec<_> = places.iter().collect();
    let requests: Vec<_> = places.chunks(GETS).map(|chunk| get_all(client, wanted(chunk))).collect();
    let found: Vec<_> = stream::iter(requests).buffer_unordered(AT_ONCE).try_collect().await?;
    let mut all = HashMap::<String, Vec<Item>>::new();
    for (table, items) in found.into_iter().flatten() {
        all.entry(table).or_default().extend(items);
    }
    Ok(all)
}

fn wanted(places: &[&Place<'_>]) -> HashMap<String, Vec<Item>> {
    let mut keys = HashMap::<String, Vec<Item>>::new();
    for (table, pk, sk) in places {
        keys.entry((*table).to_owned()).or_default().push(keyed(pk, sk));
    }
    keys
}

async fn get_all(
    client: &Client,
    mut wanted: HashMap<String, Vec<Item>>,
) -> Result<Vec<(String, Vec<Item>)>, Unavailable> {
    let (mut found, mut fruitless) = (Vec::new(), 0);
    loop {
        let asked = count(&wanted);
        let mut request = client.batch_get_item();
        for (table, keys) in wanted {
            let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            request = request.request_items(table, keys.map_err(|error| Unavailable::new("DynamoDB: reading", error))?);
        }
        let output = request.send().await.map_err(unavailable("DynamoDB: reading items"))?;
        found.extend(output.responses.unwrap_or_default());
        let rest = output.unprocessed_keys.unwrap_or_default();
        if rest.is_empty() {
            return Ok(found);
        }
        wanted = rest.into_iter().map(|(table, keys)| (table, keys.keys)).collect();
        fruitless = pause("DynamoDB: reading items", fruitless, count(&wanted) < asked).await?;
    }
}

fn count(keys: &HashMap<String, Vec<Item>>) -> usize {
    keys.values().map(Vec::len).sum()
}

/// Waits before the next request; counts those that achieved nothing, and gives up in the end.
async fn pause(what: &'static str, fruitless: u32, progress: bool) -> Result<u32, Unavailable> {
    if progress {
        return Ok(0);
    }
    if fruitless + 1 == PATIENCE {
        return Err(Unavailable::new(what, Cause("throttled".to_owned())));
    }
    tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(fruitless)).await;
    Ok(fruitless + 1)
}

/// Writes items whatever stands; of those with the same key the last. Gives the sort keys and partition keys of
/// those that could not be written, having logged why.
pub(crate) async fn batch_put(table: &Table, items: Vec<Item>) -> Vec<(String, String)> {
    let mut unique = HashMap::new();
    for item in items {
        unique.insert(place(&item), item);
    }
    let packs = packs(unique.into_values()).into_iter();
    let requests = packs.map(|pack| write_all(table, pack.into_iter().filter_map(put_request).collect()));
    stream::iter(requests).buffer_unordered(AT_ONCE).concat().await
}

/// Removes the items with these keys, of which some may not exist; fails unless all are gone.
pub(crate) async fn batch_delete(table: &Table, keys: Vec<Item>) -> Result<(), Unavailable> {
    let packs = packs(keys.into_iter()).into_iter();
    let requests = packs.map(|pack| write_all(table, pack.into_iter().filter_map(delete_request).collect()));
    let left: Vec<_> = stream::iter(requests).buffer_unordered(AT_ONCE).concat().await;
    if left.is_empty() {
        return Ok(());
    }
    Err(Unavailable::new("DynamoDB: removing items", Cause(format!("{} are left", left.len()))))
}

fn place(item: &Item) -> (String, String) {
    let part = |name| item.maybe_text(name).unwrap_or_default().to_owned();
    (part("pk"), part("sk"))
}

fn packs(items: impl Iterator<Item = Item>) -> Vec<Vec<Item>> {
    let (mut packs, mut room) = (Vec::<Vec<Item>>::new(), 0);
    for item in items {
        let size = size(&item);
        match packs.last_mut() {
            Some(pack) if pack.len() < PUTS && size <= room => {
                room -= size;
                pack.push(item);
            }
            _ => {
                room = PUT_BYTES.saturating_sub(size);
                packs.push(vec![item]);
            }
        }
    }
    packs
}

async fn write_all(table: &Table, mut rest: Vec<WriteRequest>) -> Vec<(String, String)> {
    let mut places: Vec<_> = rest.iter().filter_map(place_of).collect();
    let mut fruitless = 0;
    loop {
        let sent = rest.len();
        let output = match table.client.batch_write_item().request_items(&table.name, rest).send().await {
            Ok(output) => output,
            Err(error) => {
                tracing::error!(items = places.len(), error = describe(&error), "items cannot be written");
                return places;
            }
        };
        rest = output.unprocessed_items.unwrap_or_default().remove(&table.name).unwrap_or_default();
        places = rest.iter().filter_map(place_of).collect();
        if rest.is_empty() {
            return places;
        }
        match pause("DynamoDB: writing items", fruitless, rest.len() < sent).await {
            Ok(count) => fruitless = count,
            Err(error) => {
                tracing::error!(items = places.len(), error = chain(&error), "items cannot be written");
                return places;
            }
        }
    }
}

fn place_of(request: &WriteRequest) -> Option<(String, String)> {
    let put = request.put_request().map(PutRequest::item);
    put.or_else(|| request.delete_request().map(DeleteRequest::key)).map(place)
}

fn put_request(item: Item) -> Option<WriteRequest> {
    let put = PutRequest::builder().set_item(Some(item)).build().ok()?;
    Some(WriteRequest::builder().put_request(put).build())
}

fn delete_request(key: Item) -> Option<WriteRequest> {
    let delete = DeleteRequest::builder().set_key(Some(key)).build().ok()?;
    Some(WriteRequest::builder().delete_request(delete).build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamo::item::bytes;

    fn item(n: usize, size: usize) -> Item {
        let mut item = keyed(n, "x");
        item.insert("log".to_owned(), bytes(vec![0; size]));
        item
    }

    #[test]
    fn packs_hold_25_items_at_most() {
        let lens: Vec<_> = packs((0..60).map(|n| item(n, 10))).iter().map(Vec::len).collect();
        assert_eq!(lens, [25, 25, 10]);
    }

    #[test]
    fn packs_stay_under_the_size_of_a_request() {
        let packs = packs((0..60).map(|n| item(n, 900_000)));
        assert_eq!(packs.iter().map(Vec::len).sum::<usize>(), 60);
        assert!(packs.iter().all(|pack| pack.iter().map(size).sum::<usize>() <= PUT_BYTES));
    }
}
