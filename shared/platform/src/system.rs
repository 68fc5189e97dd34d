//! The real clock and the real random source. Everything else takes them as parameters.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use minigate_domain::{Clock, Entropy, Timestamp};

/// The system's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that others are told to use")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_unix_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The operating system's random source.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::expect_used, reason = "without randomness no request can be served safely")]
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the operating system gives no random bytes");
    }
}

/// A wall clock in the form that `governor` takes. Its own clocks are monotonic and stand still
/// while Lambda has frozen the process.
#[derive(Clone)]
pub(crate) struct GovernorClock(Arc<dyn Clock>);

impl GovernorClock {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self(clock)
    }
}

impl governor::clock::Clock for GovernorClock {
    /// Time since the Unix epoch.
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_millis(self.0.now().unix_millis())
    }
}
