use super::*;
use crate::manner::Method;

const WANTED: &str = r#"{"url":"https://example.com/a","uid":"e","throttleRate":10,"delivery":{"consent":true}}"#;

fn answer(status: u16, headers: &[(&'static str, &str)]) -> Answer {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Answer { status, body: String::new(), headers }
}

fn consents(rate: Option<&str>) -> Answer {
    let mut headers = vec![("webhook-allowed-origin", "postrider.example")];
    headers.extend(rate.map(|rate| ("webhook-allowed-rate", rate)));
    answer(200, &headers)
}

impl World {
    fn answers(&self, answer: Answer) {
        self.receiver.answers.lock().expect("lock").push_back(Ok(answer));
    }

    fn asked(&self) -> Vec<Outbound> {
        std::mem::take(&mut self.receiver.asked.lock().expect("lock"))
    }
}

#[tokio::test]
async fn the_receiver_is_asked_before_the_endpoint_is_saved() {
    let world = World::new();
    world.answers(consents(None));
    let made = world.endpoint(WANTED).await.expect("created");
    assert_eq!((&made["delivery"]["consent"], &made["throttleRate"]), (&true.into(), &10.into()));
    let asked = world.asked();
    let [asked] = &asked[..] else { panic!("asked {} times", asked.len()) };
    assert_eq!((asked.method, asked.url.as_str()), (Method::Options, "https://example.com/a"));
    for header in [("webhook-request-origin", "postrider.example"), ("webhook-request-rate", "600")] {
        assert!(asked.headers.contains(&(header.0.to_owned(), header.1.to_owned())), "{header:?}");
    }
}

#[tokio::test]
async fn without_its_consent_nothing_is_saved() {
    let world = World::new();
    for (refusal, about) in [
        (answer(405, &[("webhook-allowed-origin", "*")]), "405"),
        (answer(302, &[("webhook-allowed-origin", "*")]), "302"),
        (answer(200, &[]), "no WebHook-Allowed-Origin"),
        (answer(200, &[("webhook-allowed-origin", "other.example")]), "another origin"),
    ] {
        world.answers(refusal);
        let refused = world.endpoint(WANTED).await;
        assert!(refused.as_ref().expect_err("refused").body().contains(about), "{about}");
        assert_eq!(fields(refused), ["body.url"], "{about}");
    }
    assert!(world.endpoint(WANTED).await.expect_err("no answer").body().contains("connection"));
    assert!(world.memory.state().endpoints.is_empty());
    world.answers(answer(204, &[("webhook-allowed-origin", "*")]));
    assert!(world.endpoint(WANTED).await.is_ok());
}

#[tokio::test]
async fn an_allowed_rate_lowers_the_rate_to_one_per_second_at_least() {
    for (allowed, wanted, rate) in [
        (None, "10", 10),
        (Some("*"), "10", 10),
        (Some("300"), "10", 5),
        (Some("6000"), "10", 10),
        (Some("30"), "10", 1),
        (Some("300"), "null", 5),
        (Some("many"), "10", 10),
    ] {
        let world = World::new();
        world.answers(consents(allowed));
        let made = world.endpoint(&WANTED.replace(":10", &format!(":{wanted}"))).await.expect("created");
        assert_eq!(made["throttleRate"], rate, "{allowed:?}");
    }
}

#[tokio::test]
async fn it_is_asked_again_for_another_url_or_a_higher_rate_only() {
    let world = World::new();
    world.answers(consents(Some("300")));
    world.endpoint(WANTED).await.expect("created");
    world.asked();
    for (patch, questions) in [
        (r#"{"description":"d","url":"https://EXAMPLE.com/a"}"#, 0),
        (r#"{"throttleRate":4}"#, 0),
        (r#"{"throttleRate":5}"#, 1),
        (r#"{"url":"https://example.com/b"}"#, 1),
        (r#"{"delivery":{"paused":true}}"#, 0),
        (r#"{"throttleRate":null}"#, 1),
        (r#"{"delivery":null,"url":"https://example.com/c"}"#, 0),
        (r#"{"delivery":{"consent":true}}"#, 1),
    ] {
        world.answers(consents(None));
        world.patched("e", patch).await.expect("patched");
        assert_eq!(world.asked().len(), questions, "{patch}");
        world.receiver.answers.lock().expect("lock").clear();
    }
    assert_eq!(fields(world.replaced("e", &WANTED.replace("/a", "/d")).await), ["body.url"]);
    assert_eq!(world.stored().url, "https://example.com/c");
}

#[tokio::test]
async fn a_repeated_creation_is_answered_without_asking_again() {
    let world = World::new();
    world.application(r#"{"name":"A","uid":"app"}"#).await.expect("created");
    world.answers(consents(None));
    let id = world.id();
    for _ in 0..2 {
        let made = world.manager().create_endpoint(&world.caller, id, "app", read(WANTED)).await;
        assert!(made.is_ok());
    }
    assert_eq!(world.asked().len(), 1);
}
