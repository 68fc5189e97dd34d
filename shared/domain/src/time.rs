//! Wall-clock time as a value.
//!
//! Everything that expires is compared with wall-clock time. A monotonic clock would be wrong
//! here: it stands still while Lambda has frozen the process.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment, in whole milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment `milliseconds` after the Unix epoch.
    pub const fn from_unix_millis(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn unix_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down. DynamoDB's TTL attribute and the `iat`
    /// and `exp` claims of a token count in these.
    pub const fn unix_seconds(self) -> u64 {
        self.0 / 1000
    }

    /// How long after `earlier` this moment is; zero if it is not after it.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// This moment, `duration` later. Stops at the largest moment instead of overflowing.
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// This moment cut down to a whole second, the precision of a token's claims.
    pub const fn to_whole_second(self) -> Self {
        Self(self.0 - self.0 % 1000)
    }
}

/// Where the time comes from. The platform passes the system's clock in, tests a fake one.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        let late = Timestamp::from_unix_millis(u64::MAX - 1);
        assert_eq!(late.after(Duration::MAX).unix_millis(), u64::MAX);
        assert_eq!(Timestamp::from_unix_millis(1).since(late), Duration::ZERO);
    }

    #[test]
    fn seconds_round_down() {
        assert_eq!(Timestamp::from_unix_millis(1_999).unix_seconds(), 1);
        assert_eq!(Timestamp::from_unix_millis(1_999).to_whole_second().unix_millis(), 1_000);
    }
}
