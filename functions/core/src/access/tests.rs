use std::time::Duration;

use super::*;
use crate::{
    ids::{AppId, Id as _},
    keyring::Keyring,
    memory::{Bench, Memory, Offline},
    ports::{Ambient as _, Directory as _},
    problem::from_json,
    time::Time,
    token::{Scope, Scopes},
};

struct World {
    memory: Memory,
    ring: Keyring,
    bench: Bench,
    door: Door<Offline>,
    caller: Caller,
}

impl World {
    fn new() -> Self {
        let ring = Keyring::parse(r#"{"current":"k1","k1":"0123456789abcdef0123456789abcdef"}"#);
        Self {
            memory: Memory::default(),
            ring: ring.expect("keyring"),
            bench: Bench::at(Time::from_secs(1_800_000_000)),
            door: Door::new(None),
            caller: Caller::organization("org_a".parse().expect("org")),
        }
    }

    fn access(&self) -> Access<'_, Memory, Memory, Keyring, Offline> {
        Access {
            directory: &self.memory,
            revocations: &self.memory,
            keys: &self.ring,
            door: &self.door,
            portal_url: "https://portal.example/login",
        }
    }

    /// Of an instant of its own.
    fn id(&self) -> Ksuid {
        self.bench.pass(Duration::from_millis(4));
        self.bench.ksuid()
    }

    async fn portal(&self, body: &str) -> Result<String, Problem> {
        let body = from_json(body.as_bytes())?;
        let access = self.access().portal(&self.caller, self.id(), "acme", &body).await?;
        assert_eq!(access.url, format!("https://portal.example/login#token={}", access.token));
        Ok(access.token)
    }

    async fn token(&self, body: &str) -> Result<TokenOut, Problem> {
        self.access().create_token(&self.caller, self.id(), &from_json(body.as_bytes())?).await
    }

    async fn expire(&self, body: &str) -> Result<(), Problem> {
        let now = self.bench.now();
        self.access().expire_all(&self.caller, "acme", &from_json(body.as_bytes())?, now).await
    }

    async fn revoke(&self, body: &str) -> Result<(), Problem> {
        let now = self.bench.now();
        self.access().revoke_token(&self.caller, &from_json(body.as_bytes())?, now).await
    }

    async fn admit(&self, token: &str) -> Result<Caller, u16> {
        self.admit_at(&self.door, token).await
    }

    async fn admit_at(&self, door: &Door<Offline>, token: &str) -> Result<Caller, u16> {
        let caller = door.admit(&self.ring, &self.memory, token, self.bench.now()).await;
        caller.map_err(|problem| problem.status())
    }
}

const NEW: &str = r#"{"application":{"name":"Acme","uid":"acme"}}"#;

fn status<T>(result: Result<T, Problem>) -> u16 {
    result.map_or_else(|problem| problem.status(), |_| 200)
}

#[tokio::test]
async fn a_portals_token_is_for_one_application_and_a_week() {
    let world = World::new();
    let token = world.portal(NEW).await.expect("a token");
    let caller = world.admit(&token).await.expect("a caller");
    assert!(
        caller.portal && caller.app.is_some() && caller.scopes == [Scope::Manage, Scope::Read].into_iter().collect()
    );
    world.bench.pass(Duration::from_hours(7 * 24) + Duration::from_mins(2));
    assert_eq!(world.admit(&token).await.map(drop), Err(401));
}

#[tokio::test]
async fn a_portal_lets_do_what_was_asked_for() {
    let world = World::new();
    world.portal(NEW).await.expect("a token");
    for (body, scopes) in [
        (r#"{"readOnly":true,"capabilities":["ManageEndpoint"]}"#, "read"),
        (r#"{"capabilities":[]}"#, "read"),
        (r#"{"capabilities":["ViewBase","ManageTransformations"]}"#, "read"),
        (r#"{"capabilities":["ViewEndpointSecret","CreateAttempts"]}"#, "read secrets.read attempts.create"),
        (r#"{"capabilities":["ManageEndpointSecret"]}"#, "read secrets.read secrets.rotate"),
        (r#"{"capabilities":["ManageEndpoint"],"readOnly":false}"#, "manage read"),
    ] {
        let caller = world.admit(&world.portal(body).await.expect("a token")).await.expect("a caller");
        assert_eq!(caller.scopes, Scopes::read(scopes), "{body}");
    }
    let body = r#"{"featureFlags":["b","a","b"],"sessionId":"s 1","expiry":3600}"#;
    let token = world.portal(body).await.expect("a token");
    let caller = world.admit(&token).await.expect("a caller");
    assert_eq!((caller.flags, caller.session.as_deref()), (vec!["a".to_owned(), "b".to_owned()], Some("s 1")));
    world.bench.pass(Duration::from_secs(3_700));
    assert_eq!(world.admit(&token).await.map(drop), Err(401));
}

#[tokio::test]
async fn a_revoked_token_makes_no_other_even_where_it_is_still_let_in() {
    let world = World::new();
    world.portal(NEW).await.expect("a token");
    let made = world.token(r#"{"expiry":3600}"#).await.expect("a token");
    // Another process, which has let it in and does not know better for a while.
    let door = Door::new(None);
    let caller = world.admit_at(&door, &made.token).await.expect("a caller");
    world.revoke(&format!(r#"{{"id":"{}"}}"#, made.id)).await.expect("revoked");
    assert!(world.admit_at(&door, &made.token).await.is_ok(), "it knows already");
    let access = Access { door: &door, ..world.access() };
    let body = from_json(b"{}").expect("a body");
    assert_eq!(status(access.create_token(&caller, world.id(), &body).await), 401);
    let caller = world.admit_at(&door, &made.token).await;
    assert_eq!(caller.map(drop), Err(401), "it was read again");
}

#[tokio::test]
async fn a_missing_application_is_made_only_as_the_path_names_it() {
    let world = World::new();
    assert_eq!(status(world.portal("{}").await), 404);
    for (body, about) in [
        (r#"{"application":{"name":"Acme"}}"#, "application_uid_missing"),
        (r#"{"application":{"name":"Acme","uid":"other"}}"#, "application_uid_mismatch"),
        (r#"{"application":{"name":"","uid":"acme"}}"#, r#"["body","application","name"]"#),
        (r#"{"featureFlags":["no flag"]}"#, r#"["body","featureFlags"]"#),
        (r#"{"expiry":3599}"#, r#"["body","expiry"]"#),
        (r#"{"expiry":604801}"#, r#"["body","expiry"]"#),
        (r#"{"sessionId":""}"#, r#"["body","sessionId"]"#),
        (r#"{"capabilities":["Everything"]}"#, r#"["body","capabilities[0]"]"#),
    ] {
        let problem = world.portal(body).await.expect_err("refused");
        assert!(problem.status() == 422 && problem.body().contains(about), "{body}: {}", problem.body());
    }
    let first = world.admit(&world.portal(NEW).await.expect("a token")).await.expect("a caller");
    let other = r#"{"application":{"name":"Ignored","uid":"other"}}"#;
    let again = world.admit(&world.portal(other).await.expect("a token")).await.expect("a caller");
    assert_eq!(first.app, again.app);
    let app = world.memory.application(first.app.expect("an application")).await.expect("read").expect("there");
    assert_eq!(app.name, "Acme");
}

#[tokio::test]
async fn no_token_makes_one_that_lets_do_more() {
    let mut world = World::new();
    let all = world.token("{}").await.expect("a token");
    assert_eq!(world.admit(&all.token).await.map(|caller| caller.scopes), Ok(Scopes::ALL));
    assert_eq!(
        world.admit(&all.token).await.ok().and_then(|caller| caller.token).map(|t| t.id),
        Some(all.id.to_string())
    );
    world.caller.scopes = Scopes::read("manage");
    assert_eq!(status(world.token(r#"{"scopes":["publish"]}"#).await), 403);
    let own = world.token("{}").await.expect("a token");
    assert_eq!(own.scopes, ["manage"]);
    let reader = world.token(r#"{"scopes":["read"],"expiry":60}"#).await.expect("a token");
    assert_eq!(world.admit(&reader.token).await.map(|caller| caller.scopes), Ok(Scopes::read("read")));
    for body in [r#"{"scopes":["write"]}"#, r#"{"scopes":[]}"#, r#"{"expiry":59}"#, r#"{"expiry":31536001}"#] {
        assert_eq!(status(world.token(body).await), 422, "{body}");
    }
    assert_eq!(status(world.token(r#"{"application":"none"}"#).await), 404);
    world.caller.app = Some(AppId::from_ksuid(world.id()));
    assert_eq!(status(world.token("{}").await), 403);
    assert_eq!(status(world.portal("{}").await), 403);
    assert_eq!(status(world.expire("{}").await), 403);
    assert_eq!(status(world.revoke("{}").await), 403);
}

#[tokio::test]
async fn a_revoked_token_counts_no_more_here_at_once_and_elsewhere_soon() {
    let world = World::new();
    let (one, two) = (world.token("{}").await.expect("a token"), world.token("{}").await.expect("a token"));
    let elsewhere = Door::new(None);
    assert!(world.admit(&one.token).await.is_ok() && world.admit_at(&elsewhere, &one.token).await.is_ok());
    world.revoke(&format!(r#"{{"id":"{}"}}"#, one.id)).await.expect("revoked");
    assert_eq!(world.admit(&one.token).await.map(drop), Err(401));
    assert!(world.admit_at(&elsewhere, &one.token).await.is_ok());
    world.bench.pass(REVOCATION_DELAY);
    assert_eq!(world.admit_at(&elsewhere, &one.token).await.map(drop), Err(401));
    assert!(world.admit(&two.token).await.is_ok());
    world.revoke(&format!(r#"{{"token":"{}"}}"#, two.token)).await.expect("revoked");
    assert_eq!(world.admit(&two.token).await.map(drop), Err(401));
    for body in [r#"{"id":"nonsense"}"#, "{}", r#"{"id":"tok_2tAbcdefghijklmnopqrstuvwxy","token":"x"}"#] {
        assert_eq!(status(world.revoke(body).await), 422, "{body}");
    }
}

#[tokio::test]
async fn another_organizations_token_is_not_found() {
    let mut world = World::new();
    let token = world.token("{}").await.expect("a token");
    world.caller = Caller::organization("org_b".parse().expect("org"));
    assert_eq!(status(world.revoke(&format!(r#"{{"token":"{}"}}"#, token.token)).await), 404);
    assert_eq!(status(world.revoke(r#"{"token":"nonsense"}"#).await), 404);
    // By its name alone, nobody can tell: it is revoked in the own organization, where it does not exist.
    world.revoke(&format!(r#"{{"id":"{}"}}"#, token.id)).await.expect("revoked");
    assert!(world.admit_at(&Door::new(None), &token.token).await.is_ok());
}

#[tokio::test]
async fn logging_out_ends_just_the_token_that_was_shown() {
    let world = World::new();
    let (mine, other) = (world.portal(NEW).await.expect("a token"), world.portal("{}").await.expect("a token"));
    let caller = world.admit(&mine).await.expect("a caller");
    world.access().log_out(&caller, world.bench.now()).await.expect("logged out");
    assert_eq!(world.admit(&mine).await.map(drop), Err(401));
    assert!(world.admit(&other).await.is_ok());
}

#[tokio::test]
async fn an_applications_tokens_end_together_and_new_ones_do_not() {
    let world = World::new();
    let session = |id: &str| format!(r#"{{"sessionId":"{id}"}}"#);
    world.portal(NEW).await.expect("an application");
    let before =
        [world.portal(&session("s1")).await.expect("a token"), world.portal(&session("s2")).await.expect("a token")];
    world.expire(r#"{"sessionIds":["s1"]}"#).await.expect("expired");
    assert_eq!(world.admit(&before[0]).await.map(drop), Err(401));
    assert!(world.admit(&before[1]).await.is_ok());
    world.expire(r#"{"expiry":600}"#).await.expect("expired");
    let after = world.portal(&session("s1")).await.expect("a token");
    world.bench.pass(Duration::from_secs(599));
    assert!(world.admit(&before[1]).await.is_ok());
    world.bench.pass(Duration::from_secs(1));
    assert_eq!(world.admit(&before[1]).await.map(drop), Err(401));
    assert!(world.admit(&after).await.is_ok());
    assert!(world.token("{}").await.is_ok_and(|token| token.scopes.len() == Scope::ALL.len()));
    for body in [r#"{"expiry":-1}"#, r#"{"expiry":604801}"#, r#"{"sessionIds":[""]}"#] {
        assert_eq!(status(world.expire(body).await), 422, "{body}");
    }
}
