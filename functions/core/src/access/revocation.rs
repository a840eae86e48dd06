//! What was revoked: a token, all tokens of an application, or those of a session.
//!
//! A revocation counts for tokens that were made until it was asked for, and from a time on. It is kept until the last
//! of them has expired by itself.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{AppId, OrgId},
    ports::{Revocations, Unavailable},
    problem::Problem,
    time::Time,
    token::{Caller, LONGEST_LIFETIME},
};

/// Revocations of the same tokens that are still to come into effect.
const MOST_PENDING: usize = 10;
/// How often a revocation is written again over what somebody else has written meanwhile.
const TRIES: usize = 5;

/// Whose tokens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Revoked {
    /// One, by its id.
    Token(String),
    /// Those of an application.
    Application(AppId),
    /// Those of an application that were made for a session.
    Session(AppId, String),
}

/// Tokens made at `issued_until` or before count no more from a time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The latest time at which such a token was made.
    pub issued_until: Time,
    /// When it comes into effect.
    pub from: Time,
}

/// What was revoked of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// None makes another superfluous.
    pub cuts: Vec<Cut>,
    /// Grows with every write.
    pub rev: u64,
    /// No token that it counts for is good after this.
    pub expires_at: Time,
}

impl Revoked {
    /// All that a caller's token can be revoked by.
    pub fn of(caller: &Caller) -> Vec<Self> {
        let token = caller.token.as_ref().map(|token| Self::Token(token.id.clone()));
        let session = caller.app.zip(caller.session.clone()).map(|(app, session)| Self::Session(app, session));
        token.into_iter().chain(caller.app.map(Self::Application)).chain(session).collect()
    }
}

impl Cut {
    /// All tokens, from now on.
    pub fn all(now: Time) -> Self {
        Self { issued_until: now.plus(LONGEST_LIFETIME), from: now }
    }

    /// Whether whatever the other counts for, this does.
    fn includes(&self, other: &Self) -> bool {
        self.issued_until >= other.issued_until && self.from <= other.from
    }
}

impl Revocation {
    /// Whether a token counts no more.
    pub fn counts_for(&self, issued_at: Time, now: Time) -> bool {
        self.cuts.iter().any(|cut| issued_at <= cut.issued_until && now >= cut.from)
    }

    /// What stands after one more.
    fn with(standing: Option<&Self>, cut: Cut, expires_at: Time, now: Time) -> Result<Self, Problem> {
        let old = standing.map(|standing| standing.cuts.as_slice()).unwrap_or_default();
        // One that is in effect stays as it is; of two in effect, the later one includes the other.
        let in_effect = |cut: &Cut| Cut { from: if cut.from <= now { Time::from_micros(0) } else { cut.from }, ..*cut };
        let mut cuts: Vec<Cut> = Vec::new();
        for cut in old.iter().chain([&cut]).map(in_effect) {
            if !cuts.iter().any(|kept| kept.includes(&cut)) {
                cuts.retain(|kept| !cut.includes(kept));
                cuts.push(cut);
            }
        }
        if cuts.iter().filter(|cut| cut.from > now).count() > MOST_PENDING {
            let detail = format!("{MOST_PENDING} expirations of these tokens are still to come; wait for one of them");
            return Err(Problem::refused(400, "limit_reached", detail));
        }
        let (rev, until) = standing.map_or((0, expires_at), |standing| (standing.rev, standing.expires_at));
        Ok(Self { cuts, rev: rev + 1, expires_at: expires_at.max(until) })
    }
}

/// Revokes.
pub(super) async fn revoke<R: Revocations>(
    revocations: &R,
    org: &OrgId,
    of: &Revoked,
    (cut, expires_at): (Cut, Time),
    now: Time,
) -> Result<(), Problem> {
    for _ in 0..TRIES {
        let old = revocations.revocation(org, of).await?;
        let new = Revocation::with(old.as_ref(), cut, expires_at, now)?;
        if old.as_ref().is_some_and(|old| old.cuts == new.cuts && old.expires_at == new.expires_at) {
            return Ok(());
        }
        if revocations.save_revocation(org, of, &new, old.as_ref()).await? {
            return Ok(());
        }
    }
    Err(Unavailable::new("revoking tokens", "others revoke the same at the same time").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: i64) -> Time {
        Time::from_secs(secs)
    }

    fn after(cuts: &[(i64, i64, i64)]) -> Revocation {
        let add = |standing: Option<Revocation>, (now, issued_until, from): &(i64, i64, i64)| {
            let cut = Cut { issued_until: at(*issued_until), from: at(*from) };
            Some(Revocation::with(standing.as_ref(), cut, at(9_999), at(*now)).expect("revoked"))
        };
        cuts.iter().fold(None, add).expect("a revocation")
    }

    #[test]
    fn counts_for_tokens_made_before_and_from_its_time_on() {
        let revocation = after(&[(100, 100, 150)]);
        assert!(revocation.counts_for(at(100), at(150)) && revocation.counts_for(at(1), at(5_000)));
        assert!(!revocation.counts_for(at(100), at(149)) && !revocation.counts_for(at(101), at(5_000)));
    }

    #[test]
    fn a_later_one_that_is_still_to_come_takes_nothing_back() {
        let revocation = after(&[(100, 100, 100), (200, 200, 300)]);
        assert!(revocation.counts_for(at(100), at(201)) && !revocation.counts_for(at(150), at(201)));
        assert!(revocation.counts_for(at(150), at(300)));
        assert_eq!((revocation.cuts.len(), revocation.rev), (2, 2));
    }

    #[test]
    fn what_is_in_effect_is_one_and_what_is_to_come_is_bounded() {
        let many: Vec<_> = (1..=50).map(|n| (n, n, n)).collect();
        assert_eq!(after(&many).cuts.len(), 1);
        let pending: Vec<_> = (1..=10).map(|n| (n, n, 1_000 + n)).collect();
        let full = after(&pending);
        let cut = |from| Cut { issued_until: at(11), from: at(from) };
        let more = |from| Revocation::with(Some(&full), cut(from), at(9_999), at(11));
        assert_eq!(more(1_011).map_err(|problem| problem.status()), Err(400));
        assert_eq!(more(11).map(|made| made.cuts.len()).ok(), Some(1), "one in effect at once includes all of them");
    }
}
