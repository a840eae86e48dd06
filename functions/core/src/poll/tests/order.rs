//! Pages, iterators, segments.

use super::*;

#[tokio::test]
async fn everything_comes_once_in_the_order_of_publication_whatever_the_pages() {
    for limit in [1, 7, 40, 50, 250] {
        let world = World::new();
        world.publish_all(0..45).await;
        let first = world.poll_all(None, limit).await;
        assert_eq!(first.numbers, (0..45).collect::<Vec<_>>(), "{limit}");
        world.publish_all(45..333).await;
        let rest = world.poll_all(Some(&first.iterator), limit).await;
        assert_eq!(rest.numbers, (45..333).collect::<Vec<_>>(), "{limit}");
        assert_eq!(world.poll_all(None, 250).await.numbers, (0..333).collect::<Vec<_>>());
        let again = world.poll(Some(&rest.iterator), limit).await;
        assert_eq!(again, Page { numbers: Vec::new(), iterator: rest.iterator, done: true });
        let state = world.memory.state();
        let log = &state.logs[&world.endpoint];
        assert!(log.arrivals.is_empty());
        assert!(log.sealed.values().all(|segment| segment.ids.len() == PER_SEGMENT));
        assert_eq!((log.sealed.len(), log.tail.as_ref().map(|tail| tail.segment.ids.len())), (8, Some(13)));
    }
}

#[tokio::test]
async fn an_iterator_of_no_log_begins_one_and_one_beyond_its_end_is_refused() {
    let world = World::new();
    let nothing = world.poll(None, 10).await;
    assert_eq!((nothing.numbers.len(), nothing.done), (0, true));
    world.publish_all(0..3).await;
    let page = world.poll(Some(&nothing.iterator), 2).await;
    assert_eq!((page.numbers, page.done), (vec![0, 1], false));
    let position: Position = page.iterator.parse().expect("an iterator");
    let ask = |position: Position| {
        PollIn::new(None, None, Some(&position.to_string()), MessageFilter::default()).expect("valid")
    };
    for entry in [4, 100, u64::MAX] {
        let beyond = world.poller().poll(&world.caller, "app", "ep", ask(Position { entry, ..position })).await;
        assert_eq!(beyond.map(drop).map_err(|problem| problem.status()), Err(422), "{entry}");
    }
    // Of a log that has ended since: nothing of this one was handed out with it.
    let older = Position { log: 5, entry: 2 }.to_string();
    assert_eq!(world.poll(Some(&older), 10).await.numbers, [0, 1, 2]);
}

#[tokio::test]
async fn what_a_filter_hides_is_passed_over() {
    let world = World::new();
    world.publish_all(0..300).await;
    let from = world.bench.now();
    world.publish_all(300..310).await;
    let poll = async |filter: MessageFilter, iterator: Option<&str>| {
        let ask = PollIn::new(Some(5), None, iterator, filter).expect("valid");
        world.poller().poll(&world.caller, "app", "ep", ask).await.map(Page::from).expect("a page")
    };
    let odd = MessageFilter { event_types: vec!["odd".to_owned()], ..MessageFilter::default() };
    let first = poll(odd.clone(), None).await;
    assert_eq!(first.numbers, [1, 3, 5, 7, 9]);
    assert_eq!(poll(odd, Some(&first.iterator)).await.numbers, [11, 13, 15, 17, 19]);
    let other = MessageFilter { channel: Some("c".to_owned()), ..MessageFilter::default() };
    let mut page = poll(other.clone(), None).await;
    for _ in 0..20 {
        assert!(page.numbers.is_empty());
        page = poll(other.clone(), Some(&page.iterator)).await;
    }
    assert!(page.done);
    // Taken in just now, all of them: it is the time of publication that counts.
    let window = crate::history::Window { before: None, after: Some(from.plus(Duration::from_millis(4))) };
    let mut page = poll(MessageFilter { window, ..MessageFilter::default() }, None).await;
    while page.numbers.is_empty() && !page.done {
        page = poll(MessageFilter { window, ..MessageFilter::default() }, Some(&page.iterator)).await;
    }
    assert_eq!(page.numbers, (300..305).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_has_expired_is_gone_and_the_rest_goes_on() {
    let world = World::new();
    world.publish_all(0..100).await;
    let page = world.poll_all(None, 250).await;
    world.bench.pass(DAYS_90);
    world.publish_all(100..103).await;
    assert_eq!(world.poll_all(Some(&page.iterator), 250).await.numbers, [100, 101, 102]);
    assert_eq!(world.poll_all(None, 250).await.numbers, [100, 101, 102]);
    // The store removes it some day: segments, too.
    let (app, now) = (world.app, world.bench.now());
    {
        let mut state = world.memory.state();
        state.messages.retain(|(of, _), message| *of != app || message.expires_at > now);
        let sealed = &mut state.logs.get_mut(&world.endpoint).expect("a log").sealed;
        sealed.retain(|_, segment| segment.expires_at > now);
        assert!(sealed.is_empty());
    }
    assert_eq!(world.poll_all(None, 250).await.numbers, [100, 101, 102]);
    let early = Position { entry: 3, ..page.iterator.parse().expect("an iterator") }.to_string();
    assert_eq!(world.poll_all(Some(&early), 250).await.numbers, [100, 101, 102]);
}
