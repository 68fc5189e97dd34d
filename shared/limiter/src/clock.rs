//! The source of time.

use std::time::{SystemTime, UNIX_EPOCH};

/// A wall clock, read before and after every call. Any `Fn() -> SystemTime` implements it, such as
/// `SystemTime::now`.
///
/// It must not be monotonic: instances on different machines compare its values, and a monotonic clock
/// stops while a platform such as AWS Lambda freezes the process.
pub trait Clock: Send + Sync {
    /// Microseconds since the Unix epoch.
    fn unix_micros(&self) -> i64;
}

impl<F: Fn() -> SystemTime + Send + Sync> Clock for F {
    fn unix_micros(&self) -> i64 {
        let since_epoch = self().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
    }
}
