//! Batches of jobs.

use std::time::Duration;

use futures::executor::block_on;
use postrider_core::{
    erase::Eraser,
    fan_out::FanOut,
    job::Job,
    memory::Memory,
    ports::Ambient as _,
    recovery::Recoverer,
    tell::Teller,
    work::{Letter, Worker},
};

use crate::{publish::publish, world::World};

fn letter(id: &str, body: &str) -> Letter {
    Letter { id: id.to_owned(), body: body.to_owned() }
}

/// The ids that come back.
fn work(world: &World, batch: Vec<Letter>) -> Vec<String> {
    let clone = || world.clone();
    let fan_out = FanOut::new(clone(), clone(), clone(), clone());
    let recoverer = Recoverer::new(Memory::default(), Memory::default(), clone(), clone());
    let eraser = Eraser::new(Memory::default(), clone(), clone());
    let worker = Worker::new(fan_out, recoverer, Teller::new(world.operational_publisher()), eraser, clone());
    block_on(worker.handle(batch, world.now().plus(Duration::from_secs(40))))
}

#[test]
fn what_is_not_a_job_comes_back_and_its_neighbours_are_done() {
    let world = World::new(600);
    publish(&world, None, r#"{"eventType":"a","payload":{}}"#).expect("published");
    let job = serde_json::to_string(&world.side().jobs[0]).expect("JSON");
    let tell = r#"{"job":"tell","org":"org_b","event_type":"endpoint.disabled","id":"e1","data":{}}"#;
    let batch = vec![letter("a", "{"), letter("b", &job), letter("c", r#"{"job":"dance"}"#), letter("d", tell)];
    assert_eq!(work(&world, batch), ["a", "c"]);
    assert_eq!(world.side().parcels.len(), 600);
}

#[test]
fn what_could_not_be_done_comes_back() {
    let world = World::new(600);
    let message = publish(&world, None, r#"{"eventType":"a","payload":{}}"#).expect("published");
    let job = serde_json::to_string(&world.side().jobs[0]).expect("JSON");
    let other = Job::FanOut { app: message.app, message: message.id, since: world.now() };
    world.die_at(3, true);
    assert_eq!(work(&world, vec![letter("a", &job)]), ["a"]);
    world.revive();
    world.tables().messages.clear();
    assert_eq!(work(&world, vec![letter("b", &serde_json::to_string(&other).expect("JSON"))]), ["b"]);
}
