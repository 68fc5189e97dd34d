//! What the cache did, for whoever runs the deployment.
//!
//! An instance lives for minutes and knows its own counts only. So each one adds what is new to an
//! item of each namespace in `Volatile`, once a minute at most and beside a request, and writes a
//! line of metrics.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use minigate_cache::{Cache, Metrics as Numbers};
use minigate_domain::Timestamp;
use minigate_store::{CacheCounts, Store};

use crate::{Metric, secrets::Surroundings};

/// How often counts are written out at most.
const REPORT_AFTER: Duration = Duration::from_secs(60);

pub(super) struct Counts {
    store: Store,
    surroundings: Surroundings,
    reported: Mutex<Reported>,
}

struct Reported {
    at: Timestamp,
    by_namespace: BTreeMap<String, CacheCounts>,
}

impl Counts {
    pub(super) fn new(store: Store, surroundings: Surroundings) -> Self {
        let at = surroundings.clock.now();
        let reported = Mutex::new(Reported { at, by_namespace: BTreeMap::new() });
        Self { store, surroundings, reported }
    }

    pub(super) fn after_request(self: &Arc<Self>, cache: &Cache) {
        let now = self.surroundings.clock.now();
        let is_due = {
            let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = now.since(reported.at) >= REPORT_AFTER;
            if is_due {
                reported.at = now;
            }
            is_due
        };
        if is_due {
            let (counts, cache) = (Arc::clone(self), cache.clone());
            self.surroundings.background.start(async move { counts.report(&cache).await });
        }
    }

    /// Writes out what is new. What cannot be written is logged and gone.
    pub(super) async fn report(&self, cache: &Cache) {
        for (namespace, news) in self.news(cache) {
            self.surroundings.metrics.add(&[
                (Metric::CacheHits, news.hits),
                (Metric::CacheStale, news.stale_served),
                (Metric::CacheMisses, news.misses),
                (Metric::CacheLoadErrors, news.load_errors),
                (Metric::CacheTableCalls, news.calls),
                (Metric::CacheTableErrors, news.level_errors),
            ]);
            let now = self.surroundings.clock.now();
            if let Err(error) = self.store.add_cache_counts(&namespace, &news, now).await {
                tracing::warn!(%error, "counts of the cache are lost");
            }
        }
    }

    fn news(&self, cache: &Cache) -> Vec<(String, CacheCounts)> {
        let namespaces = cache.metrics().namespaces;
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        let news = namespaces.into_iter().filter_map(|(namespace, numbers)| {
            let counts = counts(&numbers);
            let before = reported.by_namespace.insert(namespace.clone(), counts);
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
