use postrider_core::{ids::MessageId, message::Message, ports::FanPage};

use super::{ids_from, ids_of, set_expires};
use crate::dynamo::{BadItem, Fields as _, Item, bytes, keyed, text};

/// What a message's pages have before their numbers.
pub(in crate::ledger) fn page_prefix(message: MessageId) -> String {
    format!("fan#{message}#")
}

/// A page of a large fan-out. Its number has digits enough for the order of texts to be that of numbers.
pub(in crate::ledger) fn page_item(message: &Message, number: u32, page: &FanPage) -> Item {
    let mut item = keyed(message.app, format!("{}{number:06}", page_prefix(message.id)));
    for (name, ids) in [("eps", &page.endpoints), ("held", &page.held)] {
        if !ids.is_empty() {
            item.insert(name.to_owned(), bytes(ids_of(ids)));
        }
    }
    if let Some(cursor) = page.cursor {
        item.insert("cursor".to_owned(), text(cursor));
    }
    set_expires(&mut item, message.expires_at);
    item
}

/// Reads [`page_item`], and its number.
pub(in crate::ledger) fn page_from(item: &Item) -> Result<(u32, FanPage), BadItem> {
    let number = item.text("sk")?.rsplit('#').next().and_then(|digits| digits.parse().ok());
    let cursor = item.contains_key("cursor").then(|| item.parsed("cursor")).transpose()?;
    let page = FanPage { endpoints: ids_from(item, "eps")?, held: ids_from(item, "held")?, cursor };
    Ok((number.ok_or(BadItem::Attribute("sk"))?, page))
}

#[cfg(test)]
mod tests {
    use postrider_core::{
        ids::{AppId, EndpointId, Id as _, Ksuid},
        time::Time,
    };

    use super::*;

    #[test]
    fn an_item_reads_back_as_the_page_and_sorts_by_its_number() {
        let message = Message {
            id: MessageId::from_ksuid(Ksuid::from_bytes([1; 20])),
            app: AppId::from_ksuid(Ksuid::from_bytes([2; 20])),
            event_type: "a".to_owned(),
            event_id: None,
            channels: None,
            payload: Some("{}".into()),
            content_type: None,
            at: Time::from_secs(1_790_000_000),
            expires_at: Time::from_secs(1_800_000_000),
            endpoints: Vec::new(),
            also: Vec::new(),
            held: Vec::new(),
            trace: None,
            fans_out: true,
        };
        let endpoint = |n| EndpointId::from_ksuid(Ksuid::from_bytes([n; 20]));
        let page =
            FanPage { endpoints: vec![endpoint(1), endpoint(3)], held: vec![endpoint(2)], cursor: Some(endpoint(4)) };
        let last = FanPage { endpoints: Vec::new(), held: Vec::new(), cursor: None };
        for (number, page) in [(9, page), (10, last)] {
            assert_eq!(page_from(&page_item(&message, number, &page)).ok(), Some((number, page)));
        }
        let key = |number| {
            page_item(&message, number, &FanPage { endpoints: vec![], held: vec![], cursor: None }).remove("sk")
        };
        assert!(key(9).and_then(|sk| sk.as_s().ok().cloned()) < key(10).and_then(|sk| sk.as_s().ok().cloned()));
    }
}
