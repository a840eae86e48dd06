//! Claims.

use aws_sdk_dynamodb::types::AttributeValue;
use postrider_core::{
    claim::{Claim, ClaimKey},
    ports::{Claims, Unavailable},
    time::Time,
};

use super::{
    Ledger,
    items::{claim_from, claim_item, claim_place},
};
use crate::{
    cause::Cause,
    dynamo::{Condition, Put, bytes, number},
};

impl Claims for Ledger {
    async fn claim(
        &self,
        key: &ClaimKey,
        claim: &Claim,
        over: Option<&Claim>,
        now: Time,
    ) -> Result<Option<Claim>, Unavailable> {
        let standing = match self.table.put_if(claim_item(key, claim), condition(over, now)).await? {
            Put::Written => return Ok(None),
            Put::Refused(item) => claim_from(&item).map_err(|error| Unavailable::new("reading a claim", error))?,
            Put::Conflict => return Err(Unavailable::new("writing a claim", Cause("conflict".to_owned()))),
        };
        Ok((!is_same(claim, &standing)).then_some(standing))
    }

    async fn standing(&self, key: &ClaimKey) -> Result<Option<Claim>, Unavailable> {
        let (pk, sk) = claim_place(key);
        let claim = self.table.get(pk, sk).await?.map(|item| claim_from(&item)).transpose();
        claim.map_err(|error| Unavailable::new("reading a claim", error))
    }
}

/// The claim that stands is the one that was to be written: it was, and the answer was lost.
fn is_same(claim: &Claim, standing: &Claim) -> bool {
    claim.id == standing.id
        && claim.fingerprint == standing.fingerprint
        && claim.lease.millis() == standing.lease.millis()
        && claim.answer == standing.answer
}

fn condition(over: Option<&Claim>, now: Time) -> Condition {
    let now = (":now", number(now.secs()));
    let Some(over) = over else {
        return Condition {
            expression: "attribute_not_exists(#pk) OR #expires <= :now",
            names: &[("#pk", "pk"), ("#expires", "expires")],
            values: vec![now],
        };
    };
    let id: AttributeValue = bytes(over.id.bytes().to_vec());
    Condition {
        expression: "attribute_not_exists(#pk) OR #expires <= :now OR (#lease = :lease AND #id = :id)",
        names: &[("#pk", "pk"), ("#expires", "expires"), ("#lease", "lease"), ("#id", "id")],
        values: vec![now, (":lease", number(over.lease.millis())), (":id", id)],
    }
}
