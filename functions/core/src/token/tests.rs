use super::*;

const DAY: Duration = Duration::from_hours(24);
const ROOT: &str = "0123456789abcdef0123456789abcdef";

fn ring(root: &str) -> Keyring {
    Keyring::parse(&format!(r#"{{"current":"k1","k1":"{root}"}}"#)).expect("keyring")
}

fn now() -> Time {
    Time::from_secs(1_800_000_000)
}

fn callers() -> [Caller; 3] {
    let org: OrgId = "org_a".parse().expect("org");
    let app = "app_2tAbcdefghijklmnopqrstuvwxy".parse().expect("app");
    let portal = Caller {
        scopes: Scopes::read("read secrets.read"),
        flags: vec!["beta".to_owned()],
        session: Some("s1".to_owned()),
        portal: true,
        ..Caller::application(org.clone(), app)
    };
    [Caller::organization(org.clone()), Caller::application(org, app), portal]
}

#[test]
fn a_minted_token_says_what_its_bearer_may_do_until_it_expires() {
    let (ring, id) = (ring(ROOT), Ksuid::new(now(), [7; 15]));
    for caller in callers() {
        let token = mint(&ring, &caller, id, DAY).expect("mints");
        let seen = verify(&ring, "k1", &token, now()).expect("a caller");
        let credential = seen.token.clone().expect("a credential");
        assert_eq!(seen, Caller { token: Some(credential.clone()), ..caller });
        assert_eq!(credential.id, TokenId::from_ksuid(id).to_string());
        assert_eq!((credential.issued_at, credential.expires_at), (now(), now().plus(DAY)));
        let later = now().plus(DAY + Duration::from_mins(2));
        assert_eq!(verify(&ring, "k1", &token, later).map_err(|p| p.status()), Err(401));
    }
}

#[test]
fn no_token_is_good_for_longer_than_ten_years() {
    let (ring, [caller, ..]) = (ring(ROOT), callers());
    let token = mint(&ring, &caller, Ksuid::new(now(), [7; 15]), LONGEST_LIFETIME * 2).expect("mints");
    let later = now().plus(LONGEST_LIFETIME + LEEWAY * 2);
    assert_eq!(verify(&ring, "k1", &token, later).map_err(|p| p.status()), Err(401));
}

/// As tokens were made before they had names and scopes.
#[test]
fn a_token_without_a_name_is_named_by_what_was_signed_and_has_all_rights() {
    let ring = ring(ROOT);
    let key = ring.derive("k1", PURPOSE).expect("a key");
    let claims = serde_json::json!({"iss": ISSUER, "sub": "org_a", "iat": now().secs(), "exp": now().plus(DAY).secs()});
    let header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::HS256) };
    let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&key)).expect("a token");
    let caller = verify(&ring, "k1", &token, now()).expect("a caller");
    assert_eq!(caller.scopes, Scopes::ALL);
    let id = caller.token.expect("a credential").id;
    assert!(id.len() == 32 && id == hash(&token), "{id}");
}

#[test]
fn other_keys_and_other_algorithms_are_refused() {
    let [caller, ..] = callers();
    let token = mint(&ring(ROOT), &caller, Ksuid::new(now(), [7; 15]), DAY).expect("mints");
    let other = ring("another-root-another-root-another");
    assert_eq!(verify(&other, "k1", &token, now()).map_err(|p| p.status()), Err(401));
    // {"alg":"none","kid":"k1"} with the same claims and no signature.
    let payload = token.split('.').nth(1).expect("three parts");
    let none = format!("eyJhbGciOiJub25lIiwia2lkIjoiazEifQ.{payload}.");
    assert_eq!(verify(&ring(ROOT), "k1", &none, now()).map_err(|p| p.status()), Err(401));
}

#[test]
fn a_missing_scope_is_named() {
    let [organization, _, portal] = callers();
    assert!(organization.must_have(Scope::Publish).is_ok() && portal.must_have(Scope::Read).is_ok());
    let problem = portal.must_have(Scope::Manage).expect_err("refused");
    assert!(problem.status() == 403 && problem.body().contains("scope manage"), "{}", problem.body());
}
