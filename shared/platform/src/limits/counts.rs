//! What the limiter has counted, as lines of metrics.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use minigate_domain::Timestamp;
use minigate_limiter::Metrics as Counts;

use crate::Metric;

/// How often counts are written out at most, as one line.
const REPORT_AFTER: Duration = Duration::from_secs(10);

/// What has been reported of the counts, which only ever grow.
pub(super) struct Reported(Mutex<Last>);

struct Last {
    counts: Counts,
    at: Timestamp,
}

impl Reported {
    pub(super) fn new(counts: Counts, at: Timestamp) -> Self {
        Self(Mutex::new(Last { counts, at }))
    }

    /// Whether a report is due. Says so to one of those who ask at the same time.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = now.since(last.at) >= REPORT_AFTER;
        if is_due {
            last.at = now;
        }
        is_due
    }

    /// What was counted since the last report, each unit once, however many threads report.
    pub(super) fn news(&self, counts: impl FnOnce() -> Counts) -> [(Metric, u64); 8] {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock: counts read before it may be older than those reported meanwhile.
        let now = counts();
        differences(std::mem::replace(&mut last.counts, now), now)
    }
}

/// What was counted between two moments.
fn differences(before: Counts, now: Counts) -> [(Metric, u64); 8] {
    [
        (Metric::LIMIT_ADMITTED, now.admitted - before.admitted),
        (Metric::LIMIT_DENIED, now.denied - before.denied),
        (Metric::LIMIT_SHADOW_DENIED, now.shadow_denied - before.shadow_denied),
        (Metric::LIMIT_WITHOUT_STORE, now.without_store - before.without_store),
        (Metric::LIMIT_STORE_ERRORS, now.store_errors - before.store_errors),
        (Metric::LIMIT_CALLS, now.calls - before.calls),
        (Metric::LIMIT_UNITS_TAKEN, now.taken_units - before.taken_units),
        (Metric::LIMIT_UNITS_WASTED, now.wasted_units - before.wasted_units),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use minigate_limiter::{Limiter, MemoryTable, Policy};

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1000)
    }

    #[test]
    fn several_threads_report_each_request_once() {
        const THREADS: u64 = 4;
        const REQUESTS: u64 = 3_000;
        let limiter = Limiter::builder(MemoryTable::default(), || UNIX_EPOCH).build();
        let policy = Policy::rate("api", 100, Duration::from_secs(60)).build().unwrap();
        let reported = Reported::new(limiter.metrics(), at(0));
        let work = || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut sums = [0; 8];
            for _ in 0..REQUESTS {
                let _ = runtime.block_on(limiter.check(policy.on("a").unwrap()));
                for (sum, (_, count)) in sums.iter_mut().zip(reported.news(|| limiter.metrics())) {
                    *sum += count;
                }
            }
            sums
        };
        let sums = std::thread::scope(|scope| {
            let threads = [(); THREADS as usize].map(|()| scope.spawn(work));
            threads.map(|thread| thread.join().unwrap())
        });
        let total = |index: usize| sums.iter().map(|of_thread| of_thread[index]).sum::<u64>();
        let expected = differences(Counts::default(), limiter.metrics());
        for (index, (metric, count)) in expected.into_iter().enumerate() {
            assert_eq!(total(index), count, "{metric:?}");
        }
        // The limit of 100 admits 100 of them.
        assert_eq!([total(0), total(1)], [100, THREADS * REQUESTS - 100]);
    }

    #[test]
    fn one_report_is_due_in_ten_seconds() {
        let reported = Reported::new(Counts::default(), at(100));
        let due: Vec<u64> = (100..130).filter(|now| reported.is_due(at(*now))).collect();
        assert_eq!(due, [110, 120]);
        assert!(!reported.is_due(at(50)), "the clock went back");
    }
}
