//! What is counted.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

/// Declares the counters and their snapshot together, so that neither lacks one.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counts of one namespace since it was built, in this process.
        ///
        /// Each call of a `get` is one of `memory_hits`, `shared_hits`, `stale_served` and
        /// `misses`.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Metrics {
            $($(#[$doc])* pub $name: u64,)*
            /// Entries in memory, about.
            pub entries: u64,
            /// Their weight in bytes, about.
            pub weight: u64,
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        impl Counters {
            pub(crate) fn snapshot(&self, entries: u64, weight: u64) -> Metrics {
                Metrics { $($name: self.$name.0.load(Ordering::Relaxed),)* entries, weight }
            }
        }
    };
}

counters! {
    /// Fresh values from memory.
    memory_hits,
    /// Fresh values from the second level, one for each caller who waited for it.
    shared_hits,
    /// Values served past their TTL, within their grace.
    stale_served,
    /// Calls that a load, or nothing, answered.
    misses,
    /// Calls, of the above, whose answer was that there is no such thing.
    absent_served,
    /// Loads begun.
    loads,
    /// Loads that failed, panicked or did not end within the hard timeout.
    load_errors,
    /// Calls that ended with the hard timeout.
    timeouts,
    /// Loads begun beside a caller who was served already.
    refreshes,
    /// Times another instance held the lease of a key to load.
    lease_losses,
    /// Entries found that a tag had invalidated.
    invalidated,
    /// Calls to the second level.
    calls,
    /// Calls to the second level without an answer.
    level_errors,
    /// Calls to the second level not made, because it pauses after errors.
    level_pauses,
    /// Items that did not decode.
    undecodable,
    /// Values that were not written to the second level because serializing them failed.
    unencodable,
    /// Values that were not written to the second level because of their size.
    oversized,
    /// Values not cached because they have more tags than an entry may have.
    overtagged,
    /// Loaded values that were not written because a newer one was there.
    outdated_writes,
    /// Bytes of values read from the second level.
    bytes_read,
    /// Bytes of values written to the second level.
    bytes_written,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn increment(&self) {
        self.add(1);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts of a cache since it was built, in this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheMetrics {
    /// Tags and namespaces invalidated.
    pub invalidations: u64,
    /// Invalidations that did not reach the second level.
    pub invalidation_errors: u64,
    /// By the name of the namespace.
    pub namespaces: BTreeMap<String, Metrics>,
}
