//! Operational webhooks.

use futures::executor::block_on;
use postrider_core::{ids::OrgId, operational::OPERATIONAL_ORG, ports::Ambient as _, problem::Problem, tell::Teller};
use serde_json::json;

use crate::world::World;

type Telling = Teller<World, World, World, World>;

/// A world in which `org_b` has an application for what is told.
fn world() -> World {
    let world = World::new(1);
    world.tables().applications.values_mut().for_each(|app| {
        app.org = OPERATIONAL_ORG.parse().expect("an organization");
        app.uid = Some("org_b".to_owned());
    });
    world
}

fn tell(world: &World, teller: &Telling, org: &str, id: &str, n: u8) -> Result<(), Problem> {
    let org: OrgId = org.parse().expect("an organization");
    block_on(teller.tell(&org, "endpoint.disabled", id, &json!({"n": n, "uid": null}), world.now()))
}

#[test]
fn what_happened_is_told_once_as_a_message_of_the_operator() {
    let world = world();
    let teller = Teller::new(world.operational_publisher());
    for n in [1, 1, 2] {
        tell(&world, &teller, "org_b", "e1", n).expect("told");
    }
    tell(&world, &teller, "org_b", "e2", 1).expect("told");
    assert_eq!(world.side().parcels.len(), 2);
    let tables = world.tables();
    let message = tables.messages.values().next().expect("stored");
    assert_eq!((message.event_id.as_deref(), &*message.event_type), (Some("e1"), "endpoint.disabled"));
    assert_eq!(message.payload.as_deref(), Some(r#"{"type":"endpoint.disabled","data":{"n":1,"uid":null}}"#));
}

#[test]
fn nothing_is_told_to_those_who_do_not_want_it_and_they_are_asked_once_a_minute() {
    let world = world();
    let teller = Teller::new(world.operational_publisher());
    world.die_at(1, false);
    tell(&world, &teller, "org_c", "e1", 1).expect("nothing to tell");
    // The one call that there was found nothing; another would have failed.
    tell(&world, &teller, "org_c", "e2", 1).expect("nothing to tell");
    world.pass(std::time::Duration::from_mins(1));
    tell(&world, &teller, "org_c", "e3", 1).expect_err("asked again");
    world.revive();
    tell(&world, &teller, OPERATIONAL_ORG, "e1", 1).expect("nothing to tell");
    assert!(world.tables().messages.is_empty());
}

#[test]
fn what_could_not_be_told_is_told_again() {
    for call in 0..6 {
        let world = world();
        let teller = Teller::new(world.operational_publisher());
        world.die_at(call, true);
        let first = tell(&world, &teller, "org_b", "e1", 1);
        assert!(first.is_err() || call > 4, "{call}");
        world.revive();
        world.pass(std::time::Duration::from_mins(1));
        tell(&world, &teller, "org_b", "e1", 1).expect("told");
        assert_eq!(world.tables().messages.len(), 1, "{call}");
    }
}
