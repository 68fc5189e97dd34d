//! Where the time comes from.

use std::time::{SystemTime, UNIX_EPOCH};

/// A wall clock.
///
/// It must be the wall clock and not a monotonic one: instances compare what it shows, and a
/// monotonic clock stands still while a platform such as AWS Lambda has frozen the process. Any
/// `Fn() -> SystemTime` is a clock, `SystemTime::now` among them.
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
