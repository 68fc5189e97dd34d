//! Counters.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

/// Declares the counters and their snapshot together, so that neither lacks one.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The counters of one namespace in this process, since it was built.
        ///
        /// Each call of a `get` is one of `memory_hits`, `shared_hits`, `stale_served` and
        /// `misses`.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Metrics {
            $($(#[$doc])* pub $name: u64,)*
            /// The approximate number of entries in memory.
            pub entries: u64,
            /// Their approximate weight in bytes.
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
    /// Stale values served within their grace.
    stale_served,
    /// Calls that needed a load, or failed.
    misses,
    /// Calls, of the above, whose value does not exist.
    absent_served,
    /// Loads started.
    loads,
    /// Loads that failed, panicked or did not end within the hard timeout.
    load_errors,
    /// Calls that ended with the hard timeout.
    timeouts,
    /// Background refreshes started.
    refreshes,
    /// Times another instance held the lease of a key to load.
    lease_losses,
    /// Entries found that a tag had invalidated.
    invalidated,
    /// Calls to the second level.
    calls,
    /// Calls to the second level that failed or timed out.
    level_errors,
    /// Calls to the second level skipped during a pause after errors.
    level_pauses,
    /// Items that could not be decoded.
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
