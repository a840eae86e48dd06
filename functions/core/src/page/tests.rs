use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::ids::{AppId, Ksuid};

/// Rows by key; odd values are hidden by a filter.
struct Model(BTreeMap<AppId, u32>);

impl List for Model {
    type Key = AppId;
    type Row = u32;

    async fn read(&self, part: Part<AppId>) -> Result<Batch<AppId, u32>, Problem> {
        let shown = |(key, value): (&AppId, &u32)| (*key, (value % 2 == 0).then_some(*value));
        let beyond =
            |key: &AppId| part.after.is_none_or(|after| if part.ascending { *key > after } else { *key < after });
        let rows: Vec<_> = if part.ascending {
            self.0.iter().filter(|row| beyond(row.0)).take(part.limit).map(shown).collect()
        } else {
            self.0.iter().rev().filter(|row| beyond(row.0)).take(part.limit).map(shown).collect()
        };
        Ok(Batch::of(rows, part.limit))
    }
}

fn id(n: u16) -> AppId {
    let mut bytes = [0; 20];
    bytes[..2].copy_from_slice(&n.to_be_bytes());
    AppId::from_ksuid(Ksuid::from_bytes(bytes))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("runtime").block_on(future)
}

fn ask(limit: usize, iterator: Option<&str>) -> Ask<AppId> {
    Ask::new(Some(limit as u64), iterator).expect("valid")
}

/// All rows by following the pages in one direction, as a client does.
fn follow(list: &Model, limit: usize, ascending: bool, backward: bool) -> Vec<u32> {
    let (mut all, mut at) = (Vec::new(), None::<String>);
    for _ in 0..10_000 {
        let mut wanted = ask(limit, at.as_deref());
        if backward {
            wanted = wanted.or_last();
        }
        let page = run(page(list, wanted, ascending)).expect("page");
        assert!(page.data.len() <= limit);
        at = if backward { page.prev_iterator } else { page.iterator };
        if backward {
            all.splice(0..0, page.data);
        } else {
            all.extend(page.data);
        }
        if page.done {
            return all;
        }
    }
    panic!("the pages never end");
}

proptest! {
    #[test]
    fn pages_give_every_shown_row_once_in_order_both_ways(
        rows in prop::collection::btree_map(0..2_000_u16, any::<u32>(), 0..60), limit in 1..20_usize, ascending: bool, backward: bool,
    ) {
        let list = Model(rows.into_iter().map(|(key, value)| (id(key), value)).collect());
        let mut expected: Vec<_> = list.0.values().copied().filter(|value| value % 2 == 0).collect();
        if !ascending {
            expected.reverse();
        }
        prop_assert_eq!(follow(&list, limit, ascending, backward), expected);
    }

    #[test]
    fn going_back_shows_what_came_just_before(
        rows in prop::collection::btree_map(0..2_000_u16, (0..50_u32).prop_map(|n| n * 2), 1..60), limit in 1..20_usize, from in 0..2_100_u16,
    ) {
        let list = Model(rows.into_iter().map(|(key, value)| (id(key), value)).collect());
        let before: Vec<_> = list.0.range(..id(from)).map(|(_, value)| *value).collect();
        let page = run(page(&list, ask(limit, Some(&format!("-{}", id(from)))), true)).expect("page");
        prop_assert_eq!(&page.data[..], &before[before.len().saturating_sub(limit)..]);
        prop_assert_eq!(page.done, before.len() <= limit);
    }
}

#[test]
fn a_filtered_page_stops_early_and_goes_on_where_it_stopped() {
    // Nothing shown among the first 3,000 records.
    let list = Model((0..3_100_u16).map(|n| (id(n), u32::from(n < 3_000))).collect());
    let first = run(page(&list, ask(10, None), true)).expect("page");
    assert!(first.data.is_empty() && !first.done && first.iterator.is_some());
    assert_eq!(follow(&list, 10, true, false).len(), 100);
    assert_eq!(follow(&list, 10, false, true).len(), 100);
}

#[test]
fn an_empty_page_has_no_iterators_and_no_rows_means_done() {
    let list = Model((0..3).map(|n| (id(n), 2)).collect());
    let text = serde_json::to_string(&run(page(&list, ask(5, Some(&id(9).to_string())), true)).expect("page"));
    assert_eq!(text.expect("JSON"), r#"{"data":[],"iterator":null,"done":true}"#);
    assert!(run(page(&list, ask(0, None), true)).expect("page").done);
}

#[test]
fn a_page_ends_before_it_is_too_large_to_be_answered() {
    struct Large;
    impl List for Large {
        type Key = AppId;
        type Row = String;
        async fn read(&self, part: Part<AppId>) -> Result<Batch<AppId, String>, Problem> {
            let from =
                part.after.map_or(0, |key| u16::from_be_bytes([key.ksuid().bytes()[0], key.ksuid().bytes()[1]]) + 1);
            let end = usize::from(from) + part.limit;
            let rows = (from..40).take_while(|n| usize::from(*n) < end).map(|n| (id(n), Some("\"".repeat(200_000))));
            Ok(Batch::of(rows.collect(), part.limit))
        }
    }
    let first = run(page(&Large, Ask::new(None, None).expect("valid"), true)).expect("page");
    // A quote is escaped in the row, and both its characters are escaped again in the answer.
    assert_eq!(first.data.len(), 6);
    assert!(!first.done && first.iterator == Some(id(5).to_string()));
}

#[test]
fn refuses_limits_and_iterators_that_are_not_of_the_list() {
    for (limit, iterator) in
        [(Some(251), None), (Some(u64::MAX), None), (None, Some("")), (None, Some("-")), (None, Some("ep_1"))]
    {
        let problem = Ask::<AppId>::new(limit, iterator).expect_err("refused");
        assert_eq!(problem.status(), 422);
    }
}
