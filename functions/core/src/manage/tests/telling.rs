use super::*;
use crate::{job::Job, operational::OPERATIONAL_ORG, ports::Unavailable};

impl World {
    /// The types of what was told since the last time.
    fn told(&self) -> Vec<String> {
        let jobs = std::mem::take(&mut self.memory.state().jobs);
        let name = |job| match job {
            Job::Tell { event_type, .. } => event_type,
            other => panic!("not told: {other:?}"),
        };
        jobs.into_iter().map(name).collect()
    }
}

#[tokio::test]
async fn what_happens_to_an_endpoint_is_told() {
    let world = World::new();
    let made = world.endpoint(r#"{"url":"https://example.com","uid":"e"}"#).await.expect("created");
    let jobs = world.memory.state().jobs.clone();
    let [Job::Tell { org, event_type, id, data }] = &jobs[..] else { panic!("{jobs:?}") };
    assert_eq!((org.as_str(), event_type.as_str()), ("org_a", "endpoint.created"));
    assert_eq!(*id, format!("endpoint.created.{}", made["id"].as_str().expect("id")));
    let app = world.memory.state().applications.values().next().expect("an application").id;
    let expected = serde_json::json!({ "appId": app, "appUid": "app", "endpointId": made["id"], "endpointUid": "e" });
    assert_eq!(*data, expected);
    world.told();
    world.patched("e", "{}").await.expect("patched");
    world.replaced("e", r#"{"url":"https://example.com"}"#).await.expect("put");
    let manager = world.manager();
    manager.rotate(&world.caller, "app", "e", &read("{}")).await.expect("rotated");
    assert_eq!(world.told(), ["endpoint.updated"; 3]);
    world.replaced("f", r#"{"url":"https://example.com"}"#).await.expect("put");
    manager.put_headers(&world.caller, "app", "e", read(r#"{"headers":{"a":"b"}}"#)).await.expect("headers");
    manager.delete_endpoint(&world.caller, "app", "e").await.expect("deleted");
    assert_eq!(world.told(), ["endpoint.created", "endpoint.deleted"]);
}

#[tokio::test]
async fn a_refused_call_tells_nothing_and_the_same_creation_the_same() {
    let world = World::new();
    world.endpoint(r#"{"url":"https://example.com","uid":"e"}"#).await.expect("created");
    world.told();
    assert_eq!(status(&world.endpoint(r#"{"url":"https://example.com","uid":"e"}"#).await), 409);
    assert_eq!(status(&world.patched("none", "{}").await), 404);
    assert_eq!(world.told(), [""; 0]);
    let id = world.id();
    for _ in 0..2 {
        let body = read(r#"{"url":"https://example.com"}"#);
        world.manager().create_endpoint(&world.caller, id, "app", body).await.expect("created");
    }
    let jobs = world.memory.state().jobs.clone();
    assert_eq!((jobs.len(), &jobs[0]), (2, &jobs[1]));
}

#[tokio::test]
async fn nothing_is_told_about_the_endpoints_that_are_told() {
    let mut world = World::new();
    world.caller.org = OPERATIONAL_ORG.parse().expect("org");
    world.endpoint(r#"{"url":"https://example.com","uid":"e"}"#).await.expect("created");
    world.manager().delete_endpoint(&world.caller, "app", "e").await.expect("deleted");
    assert_eq!(world.told(), [""; 0]);
}

#[tokio::test]
async fn a_change_that_cannot_be_told_stands_all_the_same() {
    struct Broken;
    impl Jobs for Broken {
        async fn submit(&self, _: &[Job]) -> Result<(), Unavailable> {
            Err(Unavailable::new("queueing", "no"))
        }
    }
    let world = World::new();
    world.application(r#"{"name":"A","uid":"app"}"#).await.expect("created");
    let Manager { directory, keys, ambient, sender, plain_http, origin, .. } = world.manager();
    let manager = Manager { directory, keys, ambient, sender, jobs: &Broken, plain_http, origin };
    let body = read(r#"{"url":"https://example.com"}"#);
    assert!(manager.create_endpoint(&world.caller, world.id(), "app", body).await.is_ok());
    assert_eq!(world.memory.state().endpoints.len(), 1);
}
