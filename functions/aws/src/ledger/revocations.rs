//! Revocations of tokens.

use postrider_core::{
    access::{Cut, Revocation, Revoked},
    ids::OrgId,
    ports::{Revocations, Unavailable},
    time::Time,
};

use super::{Ledger, items::set_expires};
use crate::{
    cause::Cause,
    dynamo::{BadItem, Condition, Fields as _, Item, Put, keyed, number, text},
};

const WHAT: &str = "reading a revocation";

impl Revocations for Ledger {
    async fn revocation(&self, org: &OrgId, of: &Revoked) -> Result<Option<Revocation>, Unavailable> {
        let item = self.table.get(org, sort_key(of)).await?;
        item.map(|item| from(&item)).transpose().map_err(|error| Unavailable::new(WHAT, error))
    }

    async fn save_revocation(
        &self,
        org: &OrgId,
        of: &Revoked,
        new: &Revocation,
        old: Option<&Revocation>,
    ) -> Result<bool, Unavailable> {
        let mut item = keyed(org, sort_key(of));
        let cuts = serde_json::to_string(&new.cuts).map_err(|error| Unavailable::new("writing a revocation", error))?;
        item.insert("cuts".to_owned(), text(cuts));
        item.insert("rev".to_owned(), number(new.rev));
        set_expires(&mut item, new.expires_at);
        match self.table.put_if(item, old.map_or_else(Condition::absent, |old| at_rev(old.rev))).await? {
            Put::Written => Ok(true),
            // The one that was to be written, if the answer was lost.
            Put::Refused(standing) if standing.is_empty() => Ok(false),
            Put::Refused(standing) => Ok(from(&standing).is_ok_and(|standing| standing == *new)),
            Put::Conflict => Err(Unavailable::new("writing a revocation", Cause("conflict".to_owned()))),
        }
    }
}

fn sort_key(of: &Revoked) -> String {
    match of {
        Revoked::Token(id) => format!("revoked#token#{id}"),
        Revoked::Application(app) => format!("revoked#app#{app}"),
        Revoked::Session(app, session) => format!("revoked#session#{app}#{session}"),
    }
}

fn at_rev(rev: u64) -> Condition {
    Condition { expression: "#rev = :rev", names: &[("#rev", "rev")], values: vec![(":rev", number(rev))] }
}

fn from(item: &Item) -> Result<Revocation, BadItem> {
    let cuts: Vec<Cut> = serde_json::from_str(item.text("cuts")?).map_err(|_| BadItem::Document)?;
    Ok(Revocation { cuts, rev: item.number("rev")?, expires_at: item.number("expires").map(Time::from_secs)? })
}
