//! What the cache did, for whoever runs the deployment.
//!
//! An instance lives for minutes and knows its own counts only. So each one adds what is new to an
//! item of each namespace in `Volatile`, at most once a minute and in the background, and writes a
//! line of metrics. Of the cache without a table there is the line only.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use minigate_cache::{Cache, Metrics as Numbers};
use minigate_domain::Timestamp;
use minigate_store::{CacheCounts, Store};

use crate::{Metric, secrets::Surroundings};

/// How often counts are written out at most.
const REPORT_AFTER: Duration = Duration::from_secs(60);

pub(super) struct Counts {
    /// The one whose namespaces all instances have.
    cache: Cache,
    /// The one without a table.
    own: Cache,
    /// Where they go, if the function may write there.
    store: Option<Store>,
    surroundings: Surroundings,
    reported: Reported,
}

/// What has been reported of the counts, which only ever grow.
struct Reported(Mutex<Last>);

struct Last {
    at: Timestamp,
    by_namespace: BTreeMap<String, CacheCounts>,
}

impl Counts {
    pub(super) fn new(
        cache: Cache,
        own: Cache,
        store: Option<Store>,
        surroundings: Surroundings,
    ) -> Self {
        let reported = Reported::new(surroundings.clock.now());
        Self { cache, own, store, surroundings, reported }
    }

    pub(super) fn after_request(self: &Arc<Self>) {
        if self.reported.is_due(self.surroundings.clock.now()) {
            let counts = Arc::clone(self);
            self.surroundings.background.start(async move { counts.report().await });
        }
    }

    /// Writes out what is new. What cannot be written is logged and gone.
    pub(super) async fn report(&self) {
        for (namespace, news) in self.reported.news(&self.own) {
            self.log(&namespace, &news);
        }
        let news = self.reported.news(&self.cache);
        // All at once: a process that ends has little time.
        join_all(news.iter().map(|(namespace, news)| self.tell(namespace, news))).await;
    }

    async fn tell(&self, namespace: &str, news: &CacheCounts) {
        self.log(namespace, news);
        let Some(store) = &self.store else { return };
        let now = self.surroundings.clock.now();
        if let Err(error) = store.add_cache_counts(namespace, news, now).await {
            tracing::warn!(%error, "counts of the cache are lost");
        }
    }

    fn log(&self, namespace: &str, news: &CacheCounts) {
        let counts = [
            (Metric::CACHE_HITS, news.hits),
            (Metric::CACHE_STALE, news.stale_served),
            (Metric::CACHE_MISSES, news.misses),
            (Metric::CACHE_LOAD_ERRORS, news.load_errors),
            (Metric::CACHE_TABLE_CALLS, news.calls),
            (Metric::CACHE_TABLE_ERRORS, news.level_errors),
        ];
        self.surroundings.metrics.add_of(Some(("cache", namespace)), &counts);
    }
}

impl Reported {
    fn new(at: Timestamp) -> Self {
        Self(Mutex::new(Last { at, by_namespace: BTreeMap::new() }))
    }

    /// Whether a report is due. Says so to one of those who ask at the same time.
    fn is_due(&self, now: Timestamp) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = now.since(last.at) >= REPORT_AFTER;
        if is_due {
            last.at = now;
        }
        is_due
    }

    /// What was counted since the last report, each once, however many threads report.
    fn news(&self, cache: &Cache) -> Vec<(String, CacheCounts)> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock: counts read before it may be older than those reported meanwhile.
        let namespaces = cache.metrics().namespaces;
        let news = namespaces.into_iter().filter_map(|(namespace, numbers)| {
            let counts = counts(&numbers);
            let before = last.by_namespace.insert(namespace.clone(), counts);
            let news = counts.since(&before.unwrap_or_default());
            (news != CacheCounts::default()).then_some((namespace, news))
        });
        news.collect()
    }
}

fn counts(numbers: &Numbers) -> CacheCounts {
    CacheCounts {
        hits: numbers.memory_hits + numbers.shared_hits,
        stale_served: numbers.stale_served,
        misses: numbers.misses,
        loads: numbers.loads,
        load_errors: numbers.load_errors,
        invalidated: numbers.invalidated,
        calls: numbers.calls,
        level_errors: numbers.level_errors,
        level_pauses: numbers.level_pauses,
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use minigate_cache::{MemoryLevel, Namespace};

    use super::*;

    #[test]
    fn several_threads_report_each_lookup_once() {
        const THREADS: u64 = 4;
        const LOOKUPS: u64 = 3_000;
        let cache = Cache::builder(MemoryLevel::default(), || UNIX_EPOCH).build().unwrap();
        let namespace: Namespace<u8> =
            cache.namespace("numbers", Duration::from_secs(60)).build().unwrap();
        let reported = Reported::new(Timestamp::from_unix_millis(0));
        let work = || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let mut lookups = 0;
            for _ in 0..LOOKUPS {
                let lookup = namespace.at("a").unwrap();
                runtime.block_on(lookup.get());
                for (_, news) in reported.news(&cache) {
                    lookups += news.hits + news.misses;
                }
            }
            lookups
        };
        let lookups: u64 = std::thread::scope(|scope| {
            let threads = [(); THREADS as usize].map(|()| scope.spawn(work));
            threads.map(|thread| thread.join().unwrap()).iter().sum()
        });
        assert_eq!(lookups, THREADS * LOOKUPS);
    }
}
