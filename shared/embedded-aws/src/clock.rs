//! The time of the queues.

use std::{
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// Where the queues' time comes from: delays, visibility timeouts and retention are measured by it. The
/// system's clock unless a test passes one that it moves.
#[derive(Clone)]
pub struct TimeSource(Arc<dyn Fn() -> u64 + Send + Sync>);

impl TimeSource {
    /// A clock that shows milliseconds since the Unix epoch.
    pub fn new(unix_millis: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(unix_millis))
    }

    pub(crate) fn unix_millis(&self) -> u64 {
        (self.0)()
    }
}

impl Default for TimeSource {
    #[expect(clippy::disallowed_methods, reason = "the clock of whoever injects none")]
    fn default() -> Self {
        Self::new(|| {
            let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
        })
    }
}

impl fmt::Debug for TimeSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("TimeSource").field(&self.unix_millis()).finish()
    }
}
