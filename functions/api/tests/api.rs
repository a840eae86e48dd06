//! The API over ports in memory: routes, rights, errors, repeated requests. What AWS adds is tested end to end.

use std::{pin::Pin, time::Duration};

use axum::{body::to_bytes, response::Response};
use lambda_http::{Body, Service as _};
use postrider_api::{Api, Parts};
use postrider_core::{
    access::Door,
    compose, diagnose,
    ids::{AppId, Ksuid},
    keyring::Keyring,
    memory::{Bench, Memory, Offline},
    outbound::{Answer, Exchange, Outbound, Sender},
    probe::{self, Address, Probe, Prober, Timed},
    time::Time,
    token::{self, Caller, Scopes},
};
use serde_json::Value;

const NOW: Time = Time::from_secs(1_800_000_000);

struct InMemory;

impl Parts for InMemory {
    type Directory = Memory;
    type Record = Memory;
    type Keys = Keyring;
    type Ambient = Bench;
    type Sender = Consenting;
    type Queues = Memory;
    type Fetcher = Offline;
}

/// Every receiver consents, at two requests per second.
struct Consenting;

impl Sender for Consenting {
    async fn send(&self, _: Outbound) -> Exchange {
        let headers = [("webhook-allowed-origin", "*"), ("webhook-allowed-rate", "120")];
        let headers = headers.map(|(name, value)| (name, value.to_owned())).to_vec();
        Exchange { duration: Duration::ZERO, result: Ok(Answer { status: 200, body: String::new(), headers }) }
    }
}

/// Whoever is asked is well.
impl Prober for Consenting {
    async fn probe(&self, _: &str, _: Duration) -> Probe {
        let address = std::net::Ipv4Addr::LOCALHOST.into();
        let (took, connected) = (Duration::ZERO, Ok(std::net::SocketAddr::new(address, 443)));
        let resolved = Timed { took, result: Ok(vec![Address::Admitted(address)]) };
        Probe { resolved, connected: Some(Timed { took, result: connected }), tls: None }
    }

    async fn ask(&self, request: Outbound) -> probe::Seen {
        probe::Seen { exchange: self.send(request).await, headers: Vec::new() }
    }
}

type Answering = Pin<Box<dyn Future<Output = Response>>>;

/// Sends requests with a token of the organization `org_a`.
struct Client {
    send: Box<dyn Fn(http::Request<Body>) -> Answering>,
    token: String,
}

struct Seen {
    status: u16,
    headers: http::HeaderMap,
    text: String,
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

fn ring() -> Keyring {
    Keyring::parse(r#"{"current":"k1","k1":"0123456789abcdef0123456789abcdef"}"#).expect("keyring")
}

fn token(app: Option<AppId>) -> String {
    let caller = Caller { app, ..Caller::organization("org_a".parse().expect("org")) };
    minted(&caller, if app.is_some() { 100 } else { 0 })
}

/// The token of that number for a caller.
fn minted(caller: &Caller, number: u8) -> String {
    token::mint(&ring(), caller, Ksuid::new(NOW, [number; 15]), Duration::from_hours(1)).expect("token")
}

impl Client {
    fn new() -> Self {
        let (directory, record, keys, ambient) = (Memory::default(), Memory::default(), ring(), Bench::at(NOW));
        let (sender, queues, origin) = (Consenting, Memory::default(), "postrider".to_owned());
        let (door, portal_url) = (Door::new(None), "https://portal.example/".to_owned());
        let compose = compose::Settings {
            user_agent: "Postrider".to_owned(),
            event_type_header: "webhook-event-type".to_owned(),
            source: String::new(),
        };
        let attempt_timeout = Duration::from_secs(15);
        let api = Api::<InMemory> {
            directory,
            record,
            keys,
            ambient,
            sender,
            queues,
            plain_http: false,
            origin,
            url: "https://api.example".to_owned(),
            door,
            portal_url,
            delivering: diagnose::Settings { compose, api_url: String::new(), attempt_timeout },
        };
        let service = api.into_service();
        let send = move |request| {
            let mut service = service.clone();
            let answer: Answering =
                Box::pin(async move { service.call(request).await.unwrap_or_else(|never| match never {}) });
            answer
        };
        Self { send: Box::new(send), token: token(None) }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Seen {
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, body) = (self.send)(request.body(Body::from(body)).expect("request")).await.into_parts();
        let text = to_bytes(body, usize::MAX).await.expect("body");
        let text = String::from_utf8(text.to_vec()).expect("UTF-8");
        Seen { status: head.status.as_u16(), headers: head.headers, text }
    }

    async fn call(&self, method: &str, path: &str, body: &str) -> Seen {
        let path = format!("/api/v1{path}");
        self.send(method, &path, &[("authorization", &format!("Bearer {}", self.token))], body).await
    }

    async fn keyed(&self, path: &str, key: &str, body: &str) -> Seen {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", key)];
        self.send("POST", &format!("/api/v1{path}"), &headers, body).await
    }

    /// An application `app` with an endpoint `ep` and an event type `t`; gives the application's id.
    async fn furnish(&self) -> AppId {
        let app = self.call("POST", "/app", r#"{"name":"A","uid":"app"}"#).await;
        assert_eq!(app.status, 201, "{}", app.text);
        let made = self.call("POST", "/app/app/endpoint", r#"{"url":"https://example.com","uid":"ep"}"#).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let poller = self.call("POST", "/app/app/endpoint", r#"{"uid":"poller","delivery":{"type":"poller"}}"#).await;
        assert_eq!(poller.status, 201, "{}", poller.text);
        assert_eq!(self.call("POST", "/event-type", r#"{"name":"t","description":""}"#).await.status, 201);
        app.json()["id"].as_str().expect("id").parse().expect("an id")
    }
}

const SOURCE: &str = r#"{"name":"S","uid":"src","appId":"app","type":"github","config":{"secret":"s"}}"#;

/// Every operation, with a body that fits, and its status for the organization and for the application's own token.
const OPERATIONS: &[(&str, &str, &str, u16, u16)] = &[
    ("GET", "/app", "", 200, 403),
    ("POST", "/app", r#"{"name":"B"}"#, 201, 403),
    ("GET", "/app/app", "", 200, 200),
    ("PUT", "/app/app", r#"{"name":"B"}"#, 200, 403),
    ("PATCH", "/app/app", "{}", 200, 403),
    ("GET", "/app/app/endpoint", "", 200, 200),
    ("POST", "/app/app/endpoint", r#"{"url":"https://example.com"}"#, 201, 201),
    ("GET", "/app/app/endpoint/ep", "", 200, 200),
    ("PUT", "/app/app/endpoint/ep", r#"{"url":"https://example.com"}"#, 200, 200),
    ("PATCH", "/app/app/endpoint/ep", "{}", 200, 200),
    ("GET", "/app/app/endpoint/ep/headers", "", 200, 200),
    ("PUT", "/app/app/endpoint/ep/headers", r#"{"headers":{}}"#, 204, 204),
    ("PATCH", "/app/app/endpoint/ep/headers", r#"{"headers":{}}"#, 204, 204),
    ("GET", "/app/app/endpoint/ep/secret", "", 200, 200),
    ("POST", "/app/app/endpoint/ep/secret/rotate", "{}", 200, 200),
    ("GET", "/app/app/endpoint/ep/msg", "", 200, 200),
    ("GET", "/app/app/endpoint/ep/stats", "", 200, 200),
    // The application asks first, and its organization then too soon.
    ("POST", "/app/app/endpoint/ep/diagnose", "", 429, 200),
    ("POST", "/app/app/endpoint/ep/recover", r#"{"since":"2026-01-01T00:00:00Z"}"#, 202, 202),
    ("POST", "/app/app/endpoint/ep/send-example", r#"{"eventType":"svix.ping"}"#, 200, 403),
    ("GET", "/app/app/msg", "", 200, 200),
    ("GET", "/app/app/msg/none", "", 404, 404),
    ("GET", "/app/app/msg/none/endpoint", "", 404, 404),
    ("GET", "/app/app/msg/none/attempt/none", "", 404, 404),
    ("DELETE", "/app/app/msg/none/content", "", 404, 403),
    ("DELETE", "/app/app/msg/none/attempt/none/content", "", 404, 403),
    ("POST", "/app/app/msg/none/endpoint/ep/resend", "", 404, 404),
    ("GET", "/app/app/attempt/endpoint/ep", "", 200, 200),
    ("GET", "/app/app/attempt/msg/none", "", 404, 404),
    ("GET", "/event-type", "", 200, 200),
    ("POST", "/event-type", r#"{"name":"u","description":""}"#, 201, 403),
    ("GET", "/event-type/t", "", 200, 200),
    ("PUT", "/event-type/t", r#"{"description":""}"#, 200, 403),
    ("PATCH", "/event-type/t", "{}", 200, 403),
    ("DELETE", "/event-type/t", "", 204, 403),
    ("GET", "/app/app/poller/poller", "", 200, 200),
    ("GET", "/app/app/poller/poller/consumer/c?limit=1&wait=0", "", 200, 200),
    ("POST", "/app/app/poller/poller/consumer/c/seek", r#"{"after":"2026-01-01T00:00:00Z"}"#, 200, 200),
    ("POST", "/filter/test", r#"{"filter":{"a":[1]},"payload":{}}"#, 200, 200),
    ("POST", "/event-type/import/openapi", r#"{"spec":{"openapi":"3.1.0","webhooks":{"v":{"post":{}}}}}"#, 200, 403),
    ("GET", "/organization/settings", "", 200, 403),
    ("PUT", "/organization/settings", "{}", 200, 403),
    ("PATCH", "/organization/settings", "{}", 200, 403),
    ("GET", "/source", "", 200, 403),
    ("POST", "/source", SOURCE, 201, 403),
    ("GET", "/source/src", "", 200, 403),
    ("PUT", "/source/src", SOURCE, 200, 403),
    ("POST", "/source/src/rotate", r#"{"secret":"t"}"#, 204, 403),
    ("DELETE", "/source/src", "", 204, 403),
    ("POST", "/auth/app-portal-access/app", "{}", 200, 403),
    ("POST", "/auth/dashboard-access/app", "", 200, 403),
    ("POST", "/auth/app/app/expire-all", "{}", 204, 403),
    ("POST", "/auth/token", "{}", 201, 403),
    ("POST", "/auth/token/revoke", r#"{"id":"tok_2tAbcdefghijklmnopqrstuvwxy"}"#, 204, 403),
    ("GET", "/health", "", 200, 200),
    ("DELETE", "/app/app/endpoint/ep", "", 204, 204),
    ("DELETE", "/app/app", "", 204, 403),
    ("POST", "/auth/logout", "", 204, 204),
];

#[tokio::test]
async fn each_operation_is_for_whom_it_is_for() {
    let mut client = Client::new();
    let app = client.furnish().await;
    let organization = std::mem::replace(&mut client.token, token(Some(app)));
    for &(method, path, body, _, own) in OPERATIONS {
        let path = path
            .replace("/endpoint/ep", if own == 204 && method == "DELETE" { "/endpoint/none" } else { "/endpoint/ep" });
        let expected = if path.ends_with("/endpoint/none") { 404 } else { own };
        let seen = client.call(method, &path, body).await;
        assert_eq!(seen.status, expected, "{method} {path} by the application: {}", seen.text);
    }
    client.token = organization;
    for &(method, path, body, expected, _) in OPERATIONS {
        let seen = client.call(method, path, body).await;
        assert_eq!(seen.status, expected, "{method} {path} by the organization: {}", seen.text);
    }
}

#[tokio::test]
async fn a_token_lets_do_what_its_scopes_say() {
    let mut client = Client::new();
    client.furnish().await;
    for (number, scope) in (1..).zip(["publish", "read", "manage"]) {
        let scopes = Scopes::read(scope);
        client.token = minted(&Caller { scopes, ..Caller::organization("org_a".parse().expect("org")) }, number);
        for &(method, path, ..) in OPERATIONS.iter().filter(|(_, path, ..)| *path != "/health") {
            let is_read = method == "GET" && !path.ends_with("/secret") && !path.contains("/consumer/");
            let shows = is_read || path == "/filter/test";
            let allowed = path == "/auth/logout" || scope == "manage" || (scope == "read" && shows);
            // Rights are looked at before the body, which fits nothing.
            let seen = client.call(method, path, "[").await;
            assert_eq!(seen.status != 403, allowed, "{method} {path} with {scope}: {}", seen.text);
            assert!(allowed || seen.json()["code"] == "insufficient access", "{}", seen.text);
        }
    }
}

#[tokio::test]
async fn without_a_token_there_is_only_health() {
    let client = Client::new();
    for &(method, path, ..) in OPERATIONS {
        let seen = client.send(method, &format!("/api/v1{path}"), &[], "{}").await;
        let expected = match path {
            "/health" => 200,
            _ => 401,
        };
        assert_eq!(seen.status, expected, "{method} {path}");
        assert!(expected != 401 || seen.json()["code"] == "authentication_failed");
    }
    for method in ["GET", "HEAD"] {
        let seen = client.send(method, "/api/v1/health/ping", &[], "").await;
        assert_eq!((seen.status, seen.text.as_str()), (204, ""));
        assert_eq!(client.send(method, "/api/v1/health", &[], "").await.status, 200);
    }
}

#[tokio::test]
async fn a_filter_is_tried_on_a_sample_before_it_is_saved() {
    let client = Client::new();
    let filter = r#"{"state":["paid"],"total":[{"numeric":[">",100]}]}"#;
    for (payload, matches, failed) in
        [(r#"{"state":"paid","total":101}"#, true, &[][..]), (r#"{"state":"paid"}"#, false, &["/total"][..])]
    {
        let seen = client.call("POST", "/filter/test", &format!(r#"{{"filter":{filter},"payload":{payload}}}"#)).await;
        assert_eq!((seen.status, seen.json()), (200, serde_json::json!({"matches": matches, "failed": failed})));
    }
    for (body, loc) in [
        (r#"{"filter":{"a":[{"like":1}]},"payload":{}}"#, r#"["body","filter","a","0","like"]"#),
        (r#"{"filter":{"a":[1]},"payload":[]}"#, r#"["body","payload"]"#),
        (r#"{"filter":{"a":[1]}}"#, r#"["body","payload"]"#),
    ] {
        let seen = client.call("POST", "/filter/test", body).await;
        assert!(seen.status == 422 && seen.text.contains(loc), "{body}: {}", seen.text);
    }
}

#[tokio::test]
async fn paths_that_name_nothing_are_404_and_wrong_methods_405() {
    let client = Client::new();
    client.furnish().await;
    for path in ["/", "/api", "/api/v1", "/api/v2/app", "/api/v1/apps", "/api/v1/app/app/endpoint/ep/none"] {
        let seen = client.send("GET", path, &[], "").await;
        assert_eq!((seen.status, seen.text.as_str()), (404, ""), "{path}");
    }
    for path in [
        "/app/%ff",
        "/app/a%00",
        "/app/%C3",
        "/app/a%2Fb",
        "/app/app/endpoint/%00",
        "/event-type/%F0%9F%90%8E",
        "/app/%zz",
    ] {
        let seen = client.call("GET", path, "").await;
        assert_eq!((seen.status, &seen.json()["code"]), (404, &"not_found".into()), "{path}");
    }
    let seen = client.call("POST", "/app/app/msg", "{}").await;
    assert_eq!(seen.status, 405);
    assert!(seen.headers["allow"].to_str().is_ok_and(|allow| allow.contains("GET")));
    assert_eq!(client.call("GET", "/app//", "").await.status, 200);
    assert_eq!(client.call("GET", "/app/?limit=1", "").await.json()["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn bad_input_is_told_in_the_contracts_shapes() {
    let client = Client::new();
    client.furnish().await;
    let large = format!(r#"{{"name":"{}"}}"#, "n".repeat(300_000));
    for (method, path, body, status, about) in [
        ("POST", "/app", "", 422, "value_error.jsondecode"),
        ("POST", "/app", "{", 422, "value_error.jsondecode"),
        ("POST", "/app", r#"{"name":5}"#, 422, r#"["body","name"]"#),
        ("POST", "/app", r#"{"name":"A","name":"B"}"#, 422, "duplicate field"),
        ("POST", "/app", r#"{"name":"A"} x"#, 422, "value_error.jsondecode"),
        ("POST", "/app", r#"{"name":"A","metadata":{"k":5}}"#, 422, r#"["body","metadata","k"]"#),
        ("POST", "/app", r#"{"name":"A","throttleRate":65536}"#, 422, r#"["body","throttleRate"]"#),
        ("POST", "/app", &large, 413, "payload_too_large"),
        ("POST", "/app", r#"{"name":"A","uid":"app"}"#, 409, "conflict"),
        ("POST", "/app?get_if_exists=1", r#"{"name":"A"}"#, 400, "get_if_exists"),
        ("GET", "/app?limit=251", "", 422, r#"["query","limit"]"#),
        ("GET", "/app?limit=1&limit=2", "", 400, "limit"),
        ("GET", "/app?iterator=garbage", "", 422, r#"["query","iterator"]"#),
        ("GET", "/app?order=up", "", 400, "order"),
        ("GET", "/event-type?order=up", "", 400, "order"),
        ("GET", "/app/app/msg?before=yesterday", "", 400, "before"),
        ("GET", "/app/app/msg?event_types=", "", 422, r#"["query","event_types"]"#),
        ("GET", "/app/app/attempt/endpoint/ep?status=4", "", 400, "status"),
        ("GET", "/app/app/attempt/endpoint/ep?status_code_class=201", "", 400, "status_code_class"),
        ("GET", "/app/app/attempt/endpoint/ep?iterator=atmpt_x", "", 422, r#"["query","iterator"]"#),
        ("GET", "/app/app/endpoint/ep/stats?since=yesterday", "", 400, "since"),
        ("GET", "/app/app/endpoint/none/stats?until=2100-01-01T00:00:00Z", "", 400, "invalid_range"),
        ("GET", "/app/none/endpoint", "", 404, "not_found"),
    ] {
        let seen = client.call(method, path, body).await;
        assert_eq!(seen.status, status, "{method} {path} {}: {}", &body[..body.len().min(50)], seen.text);
        assert!(seen.text.contains(about), "{method} {path}: {}", seen.text);
    }
    assert_eq!(client.call("POST", "/app", r#"{"name":"A","unknown":{}}"#).await.status, 201);
}

#[tokio::test]
async fn a_repeated_creation_gets_the_same_answer_and_makes_nothing_more() {
    let client = Client::new();
    client.furnish().await;
    for (path, body) in [
        ("/app", r#"{"name":"B","uid":"b"}"#),
        ("/app/app/endpoint", r#"{"url":"https://example.com","uid":"e2"}"#),
        ("/event-type", r#"{"name":"u","description":""}"#),
        ("/app/app/endpoint/ep/secret/rotate", "{}"),
    ] {
        let first = client.keyed(path, "k", body).await;
        let again = client.keyed(path, "\"k\"", body).await;
        assert!(first.status < 300, "{path}: {}", first.text);
        assert_eq!((first.status, first.text), (again.status, again.text), "{path}");
        assert_eq!(client.keyed(path, "k", &format!("{body} ")).await.status, 422, "{path}");
    }
    assert_eq!(client.call("GET", "/app", "").await.json()["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(client.keyed("/app", "", r#"{"name":"B"}"#).await.status, 400);
    // A refused request does not use its key up.
    assert_eq!(client.keyed("/app", "r", r#"{"name":"B","uid":"b"}"#).await.status, 409);
    assert_eq!(client.keyed("/app", "r", r#"{"name":"B","uid":"c"}"#).await.status, 201);
}

#[tokio::test]
async fn put_creates_with_201_and_replaces_with_200() {
    let client = Client::new();
    client.furnish().await;
    for (path, body) in [
        ("/app/new", r#"{"name":"N"}"#),
        ("/app/app/endpoint/new", r#"{"url":"https://example.com"}"#),
        ("/event-type/new", r#"{"description":""}"#),
    ] {
        assert_eq!(client.call("PUT", path, body).await.status, 201, "{path}");
        assert_eq!(client.call("PUT", path, body).await.status, 200, "{path}");
        assert_eq!(client.call("GET", path, "").await.status, 200, "{path}");
    }
    let existing = client.call("POST", "/app?get_if_exists=true", r#"{"name":"X","uid":"app"}"#).await;
    assert_eq!((existing.status, &existing.json()["name"]), (200, &"A".into()));
}

#[tokio::test]
async fn how_to_deliver_is_a_member_beside_the_contract() {
    let client = Client::new();
    client.furnish().await;
    let plain = client.call("GET", "/app/app/endpoint/ep", "").await;
    assert_eq!(plain.json().get("delivery"), None);
    let body = r#"{"url":"https://example.com","uid":"e","delivery":{"consent":true,"method":"PUT",
        "auth":{"type":"bearer","token":"hush"}}}"#;
    let made = client.call("POST", "/app/app/endpoint", body).await;
    assert_eq!((made.status, &made.json()["throttleRate"]), (201, &2.into()), "{}", made.text);
    for path in ["/app/app/endpoint/e", "/app/app/endpoint"] {
        let seen = client.call("GET", path, "").await;
        assert!(seen.text.contains(r#""auth":{"type":"bearer"}"#) && !seen.text.contains("hush"), "{}", seen.text);
    }
    let wrong = client.call("PATCH", "/app/app/endpoint/e", r#"{"delivery":{"auth":{"type":"basic"}}}"#).await;
    assert!(wrong.status == 422 && wrong.text.contains(r#"["body","delivery","auth","username"]"#), "{}", wrong.text);
    let rate = client.call("PATCH", "/app/app", r#"{"delivery":{"publishRate":5}}"#).await;
    assert_eq!(rate.json()["delivery"]["publishRate"], 5);
}

#[tokio::test]
async fn a_confirmation_needs_no_token_but_its_own() {
    let client = Client::new();
    let confirmation = client.send("POST", "/api/v1/confirm/abc", &[], "").await;
    assert_eq!(confirmation.status, 404);
    assert!(confirmation.text.contains("not a confirmation link"), "{}", confirmation.text);
    assert_eq!(client.send("GET", "/api/v1/confirm/abc", &[], "").await.status, 405);
}
