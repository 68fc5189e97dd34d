//! What the cache did, for whoever runs the deployment.
//!
//! An instance lives for minutes and knows its own counts only. So each one adds what is new to an
//! item of each namespace in `Volatile`, once a minute at most and beside a request, and writes a
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
    reported: Mutex<Reported>,
}

struct Reported {
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
        let at = surroundings.clock.now();
        let reported = Mutex::new(Reported { at, by_namespace: BTreeMap::new() });
        Self { cache, own, store, surroundings, reported }
    }

    pub(super) fn after_request(self: &Arc<Self>) {
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
            let counts = Arc::clone(self);
            self.surroundings.background.start(async move { counts.report().await });
        }
    }

    /// Writes out what is new. What cannot be written is logged and gone.
    pub(super) async fn report(&self) {
        for (namespace, news) in self.news(&self.own) {
            self.log(&namespace, &news);
        }
        let news = self.news(&self.cache);
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
            (Metric::CacheHits, news.hits),
            (Metric::CacheStale, news.stale_served),
            (Metric::CacheMisses, news.misses),
            (Metric::CacheLoadErrors, news.load_errors),
            (Metric::CacheTableCalls, news.calls),
            (Metric::CacheTableErrors, news.level_errors),
        ];
        self.surroundings.metrics.add_of(Some(namespace), &counts);
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
