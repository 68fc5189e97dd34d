//! Where the time comes from.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;

/// A wall clock, and a way to wait. [`TokioTime`] is the one of a program; a test has its own.
pub trait Time: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    ///
    /// It must be the wall clock: a monotonic one stands still while a platform such as AWS Lambda
    /// has frozen the process, and a connection that idled for an hour would seem fresh.
    fn unix_millis(&self) -> u64;

    /// Waits.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The timer of tokio, and a wall clock such as `SystemTime::now`.
#[derive(Clone, Copy, Debug)]
pub struct TokioTime<F>(pub F);

impl<F: Fn() -> SystemTime + Send + Sync + 'static> Time for TokioTime<F> {
    fn unix_millis(&self) -> u64 {
        let since_epoch = (self.0)().duration_since(UNIX_EPOCH).unwrap_or_default();
        millis(since_epoch)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A duration in whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
