//! The source of time.

use std::time::{SystemTime, UNIX_EPOCH};

/// A wall clock. Any `Fn() -> SystemTime` implements it, such as `SystemTime::now`.
///
/// It must not be monotonic: instances compare its values, and a monotonic clock stops while a platform
/// such as AWS Lambda freezes the process.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn unix_millis(&self) -> i64;
}

impl<F: Fn() -> SystemTime + Send + Sync + 'static> Clock for F {
    fn unix_millis(&self) -> i64 {
        let since_epoch = self().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
    }
}
