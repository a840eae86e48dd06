//! Publishers that stall or die between the making of an id and the storing of its message, and polls that race.

use futures::future::join_all;

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
async fn of_polls_at_once_all_see_the_same_log() {
    let world = World::new();
    for round in 0..6 {
        world.publish_all(round * 60..(round + 1) * 60).await;
        // Each look of one may be outdated by the other's.
        let pages = join_all((0..4).map(|_| world.poll_all(None, 250))).await;
        assert!(pages.windows(2).all(|two| two[0] == two[1]));
        assert_eq!(pages[0].numbers, (0..(round + 1) * 60).collect::<Vec<_>>());
    }
}
