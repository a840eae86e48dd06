use postrider_core::{
    claim::{Claim, ClaimKey, StoredAnswer},
    ids::Ksuid,
    time::Time,
};

use super::{expires, ksuids, set_expires};
use crate::dynamo::{BadItem, Fields as _, Item, bytes, keyed, number, text};

/// Partition and sort key of a claim.
pub(in crate::ledger) fn claim_place(key: &ClaimKey) -> (String, String) {
    match key {
        ClaimKey::Idempotency(hash) => (format!("idem#{hash}"), "claim".to_owned()),
        ClaimKey::EventId(app, id) => (app.to_string(), format!("event#{id}")),
    }
}

/// A claim's item.
pub(in crate::ledger) fn claim_item(key: &ClaimKey, claim: &Claim) -> Item {
    let (pk, sk) = claim_place(key);
    let mut item = keyed(pk, sk);
    item.insert("id".to_owned(), bytes(claim.id.bytes().to_vec()));
    item.insert("fp".to_owned(), text(&claim.fingerprint));
    item.insert("lease".to_owned(), number(claim.lease.millis()));
    set_expires(&mut item, claim.expires_at);
    if let Some(answer) = &claim.answer {
        item.insert("status".to_owned(), number(answer.status));
        item.insert("body".to_owned(), text(&answer.body));
    }
    item
}

/// Reads [`claim_item`].
pub(in crate::ledger) fn claim_from(item: &Item) -> Result<Claim, BadItem> {
    let ids: Vec<Ksuid> = ksuids(item.bytes("id")?, "id")?;
    let [id] = ids[..] else { return Err(BadItem::Attribute("id")) };
    let status = item.maybe_number("status")?;
    let answer = status.map(|status| item.text("body").map(|body| StoredAnswer { status, body: body.to_owned() }));
    Ok(Claim {
        id,
        fingerprint: item.text("fp")?.to_owned(),
        lease: item.number("lease").map(Time::from_millis)?,
        expires_at: expires(item)?,
        answer: answer.transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_reads_back_as_the_claim() {
        let key = ClaimKey::Idempotency("ab".to_owned());
        let mut claim = Claim {
            id: Ksuid::from_bytes([5; 20]),
            fingerprint: "f".to_owned(),
            lease: Time::from_millis(1_790_000_000_001),
            expires_at: Time::from_secs(1_790_086_400),
            answer: None,
        };
        assert_eq!(claim_from(&claim_item(&key, &claim)).ok().as_ref(), Some(&claim));
        claim.answer = Some(StoredAnswer { status: 201, body: "{}".to_owned() });
        assert_eq!(claim_from(&claim_item(&key, &claim)).ok().as_ref(), Some(&claim));
    }
}
