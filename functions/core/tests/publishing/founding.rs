//! Messages that bring their application along.

use futures::executor::block_on;
use postrider_core::{
    claim::{ClaimKey, LEASE},
    message::Message,
    problem::{Problem, from_json},
    publish::{Draft, Repeatable},
};

use crate::world::World;

const ACME: &str = r#","application":{"name":"Acme","uid":"acme"}"#;

fn publish(world: &World, app: &str, application: &str) -> Result<Message, Problem> {
    let org = "org_a".parse().expect("an organization");
    let key = Some(ClaimKey::idempotency(&org, app, "k"));
    let body = format!(r#"{{"eventType":"a","payload":{{}}{application}}}"#);
    let draft: Draft<'_> = from_json(body.as_bytes())?;
    let request = Repeatable { key, fingerprint: body.clone() };
    block_on(world.publisher().publish(&org, app, &draft, &request))
}

/// Applications and messages.
fn stored(world: &World) -> (usize, usize) {
    let tables = world.tables();
    (tables.applications.len(), tables.messages.len())
}

#[test]
fn an_application_that_is_missing_is_created_once_and_one_that_is_there_is_left_alone() {
    let world = World::new(0);
    let message = publish(&world, "acme", ACME).expect("published");
    let created = world.tables().applications[&message.app].clone();
    assert_eq!((created.name.as_str(), created.uid.as_deref(), created.rev), ("Acme", Some("acme"), 1));
    let again = r#","application":{"name":"Other","uid":"other"}"#;
    world.pass(postrider_core::claim::KEY_LIFETIME);
    assert_eq!(publish(&world, "acme", again).expect("published").app, message.app);
    assert_eq!(world.tables().applications[&message.app], created);
    assert_eq!(world.tables().applications.len(), 2);
}

#[test]
fn its_uid_must_be_what_the_path_says_and_its_fields_are_checked_either_way() {
    let world = World::new(0);
    let existing = crate::world::app_id().to_string();
    for (app, application, loc, kind) in [
        ("acme", r#"{"name":"A"}"#, r#"["body","application","uid"]"#, "application_uid_missing"),
        ("acme", r#"{"name":"A","uid":"b"}"#, r#"["body","application","uid"]"#, "application_uid_mismatch"),
        (
            "app_2tAbcdefghijklmnopqrstuvwxy",
            r#"{"name":"A"}"#,
            r#"["body","application","uid"]"#,
            "application_uid_missing",
        ),
        ("acme", r#"{"name":"","uid":"acme"}"#, r#"["body","application","name"]"#, "value_error"),
        (&existing, r#"{"name":"","uid":"acme"}"#, r#"["body","application","name"]"#, "value_error"),
        (&existing, r#"{"uid":"acme"}"#, r#"["body","application","name"]"#, "value_error.jsondecode"),
    ] {
        let problem = publish(&world, app, &format!(r#","application":{application}"#)).expect_err("refused");
        let body = problem.body();
        assert!(problem.status() == 422 && body.contains(loc) && body.contains(&format!("{kind:?}")), "{body}");
    }
    assert_eq!(publish(&world, "acme", "").map_err(|problem| problem.status()).map(drop), Err(404));
    assert_eq!(
        publish(&world, "acme", r#","application":null"#).map_err(|problem| problem.status()).map(drop),
        Err(404)
    );
    assert_eq!(stored(&world), (1, 0));
}

#[test]
fn after_a_crash_at_any_call_there_is_one_application_and_one_message() {
    for (call, effect) in (0..10).flat_map(|call| [(call, false), (call, true)]) {
        let world = World::new(0);
        world.die_at(call, effect);
        let _ = publish(&world, "acme", ACME);
        world.revive();
        world.pass(LEASE);
        publish(&world, "acme", ACME).expect("published");
        assert_eq!(stored(&world), (2, 1), "call {call}, effect {effect}");
    }
}
