//! The machine's clock and randomness.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postrider_core::{ports::Ambient, time::Time};

/// Time and randomness as the operating system gives them.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Ambient for System {
    #[expect(clippy::disallowed_methods, reason = "the one place where time comes in")]
    fn now(&self) -> Time {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time::from_micros(i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX))
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn fill(&self, bytes: &mut [u8]) {
        // Linux's getrandom does not fail after boot; going on without randomness would reuse nonces.
        assert!(getrandom::fill(bytes).is_ok(), "the operating system gives no randomness");
    }
}
