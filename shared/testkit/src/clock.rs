//! A fake clock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use minigate_domain::{Clock, Timestamp};

/// A clock that stands still until it is advanced. Clones share the time.
#[derive(Clone, Debug)]
pub struct FakeClock(Arc<AtomicU64>);

impl FakeClock {
    /// A clock that shows this moment.
    pub fn at(moment: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(moment.unix_millis())))
    }

    /// Moves on by `duration`, cut to milliseconds.
    pub fn advance(&self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Default for FakeClock {
    /// The clock of most tests: a day in 2025.
    fn default() -> Self {
        Self::at(Timestamp::from_unix_millis(1_760_000_000_000))
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.0.load(Ordering::Relaxed))
    }
}
