//! Filling requests: at most ten entries and 1 MiB.

use std::iter::Peekable;

/// Entries of one request.
pub(super) const ENTRIES: usize = 10;
/// Bytes of one request, and of one message.
pub(super) const BYTES: usize = 1024 * 1024;

/// Something that takes room in a request.
pub(super) trait Sizable {
    /// Bytes as SQS counts them.
    fn size(&self) -> usize;
}

/// Groups that fit one request each, made as they are asked for: no more than one group is held at a time. Something
/// too large for any request makes a group of its own, for SQS to refuse.
pub(super) struct Batches<I: Iterator>(Peekable<I>);

impl<I: Iterator> Batches<I> {
    pub(super) fn of(items: I) -> Self {
        Self(items.peekable())
    }
}

impl<T: Sizable, I: Iterator<Item = T>> Iterator for Batches<I> {
    type Item = Vec<T>;

    fn next(&mut self) -> Option<Vec<T>> {
        let first = self.0.next()?;
        let mut bytes = first.size();
        let mut batch = vec![first];
        while batch.len() < ENTRIES
            && let Some(next) = self.0.next_if(|next| bytes + next.size() <= BYTES)
        {
            bytes += next.size();
            batch.push(next);
        }
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Sizable for usize {
        fn size(&self) -> usize {
            *self
        }
    }

    fn batches(sizes: &[usize]) -> Vec<Vec<usize>> {
        Batches::of(sizes.iter().copied()).collect()
    }

    #[test]
    fn ten_entries_at_most() {
        let lens: Vec<_> = batches(&[1; 25]).iter().map(Vec::len).collect();
        assert_eq!(lens, [10, 10, 5]);
    }

    #[test]
    fn a_mebibyte_at_most_and_what_fills_it_exactly_goes() {
        let half = BYTES / 2;
        assert_eq!(batches(&[half, half, 1]), [vec![half, half], vec![1]]);
        assert_eq!(batches(&[half, half + 1, 1]), [vec![half], vec![half + 1, 1]]);
    }

    #[test]
    fn what_is_too_large_stands_alone() {
        assert_eq!(batches(&[1, BYTES + 1, 1]), [vec![1], vec![BYTES + 1], vec![1]]);
        assert_eq!(batches(&[]), Vec::<Vec<usize>>::new());
    }
}
