//! Time and chance.

use std::time::{Duration, Instant};

use minigate_platform::{Clock, SystemClock};
use tokio::time::sleep;

/// How long [`eventually`] waits. Nothing that is polled takes a tenth of it on an idle machine.
const DEADLINE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(20);

/// The Unix time in seconds.
pub fn now() -> u64 {
    SystemClock.now().unix_seconds()
}

/// A Telegram user whom no other test has: tests run in parallel on one deployment.
pub fn random_user() -> u64 {
    // 51 random bits, and never so small that it could be somebody's.
    (getrandom::u64().unwrap() >> 13) | 1 << 50
}

/// Asks until there is something, and returns it.
///
/// # Panics
/// If that takes too long; `what` is then said to be missing.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(started.elapsed() < DEADLINE, "{what} did not come within {DEADLINE:?}");
        sleep(PAUSE).await;
    }
}
