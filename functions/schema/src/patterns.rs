//! How large patterns are once they are compiled, and so how long matching them may take: in the worst case every byte of
//! a text is looked at from every state.

use std::collections::{BTreeSet, HashMap};

use jsonschema_regex::to_rust_regex;
use regex::RegexBuilder;

/// Bytes that a compiled pattern may take. `^.{1,255}$` takes nearly as many.
pub(crate) const LARGEST: usize = 524_288;
/// Bytes that all patterns of a schema may take together.
const LARGEST_TOGETHER: usize = 4_194_304;
const SMALLEST: usize = 4_096;

/// The sizes of a schema's patterns, as powers of two.
#[derive(Debug)]
pub(crate) struct Sizes(HashMap<String, usize>);

impl Sizes {
    /// Nothing if they are too large together.
    pub(crate) fn of(patterns: &BTreeSet<&str>) -> Option<Self> {
        let (mut sizes, mut sum) = (HashMap::new(), 0);
        for pattern in patterns {
            let size = size(pattern);
            sum += size;
            if sum > LARGEST_TOGETHER {
                return None;
            }
            sizes.insert((*pattern).to_owned(), size);
        }
        Some(Self(sizes))
    }

    pub(crate) fn sum(&self) -> usize {
        self.0.values().sum()
    }

    pub(crate) fn get(&self, pattern: &str) -> usize {
        self.0.get(pattern).copied().unwrap_or(LARGEST)
    }
}

fn size(pattern: &str) -> usize {
    let Ok(text) = to_rust_regex(pattern) else { return SMALLEST };
    let mut size = SMALLEST;
    while size < LARGEST && RegexBuilder::new(&text).size_limit(size).build().is_err() {
        size *= 2;
    }
    size
}
