use proptest::prelude::*;

use super::*;
use crate::{entity::Endpoint, keyring::Sealed};

/// What one message saw at the endpoint: when it was published, whether promptly tried, and later attempts.
type Fate = (u32, u8, bool, Vec<(u32, u16)>);

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let later = prop::collection::vec((0..90_000_u32, prop::sample::select(vec![200, 404, 500, 0])), 0..4);
    prop::collection::vec((0..50_000_u32, any::<u8>(), any::<bool>(), later), 0..40)
}

pub(super) fn an_endpoint(id: EndpointId) -> Endpoint {
    let sealed: Sealed = serde_json::from_str("\"k1:AAAA\"").expect("sealed");
    Endpoint {
        id,
        app: app(),
        uid: (id == endpoint(7)).then(|| "e".to_owned()),
        url: "https://example.com/".to_owned(),
        version: 1,
        description: String::new(),
        disabled: false,
        event_types: None,
        channels: None,
        throttle_rate: None,
        metadata: Metadata::new(),
        headers: std::collections::BTreeMap::new(),
        secrets: crate::entity::Secrets { current: sealed, old: Vec::new() },
        delivery: crate::manner::Manner::default(),
        health: crate::health::Health::default(),
        created_at: NOW,
        updated_at: NOW,
        rev: 1,
    }
}

impl World {
    /// Stores it all, and gives the attempts newest first with their status and message.
    fn live(&self, fates: &[Fate]) -> Vec<(AttemptId, u16, Message)> {
        let mut all = std::collections::BTreeMap::new();
        for (secs, n, prompt, later) in fates {
            let message = message(*secs, *n);
            let first = prompt.then(|| attempt(AttemptId::prompt(message.id, [9, 9, 9, *n], endpoint(7)), 200));
            let mut attempts: Vec<_> = first.into_iter().collect();
            for (index, (wait, status)) in later.iter().enumerate() {
                let mut random = [*n; 11];
                random[0] = u8::try_from(index).expect("few");
                random[1..5].copy_from_slice(&secs.to_be_bytes());
                let at = message.at.plus(std::time::Duration::from_secs(u64::from(*wait)));
                attempts.push(attempt(AttemptId::new(at, random, endpoint(7)), *status));
            }
            all.retain(|_, (_, of): &mut (u16, Message)| of.id != message.id);
            all.extend(attempts.iter().map(|attempt| (attempt.id, (attempt.status, message.clone()))));
            self.forget(message.id);
            self.record(message.id, endpoint(7), State::Succeeded, attempts);
            self.store(message);
        }
        all.into_iter().rev().map(|(id, (status, message))| (id, status, message)).collect()
    }

    fn forget(&self, message: MessageId) {
        self.memory.state().listed.retain(|_, of| *of != message);
    }

    fn with_endpoint(self) -> Self {
        self.memory.state().endpoints.insert((app(), endpoint(7)), an_endpoint(endpoint(7)));
        self
    }

    fn pages(&self, of_message: Option<MessageId>, filter: &AttemptFilter, limit: u64, backward: bool) -> Vec<String> {
        let (mut all, mut at) = (Vec::new(), None::<String>);
        for _ in 0..10_000 {
            let mut ask = ask(limit, at.as_deref());
            if backward {
                ask = ask.or_last();
            }
            let (history, filter) = (self.history(), filter.clone());
            let page = run(async {
                match of_message {
                    Some(id) => {
                        history.attempts_of_message(&self.caller, "app", &id.to_string(), None, ask, filter).await
                    }
                    None => history.attempts_of_endpoint(&self.caller, "app", "e", ask, filter).await,
                }
            });
            let page = page.expect("page");
            let found = ids(&page);
            at = if backward { page.prev_iterator } else { page.iterator };
            if backward {
                all.splice(0..0, found);
            } else {
                all.extend(found);
            }
            if page.done {
                return all;
            }
        }
        panic!("the pages never end");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn an_endpoints_attempts_come_newest_first_and_once_both_ways(
        fates in fates(), limit in 1..30_u64, backward: bool, status in prop::option::of(any::<bool>()),
        channel: bool, typed: bool, window in (prop::option::of(0..150_000_i64), prop::option::of(0..150_000_i64)),
    ) {
        let world = World::new().with_endpoint();
        let at = |secs: Option<i64>| secs.map(|secs| Time::from_secs(NOW.secs() - 100_000 + secs));
        let window = Window { before: at(window.0), after: at(window.1) };
        // `after` alone starts from the other end; that is another test.
        prop_assume!(window.after.is_none() || window.before.is_some());
        let filter = AttemptFilter {
            message: MessageFilter {
                channel: channel.then(|| "c".to_owned()),
                event_types: if typed { vec!["type.1".to_owned()] } else { Vec::new() },
                window,
                without_content: true,
            },
            status: status.map(|good| if good { Status::Success } else { Status::Fail }),
            code_class: None,
        };
        let all = world.live(&fates);
        let meant = all.iter().filter(|(id, code, message)| {
            status.is_none_or(|good| good == (*code == 200))
                && filter.message.passes(message)
                && window.before.is_none_or(|before| id.ksuid() < Ksuid::floor(before))
                && window.after.is_none_or(|after| id.ksuid() > Ksuid::floor(after))
        });
        let meant: Vec<_> = meant.map(|(id, ..)| id.to_string()).collect();
        prop_assert_eq!(world.pages(None, &filter, limit, backward), meant);
    }

    #[test]
    fn a_messages_attempts_come_newest_first_and_once_both_ways(
        waits in prop::collection::btree_set(0..90_000_u32, 0..300), limit in 1..30_u64, backward: bool,
    ) {
        let world = World::new();
        let mut of = message(5, 6);
        of.held = (20..30).map(endpoint).collect();
        let mut expected = Vec::new();
        for (index, waits) in waits.iter().copied().collect::<Vec<_>>().chunks(40).enumerate() {
            let to = if index == 0 { endpoint(7) } else { of.held[index] };
            let at = |wait: &u32| of.at.plus(std::time::Duration::from_secs(u64::from(*wait)));
            let attempts: Vec<_> = waits.iter().map(|wait| attempt(AttemptId::new(at(wait), [3; 11], to), 500)).collect();
            expected.extend(attempts.iter().map(|attempt| attempt.id));
            world.record(of.id, to, State::Succeeded, attempts);
        }
        let id = of.id;
        world.store(of);
        expected.sort_unstable_by(|a, b| b.cmp(a));
        let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
        prop_assert_eq!(world.pages(Some(id), &AttemptFilter::default(), limit, backward), expected);
    }
}

#[test]
fn an_entry_whose_attempt_was_never_recorded_is_skipped() {
    let world = World::new().with_endpoint();
    let all = world.live(&[(5, 6, true, vec![(100, 500)])]);
    let stray = AttemptId::new(NOW, [8; 11], endpoint(7));
    world.memory.state().listed.insert((endpoint(7), stray), all[0].2.id);
    world
        .memory
        .state()
        .listed
        .insert((endpoint(7), AttemptId::new(NOW, [9; 11], endpoint(7))), MessageId::from_ksuid(ksuid(1, 1)));
    assert_eq!(world.pages(None, &AttemptFilter::default(), 50, false).len(), 2);
}

#[test]
fn after_alone_gives_the_oldest_that_follow_it() {
    let world = World::new().with_endpoint();
    let all = world.live(&(0..10).map(|n| (u32::from(n) * 100, n, true, Vec::new())).collect::<Vec<_>>());
    let window = Window { before: None, after: Some(all[7].0.ksuid().time()) };
    let filter =
        AttemptFilter { message: MessageFilter { window, ..MessageFilter::default() }, ..AttemptFilter::default() };
    let page =
        run(world.history().attempts_of_endpoint(&world.caller, "app", "e", ask(3, None), filter)).expect("page");
    let expected: Vec<_> = all[5..8].iter().map(|(id, ..)| id.to_string()).collect();
    assert_eq!(ids(&page), expected);
    assert!(!page.done);
}

#[test]
fn one_attempt_is_found_under_its_message_only() {
    let world = World::new().with_endpoint();
    let all = world.live(&[(5, 6, true, vec![(100, 404)]), (6, 6, true, Vec::new())]);
    let (late, _, of) = all.iter().find(|(_, status, _)| *status == 404).expect("one");
    let other = all.iter().find(|(_, _, message)| message.id != of.id).expect("another").2.id;
    let get = |message: MessageId, attempt: &str| {
        run(world.history().attempt(&world.caller, "app", &message.to_string(), attempt)).map(|attempt| shown(&attempt))
    };
    let found = get(of.id, &late.to_string()).expect("found");
    let rest = (
        &found["responseStatusCode"],
        &found["status"],
        &found["statusText"],
        &found["triggerType"],
        &found["response"],
    );
    assert_eq!(rest, (&404.into(), &2.into(), &"fail".into(), &0.into(), &"yes".into()));
    assert_eq!(found["msgId"], of.id.to_string());
    assert_eq!(get(other, &late.to_string()).map_err(|problem| problem.status()), Err(404));
    assert_eq!(get(of.id, "atmpt_nonsense").map_err(|problem| problem.status()), Err(404));
}
