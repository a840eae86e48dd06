//! `Idempotency-Key` for the calls that create something, other than publishing (which keeps the same promise itself).
//!
//! Actors: a caller that repeats itself, perhaps while the first request still runs, and a function that may die at
//! any `.await`. A claim is written first. It names the id of what the request creates, so whoever resumes an
//! abandoned request finds what was created already. Afterwards the claim holds the answer, for a day.
//!
//! - Dead before the answer is stored: the lease runs out, the next request resumes with the same id.
//! - Refused (4xx): nothing was made; the key is free again, for a mended request too.
//! - A service was unavailable: the outcome is unknown, so the claim stays, without its lease: the next request of the
//!   same content resumes at once.

use std::future::Future;

use http::HeaderMap;
use postrider_core::{
    claim::{self, Claim, ClaimKey, KEY_LIFETIME, LEASE},
    ids::Ksuid,
    ports::{Ambient, Claims, chain},
    problem::Problem,
    time::Time,
    token::Caller,
};

use crate::Answer;

/// The `Idempotency-Key` header, if there is one.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut all = headers.get_all("idempotency-key").iter();
    let Some(first) = all.next() else { return Ok(None) };
    let text = first.to_str().ok().filter(|_| all.next().is_none());
    let text = text.ok_or_else(|| {
        Problem::refused(400, "invalid_idempotency_key", "Idempotency-Key: send it once, in printable ASCII")
    })?;
    claim::read_key(text).map(Some)
}

/// A request and its key.
#[derive(Debug, Clone)]
pub struct Keyed {
    /// What is claimed.
    pub key: ClaimKey,
    /// Of the whole request.
    pub fingerprint: String,
}

impl Keyed {
    /// The key counts for the organization (or, with an application's token, for that alone: its customer must not find
    /// the answers of others) and the path; method, path, query and body make the request.
    pub fn new(caller: &Caller, key: &str, method: &str, path: &str, query: &str, body: &[u8]) -> Self {
        let parts = [method.as_bytes(), path.as_bytes(), query.as_bytes(), body];
        let place = caller.app.map_or_else(|| path.to_owned(), |app| format!("{app} {path}"));
        Self { key: ClaimKey::idempotency(&caller.org, &place, key), fingerprint: claim::fingerprint(&parts) }
    }
}

/// Runs a request once in effect, and gives the same answer to the same request. `run` gets the id of what it creates.
pub async fn once<C, A, F>(
    claims: &C,
    ambient: &A,
    keyed: Option<&Keyed>,
    run: impl FnOnce(Ksuid) -> F,
) -> Result<Answer, Problem>
where
    C: Claims,
    A: Ambient,
    F: Future<Output = Result<Answer, Problem>>,
{
    let Some(keyed) = keyed else { return run(ambient.ksuid()).await };
    let mine = match claimed(claims, keyed, ambient.ksuid(), ambient.now()).await? {
        Claimed::Answered(answer) => return Ok(answer),
        Claimed::Mine(mine) => mine,
    };
    let result = run(mine.id).await;
    let now = ambient.now();
    let next = match &result {
        Ok(answer) => Claim { answer: Some(answer.clone()), ..mine.clone() },
        Err(Problem::Unavailable(_)) => Claim { lease: now, ..mine.clone() },
        Err(_) => Claim { lease: now, expires_at: now, ..mine.clone() },
    };
    // The outcome stands even if this fails: then the lease runs out, and a repeated request resumes.
    if let Err(error) = claims.claim(&keyed.key, &next, Some(&mine), now).await {
        tracing::warn!(error = chain(&error), "the end of a request could not be noted under its idempotency key");
    }
    result
}

enum Claimed {
    Mine(Claim),
    Answered(Answer),
}

async fn claimed<C: Claims>(claims: &C, keyed: &Keyed, id: Ksuid, now: Time) -> Result<Claimed, Problem> {
    let fingerprint = keyed.fingerprint.clone();
    let mine = Claim { id, fingerprint, lease: now.plus(LEASE), expires_at: now.plus(KEY_LIFETIME), answer: None };
    let Some(standing) = claims.claim(&keyed.key, &mine, None, now).await? else {
        return Ok(Claimed::Mine(mine));
    };
    if standing.fingerprint != keyed.fingerprint {
        return Err(claim::reused());
    }
    if let Some(answer) = standing.answer {
        return Ok(Claimed::Answered(answer));
    }
    if standing.lease > now {
        return Err(claim::in_flight());
    }
    // Abandoned: what it has made, or will make, has its id.
    let resumed = Claim { id: standing.id, expires_at: standing.expires_at, ..mine };
    match claims.claim(&keyed.key, &resumed, Some(&standing), now).await? {
        None => Ok(Claimed::Mine(resumed)),
        Some(_) => Err(claim::in_flight()),
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, time::Duration};

    use postrider_core::{
        memory::{Bench, Memory},
        ports::Unavailable,
    };

    use super::*;

    fn keyed(body: &str) -> Keyed {
        let caller = Caller::organization("org_a".parse().expect("org"));
        Keyed::new(&caller, "key", "POST", "/api/v1/app", "", body.as_bytes())
    }

    fn answer(body: &str) -> Answer {
        Answer { status: 201, body: body.to_owned() }
    }

    fn parts() -> (Memory, Bench) {
        (Memory::default(), Bench::at(Time::from_secs(1_800_000_000)))
    }

    #[tokio::test]
    async fn the_same_request_runs_once_and_another_with_the_key_not_at_all() {
        let (memory, bench) = parts();
        let runs = Cell::new(0);
        let run = |_| async {
            runs.set(runs.get() + 1);
            Ok(answer("made"))
        };
        for _ in 0..3 {
            assert_eq!(once(&memory, &bench, Some(&keyed("a")), run).await.ok(), Some(answer("made")));
        }
        assert_eq!(once(&memory, &bench, Some(&keyed("b")), run).await.map_err(|p| p.status()), Err(422));
        bench.pass(KEY_LIFETIME);
        assert!(once(&memory, &bench, Some(&keyed("b")), run).await.is_ok());
        assert_eq!(runs.get(), 2);
    }

    #[tokio::test]
    async fn while_it_runs_a_second_is_sent_away_and_after_a_crash_the_next_makes_the_same() {
        let (memory, bench) = parts();
        let first = Cell::new(None);
        let request = keyed("a");
        let crash = once(&memory, &bench, Some(&request), |id| {
            first.set(Some(id));
            std::future::pending()
        });
        let dead = tokio::time::timeout(Duration::from_millis(5), crash).await;
        assert!(dead.is_err());
        let again = |id: Ksuid| async move { Ok(answer(&id.to_string())) };
        assert_eq!(once(&memory, &bench, Some(&keyed("a")), again).await.map_err(|p| p.status()), Err(409));
        bench.pass(LEASE);
        let resumed = once(&memory, &bench, Some(&keyed("a")), again).await.expect("answer");
        assert_eq!(Some(resumed.body), first.get().map(|id| id.to_string()));
    }

    #[tokio::test]
    async fn a_refusal_frees_the_key_and_an_unknown_outcome_keeps_its_id() {
        let (memory, bench) = parts();
        let refuse = |_| async { Err(Problem::conflict("taken")) };
        assert_eq!(once(&memory, &bench, Some(&keyed("a")), refuse).await.map_err(|p| p.status()), Err(409));
        let ids = Cell::new(Vec::new());
        let lose = |id| {
            ids.set([ids.take(), vec![id]].concat());
            async { Err(Unavailable::new("writing", "lost").into()) }
        };
        assert_eq!(once(&memory, &bench, Some(&keyed("b")), lose).await.map_err(|p| p.status()), Err(503));
        assert_eq!(once(&memory, &bench, Some(&keyed("b")), lose).await.map_err(|p| p.status()), Err(503));
        let ids = ids.take();
        assert_eq!((ids.len(), ids[0]), (2, ids[1]));
    }

    #[test]
    fn the_header_is_read_once_or_not_at_all() {
        let mut headers = HeaderMap::new();
        assert!(idempotency_key(&headers).is_ok_and(|key| key.is_none()));
        headers.append("idempotency-key", http::HeaderValue::from_static("\"a\""));
        assert!(idempotency_key(&headers).is_ok_and(|key| key.as_deref() == Some("a")));
        headers.append("idempotency-key", http::HeaderValue::from_static("b"));
        assert!(idempotency_key(&headers).is_err());
    }

    #[test]
    fn an_applications_token_does_not_find_the_answers_of_the_organization() {
        let org = Caller::organization("org_a".parse().expect("org"));
        let app = Caller { app: Some("app_2tAbcdefghijklmnopqrstuvwxy".parse().expect("app")), ..org.clone() };
        let key = |caller| Keyed::new(caller, "k", "POST", "/api/v1/app", "", b"{}").key;
        assert_ne!(key(&org), key(&app));
    }
}
