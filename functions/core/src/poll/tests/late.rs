//! Publishers that stall or die between the making of an id and the storing of its message, and polls that race.

use std::{pin::pin, task::Poll};

use super::*;
use crate::publish::COMMIT_GRACE;

#[tokio::test]
async fn what_is_stored_late_is_handed_out_late_and_nothing_is_skipped() {
    let world = World::new();
    let (stalled, announced) = (world.message(1), world.message(2));
    world.announce(&announced).await;
    world.publish_all(3..6).await;
    let first = world.poll_all(None, 10).await;
    assert_eq!(first.numbers, [3, 4, 5]);
    world.bench.pass(Duration::from_secs(25));
    world.memory.store(std::slice::from_ref(&announced)).await.expect("stored");
    let second = world.poll_all(Some(&first.iterator), 10).await;
    assert_eq!(second.numbers, [2]);
    world.publish(6).await;
    // A day later a repeated request makes it at last.
    world.bench.pass(Duration::from_hours(24));
    world.announce(&stalled).await;
    world.memory.store(std::slice::from_ref(&stalled)).await.expect("stored");
    let third = world.poll_all(Some(&second.iterator), 10).await;
    assert_eq!(third.numbers, [1, 6]);
    // Whoever reads from the beginning sees the same order.
    assert_eq!(world.poll_all(None, 2).await.numbers, [3, 4, 5, 2, 1, 6]);
}

#[tokio::test]
async fn a_dead_publishers_announcement_is_forgotten_unless_it_is_repeated() {
    let world = World::new();
    let dead = world.message(1);
    world.announce(&dead).await;
    world.publish(2).await;
    let arrivals = || world.memory.state().logs[&world.endpoint].arrivals.len();
    let page = world.poll(None, 10).await;
    assert_eq!((page.numbers.as_slice(), page.done, arrivals()), (&[2][..], true, 1));
    world.bench.pass(COMMIT_GRACE / 2);
    world.announce(&dead).await;
    world.bench.pass(COMMIT_GRACE / 2);
    assert!(world.poll(None, 10).await.done && arrivals() == 1, "it was announced again");
    world.bench.pass(COMMIT_GRACE / 2);
    assert!(world.poll(None, 10).await.done && arrivals() == 0);
    // Its request is repeated after all.
    world.announce(&dead).await;
    world.memory.store(std::slice::from_ref(&dead)).await.expect("stored");
    assert_eq!(world.poll_all(None, 10).await.numbers, [2, 1]);
}

#[tokio::test]
async fn hundreds_of_dead_announcements_hide_nothing() {
    let world = World::new();
    for n in 0..200 {
        let dead = world.message(n);
        world.announce(&dead).await;
    }
    world.publish(1_000).await;
    world.bench.pass(COMMIT_GRACE);
    let mut page = world.poll(None, 10).await;
    for _ in 0..5 {
        page = if page.numbers.is_empty() { world.poll(Some(&page.iterator), 10).await } else { page };
    }
    assert_eq!(page.numbers, [1_000]);
}

#[tokio::test]
async fn a_batch_that_is_announced_and_not_stored_yet_does_not_hold_up_what_comes_behind_it() {
    let world = World::new();
    for n in 0..100 {
        let stalled = world.message(n);
        world.announce(&stalled).await;
    }
    world.publish_all(1_000..1_003).await;
    let page = world.poll(None, 10).await;
    assert_eq!((page.numbers.as_slice(), page.done), (&[1_000, 1_001, 1_002][..], true));
}

#[tokio::test]
async fn of_polls_at_once_one_takes_in_and_the_others_read_again() {
    for (behind, more) in (0..4).flat_map(|behind| (1..60).step_by(19).map(move |more| (behind, more))) {
        let world = World::new();
        let mut iterator: Option<String> = None;
        for round in 0..3 {
            let (first, end) = (round * 100, round * 100 + 30 + more);
            world.publish_all(first..first + 30).await;
            let from = iterator.clone();
            // It stops after its look, or where it is about to take in what it has seen; another one does all of it.
            let mut stalled = pin!(world.poll_all(from.as_deref(), 250));
            let mut early = Poll::Pending;
            for _ in 0..behind {
                early = if early.is_pending() { futures::poll!(stalled.as_mut()) } else { early };
            }
            world.publish_all(first + 30..end).await;
            let late = world.poll_all(from.as_deref(), 250).await;
            let early = if let Poll::Ready(page) = early { page } else { stalled.await };
            let expected: Vec<_> = (first..end).collect();
            assert_eq!(late.numbers, expected, "{behind}, {more}");
            let rest = world.poll_all(Some(&early.iterator), 250).await;
            assert_eq!([early.numbers, rest.numbers].concat(), expected, "{behind}, {more}");
            iterator = Some(late.iterator);
        }
        let all: Vec<_> = (0..3).flat_map(|round| round * 100..round * 100 + 30 + more).collect();
        assert_eq!(world.poll_all(None, 250).await.numbers, all, "{behind}, {more}");
    }
}
