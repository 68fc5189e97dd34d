//! The settings of a limiter.

use std::{fmt, sync::Mutex, time::Duration};

use super::{Inner, Limiter};
use crate::{Clock, Metrics, Table, memory::Memory};

/// How long the answer to a call may take before what it brought is no longer spent, unless told
/// otherwise: the process was frozen meanwhile.
const DEFAULT_MAX_DELAY: Duration = Duration::from_millis(500);
const DEFAULT_MAX_KEYS: usize = 10_000;
/// The memory never holds fewer keys: all of one request's must fit.
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
    /// Where the random waits of a saturated key begin. It should differ between instances; it
    /// need not be secret. 0 unless told otherwise.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many keys are remembered, 64 or more: the bound on memory, at some 300 bytes each and
    /// the key. 10,000 unless told otherwise.
    #[must_use]
    pub fn max_keys(mut self, max_keys: usize) -> Self {
        self.max_keys = max_keys.max(MIN_KEYS);
        self
    }

    /// How long after asking, by the wall clock, units that are not leased may still be spent.
    /// Half a second unless told otherwise; it should exceed the table's timeout.
    ///
    /// A process that was frozen between a call and its answer asks again, because the units
    /// belong to a time that is over.
    #[must_use]
    pub fn max_delay(mut self, max_delay: Duration) -> Self {
        self.max_delay = max_delay;
        self
    }

    /// The limiter. Makes no call.
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
    /// A limiter on `table` that goes by `clock`, such as `SystemTime::now`.
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
