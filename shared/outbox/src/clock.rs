//! Where the time comes from.

use std::time::{SystemTime, UNIX_EPOCH};

/// A wall clock. Any `Fn() -> SystemTime` is one, `SystemTime::now` among them.
///
/// It must be the wall clock: due times are stored, and a monotonic clock stands still while a platform
/// such as AWS Lambda has frozen the process.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch.
    fn unix_millis(&self) -> u64;
}

impl<F: Fn() -> SystemTime + Send + Sync> Clock for F {
    fn unix_millis(&self) -> u64 {
        let since_epoch = self().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
    }
}
