//! Durable cursors.

use super::*;

#[tokio::test]
async fn a_consumer_gets_again_what_it_has_not_acknowledged() {
    let world = World::new();
    world.publish_all(0..10).await;
    let first = world.consume("c", None, 4).await;
    assert_eq!(first.numbers, [0, 1, 2, 3]);
    // Killed before it said so.
    assert_eq!(world.consume("c", None, 4).await, first);
    let second = world.consume("c", Some(&first.iterator), 4).await;
    assert_eq!(second.numbers, [4, 5, 6, 7]);
    assert_eq!(world.consume("c", None, 4).await, second);
    // An older iterator does not move it back.
    assert_eq!(world.consume("c", Some("0.0"), 4).await, first);
    assert_eq!(world.consume("c", None, 4).await, second);
    assert_eq!(world.consume("other", None, 1).await.numbers, [0]);
    // To acknowledge only.
    let all = world.consume("c", Some(&second.iterator), 250).await;
    let none = world.consume("c", Some(&all.iterator), 0).await;
    assert_eq!((none.numbers.len(), none.done), (0, true));
    world.publish(10).await;
    assert_eq!(world.consume("c", None, 4).await.numbers, [10]);
}

#[tokio::test]
async fn what_is_no_iterator_moves_no_cursor() {
    let world = World::new();
    world.publish_all(0..3).await;
    world.consume("c", None, 1).await;
    let ask = PollIn::new(None, None, Some("1.999"), MessageFilter::default()).expect("valid");
    let from_another_log = world.poller().poll_consumer(&world.caller, "app", "ep", "c", ask).await;
    assert_eq!(from_another_log.map(Page::from).map(|page| page.numbers).ok(), Some(vec![0, 1, 2]));
    let log = START.micros() + 12_000;
    for beyond in [4, u64::MAX] {
        let ask = PollIn::new(None, None, Some(&format!("{log}.{beyond}")), MessageFilter::default()).expect("valid");
        let refused = world.poller().poll_consumer(&world.caller, "app", "ep", "c", ask).await;
        assert_eq!(refused.map(drop).map_err(|problem| problem.status()), Err(422));
    }
    assert_eq!(world.consume("c", None, 10).await.numbers, [0, 1, 2]);
    for name in ["", "a b", &"x".repeat(65)] {
        let ask = PollIn::new(None, None, None, MessageFilter::default()).expect("valid");
        let refused = world.poller().poll_consumer(&world.caller, "app", "ep", name, ask).await;
        assert_eq!(refused.map(drop).map_err(|problem| problem.status()), Err(422), "{name}");
    }
}

#[tokio::test]
async fn seeking_places_a_consumer_before_the_messages_of_a_time() {
    let world = World::new();
    let mut times = Vec::new();
    for batch in 0..10 {
        times.push(world.bench.now().plus(Duration::from_millis(4)));
        world.publish_all(batch * 50..(batch + 1) * 50).await;
        // Half of the batches are taken in at once, the others with the next one.
        if batch % 2 == 0 {
            world.poll_all(None, 250).await;
        }
        world.bench.pass(Duration::from_mins(10));
    }
    for (batch, time) in (0..).zip(&times) {
        let to = SeekIn { after: *time };
        let out = world.poller().seek(&world.caller, "app", "ep", "c", to).await.expect("placed");
        assert!(out.iterator.parse::<Position>().is_ok());
        let mut page = world.consume("c", None, 3).await;
        while page.numbers.is_empty() && !page.done {
            page = world.consume("c", Some(&page.iterator), 3).await;
        }
        assert_eq!(page.numbers, (batch * 50..batch * 50 + 3).collect::<Vec<_>>(), "batch {batch}");
    }
    let now = SeekIn { after: world.bench.now() };
    world.poller().seek(&world.caller, "app", "ep", "c", now).await.expect("placed");
    world.publish(9_999).await;
    let mut page = world.consume("c", None, 250).await;
    while !page.done && page.numbers.is_empty() {
        page = world.consume("c", Some(&page.iterator), 250).await;
    }
    assert_eq!(page.numbers, [9_999]);
}

#[tokio::test]
async fn a_poll_that_began_before_a_seek_does_not_undo_it() {
    let world = World::new();
    world.publish_all(0..10).await;
    let page = world.consume("c", None, 5).await;
    let standing = world.memory.cursor(world.endpoint, "c").await.expect("read");
    let begun = standing.unwrap_or(Cursor { position: Position::default(), after: None });
    let to = SeekIn { after: Time::from_secs(0) };
    world.poller().seek(&world.caller, "app", "ep", "c", to).await.expect("placed");
    let acknowledged = Cursor { position: page.iterator.parse().expect("an iterator"), ..begun };
    let now = world.bench.now();
    world.memory.place_cursor(world.endpoint, "c", &acknowledged, true, now).await.expect("placed, or not");
    assert_eq!(world.consume("c", None, 250).await.numbers, (0..10).collect::<Vec<_>>());
}
