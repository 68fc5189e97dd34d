//! The settings of a limiter.

use std::{fmt, sync::Mutex, time::Duration};

use super::{Inner, Limiter};
use crate::{Clock, Metrics, Table, memory::Memory};

/// The default time after which units of a call are no longer spent, because the process was frozen
/// meanwhile.
const DEFAULT_MAX_DELAY: Duration = Duration::from_millis(500);
const DEFAULT_MAX_KEYS: usize = 10_000;
/// The least capacity of memory: all keys of one request must fit.
const MIN_KEYS: usize = 64;

/// Settings of a [`Limiter`].
pub struct LimiterBuilder<T> {
    table: T,
    clock: Box<dyn Clock>,
    seed: u64,
    max_keys: usize,
    max_delay: Duration,
}

impl<T> fmt::Debug for LimiterBuilder<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LimiterBuilder").finish_non_exhaustive()
    }
}

impl<T: Table> LimiterBuilder<T> {
    /// The seed of the random pauses on saturated keys. It should differ between instances and need not
    /// be secret. 0 by default.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The capacity of memory in keys, at least 64, with about 300 bytes plus the key each. 10,000 by
    /// default.
    #[must_use]
    pub fn max_keys(mut self, max_keys: usize) -> Self {
        self.max_keys = max_keys.max(MIN_KEYS);
        self
    }

    /// How long after a call, by the wall clock, units that are not leased may be spent. Half a second by
    /// default; it should exceed the table's timeout.
    ///
    /// A process that was frozen between a call and its response calls again, because the units have
    /// expired.
    #[must_use]
    pub fn max_delay(mut self, max_delay: Duration) -> Self {
        self.max_delay = max_delay;
        self
    }

    /// Builds the limiter. Makes no call.
    #[must_use]
    pub fn build(self) -> Limiter<T> {
        Limiter {
            table: self.table,
            clock: self.clock,
            max_delay: i64::try_from(self.max_delay.as_micros()).unwrap_or(i64::MAX / 4),
            state: Mutex::new(Inner {
                memory: Memory::new(self.max_keys),
                metrics: Metrics::default(),
                random: self.seed,
                serial: 0,
                failures: 0,
                paused_until: 0,
                released_at: 0,
            }),
        }
    }
}

impl<T: Table> Limiter<T> {
    /// A limiter on `table` with `clock`, such as `SystemTime::now`.
    pub fn builder(table: T, clock: impl Clock + 'static) -> LimiterBuilder<T> {
        LimiterBuilder {
            table,
            clock: Box::new(clock),
            seed: 0,
            max_keys: DEFAULT_MAX_KEYS,
            max_delay: DEFAULT_MAX_DELAY,
        }
    }
}
