use std::collections::VecDeque;

use futures::future::join_all;

use super::*;
use crate::{
    compose::tests::endpoint as an_endpoint,
    ids::{Id as _, Ksuid},
    manner::Manner,
    outbound::{Answer, Exchange, Outbound},
};

const NOW: Time = Time::from_secs(1_800_000_000);
const LIMIT: Duration = Duration::from_secs(5);

/// Answers what it is told, one after the other, and remembers what it was asked.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Result<Answer, Fault>>>,
    asked: Mutex<Vec<Outbound>>,
}

impl Script {
    fn of(answers: impl IntoIterator<Item = (u16, &'static str)>) -> Self {
        let answer = |(status, body): (u16, &str)| Ok(Answer { status, body: body.to_owned(), headers: Vec::new() });
        Self { answers: Mutex::new(answers.into_iter().map(answer).collect()), asked: Mutex::default() }
    }

    fn asked(&self) -> usize {
        self.asked.lock().expect("lock").len()
    }
}

impl Sender for Script {
    async fn send(&self, request: Outbound) -> Exchange {
        self.asked.lock().expect("lock").push(request);
        tokio::task::yield_now().await;
        let result = self.answers.lock().expect("lock").pop_front().expect("an answer is left");
        Exchange { duration: Duration::ZERO, result }
    }
}

fn ring() -> Keyring {
    Keyring::parse(r#"{"current":"k1","k1":"0123456789abcdef0123456789abcdef"}"#).expect("keyring")
}

/// An endpoint whose authorization is made with sealed secrets.
fn endpoint(auth: impl FnOnce(&dyn Fn(&str) -> crate::keyring::Sealed) -> Auth) -> Endpoint {
    let mut endpoint = an_endpoint(Manner::default());
    endpoint.delivery.auth = auth(&|text| ring().seal_text(text, endpoint.id, [5; 12]).expect("seals"));
    endpoint
}

fn oauth(scope: Option<&str>) -> Endpoint {
    endpoint(|seal| Auth::OAuth2 {
        token_url: "https://id.example.com/token".to_owned(),
        client_id: "a client".to_owned(),
        client_secret: seal("s:cr%t+"),
        scope: scope.map(str::to_owned),
    })
}

/// A process that sends.
struct World {
    tokens: Tokens,
    script: Script,
}

impl World {
    fn new(answers: impl IntoIterator<Item = (u16, &'static str)>) -> Self {
        Self { tokens: Tokens::new("Postrider/1".to_owned()), script: Script::of(answers) }
    }

    async fn at(&self, endpoint: &Endpoint, now: Time) -> Result<Header, Unauthorized> {
        let ring = ring();
        let header = sendable(self.tokens.header(endpoint, &ring, &self.script, now, LIMIT)).await;
        header.map(|header| header.expect("a header"))
    }
}

fn token(token: &str) -> Header {
    authorization(&format!("Bearer {token}"))
}

/// What a function that runs on several threads needs.
fn sendable<T: Send>(future: T) -> T {
    future
}

#[tokio::test]
async fn what_needs_no_token_is_said_at_once() {
    let world = World::new([]);
    let none = endpoint(|_| Auth::None);
    assert_eq!(world.tokens.header(&none, &ring(), &world.script, NOW, LIMIT).await, Ok(None));
    let basic = endpoint(|seal| Auth::Basic { username: "Aladdin".to_owned(), password: seal("open sesame") });
    assert_eq!(world.at(&basic, NOW).await, Ok(authorization("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")));
    assert_eq!(world.at(&endpoint(|seal| Auth::Bearer { token: seal("t") }), NOW).await, Ok(token("t")));
    let header = endpoint(|seal| Auth::Header { name: "X-Api-Key".to_owned(), value: seal("k") });
    assert_eq!(world.at(&header, NOW).await, Ok(("X-Api-Key".to_owned(), "k".to_owned())));
}

#[tokio::test]
async fn a_secret_that_was_sealed_for_another_endpoint_does_not_open() {
    let mut endpoint = endpoint(|seal| Auth::Bearer { token: seal("t") });
    endpoint.id = EndpointId::from_ksuid(Ksuid::from_bytes([9; 20]));
    let refused = World::new([]).at(&endpoint, NOW).await.expect_err("refused");
    assert_eq!((refused.class(), refused), (FaultClass::Authorization, Unauthorized::Sealed(KeyError::Broken)));
}

#[tokio::test]
async fn a_token_is_asked_for_as_the_specification_says() {
    let world = World::new([(200, r#"{"access_token":"t1","token_type":"bearer","expires_in":3600}"#)]);
    assert_eq!(world.at(&oauth(Some("a b&c")), NOW).await, Ok(token("t1")));
    let asked = world.script.asked.lock().expect("lock").remove(0);
    assert_eq!((asked.url.as_str(), asked.timeout), ("https://id.example.com/token", LIMIT));
    assert_eq!(&*asked.body, b"grant_type=client_credentials&scope=a+b%26c");
    // a+client:s%3Acr%25t%2B
    assert!(asked.headers.contains(&authorization("Basic YStjbGllbnQ6cyUzQWNyJTI1dCUyQg==")), "{:?}", asked.headers);
    let form = ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned());
    assert!(asked.headers.contains(&form));
}

#[tokio::test]
async fn a_token_is_used_until_a_minute_before_its_end() {
    let cases = [
        (r#"{"access_token":"t","expires_in":600}"#, 540),
        (r#"{"access_token":"t","expires_in":"600"}"#, 540),
        (r#"{"access_token":"t"}"#, 240),
        (r#"{"access_token":"t","expires_in":864000}"#, 3_540),
        (r#"{"access_token":"t","expires_in":30}"#, 0),
    ];
    for (body, secs) in cases {
        let world = World::new([(200, body), (201, r#"{"access_token":"t2"}"#)]);
        let endpoint = oauth(None);
        assert_eq!(world.at(&endpoint, NOW).await, Ok(token("t")));
        if secs > 0 {
            assert_eq!(world.at(&endpoint, NOW.plus(Duration::from_secs(secs - 1))).await, Ok(token("t")));
        }
        assert_eq!(world.at(&endpoint, NOW.plus(Duration::from_secs(secs))).await, Ok(token("t2")), "{body}");
    }
}

#[tokio::test]
async fn another_configuration_asks_anew_and_a_change_of_anything_else_does_not() {
    let world = World::new([(200, r#"{"access_token":"t1"}"#), (200, r#"{"access_token":"t2"}"#)]);
    let before = oauth(None);
    assert_eq!(world.at(&before, NOW).await, Ok(token("t1")));
    assert_eq!(world.at(&Endpoint { rev: 2, ..before }, NOW).await, Ok(token("t1")));
    assert_eq!(world.at(&oauth(Some("more")), NOW).await, Ok(token("t2")));
}

#[tokio::test]
async fn a_token_that_was_refused_is_forgotten_and_a_newer_one_is_not() {
    let world = World::new([(200, r#"{"access_token":"t1"}"#), (200, r#"{"access_token":"t2"}"#)]);
    let endpoint = oauth(None);
    let used = world.at(&endpoint, NOW).await.expect("a token");
    world.tokens.forget(endpoint.id, &used);
    assert_eq!(world.at(&endpoint, NOW).await, Ok(token("t2")));
    world.tokens.forget(endpoint.id, &used);
    assert_eq!(world.at(&endpoint, NOW).await, Ok(token("t2")));
}

#[tokio::test]
async fn those_who_need_a_token_at_once_ask_once_and_share_a_failure_too() {
    let endpoint = oauth(None);
    for (answer, expected) in [
        ((200, r#"{"access_token":"t"}"#), Ok(token("t"))),
        ((503, "busy"), Err(Unauthorized::Refused { status: 503, said: String::new() })),
    ] {
        let world = World::new([answer, (200, r#"{"access_token":"later"}"#)]);
        let all = join_all((0..10).map(|_| world.at(&endpoint, NOW))).await;
        assert!(all.iter().all(|one| *one == expected), "{all:?}");
        assert_eq!(world.script.asked(), 1);
        let next = world.at(&endpoint, NOW).await;
        assert_eq!(next, Ok(token(if expected.is_ok() { "t" } else { "later" })), "a failure is not remembered");
    }
}

#[tokio::test]
async fn a_token_endpoint_that_fails_is_quoted_and_never_with_the_secret() {
    let cases = [
        ((401, r#"{"error":"invalid_client","error_description":"who?"}"#), "answered 401: invalid_client (who?)"),
        ((400, r#"{"error":"invalid_scope"}"#), "answered 400: invalid_scope"),
        ((400, r#"{"error":"no s:cr%t+"}"#), "answered 400"),
        ((400, r#"{"error":"no s%3Acr%25t%2B"}"#), "answered 400"),
        ((302, "<html>"), "answered 302"),
        ((200, "<html>"), "answered without a JSON object that holds a token"),
        ((200, r#"{"access_token":"t","token_type":"mac"}"#), "answered with a token that is not a bearer token"),
        ((200, "{\"access_token\":\"a\\r\\nb\"}"), "answered with a token that cannot be sent in a header"),
    ];
    for (answer, words) in cases {
        let refused = World::new([answer]).at(&oauth(None), NOW).await.expect_err("refused");
        assert_eq!(refused.to_string(), format!("the token endpoint {words}"));
    }
    let world = World::new([]);
    world.script.answers.lock().expect("lock").push_back(Err(Fault::Blocked));
    assert_eq!(world.at(&oauth(None), NOW).await, Err(Unauthorized::Fault(Fault::Blocked)));
}
