//! The erasure of a user: asked for, taken back within the days of grace, then begun.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an erasure can be taken back, which a test holds between [`MIN_ERASURE_GRACE`] and
/// [`MAX_ERASURE_GRACE`].
pub const ERASURE_GRACE: Duration = DAY.saturating_mul(7);

/// The least: longer than any access token, so that none from before the request is good when the
/// erasure begins.
pub const MIN_ERASURE_GRACE: Duration = DAY;

/// The most: a month, in which a controller must answer such a request (GDPR, article 12, paragraph 3).
pub const MAX_ERASURE_GRACE: Duration = DAY.saturating_mul(30);

/// An erasure that a user asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// When the user asked for it.
    pub requested_at: Timestamp,
    /// Until when it can be taken back.
    pub due_at: Timestamp,
    /// Whether something may have been erased already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_begun: bool,
}

impl Erasure {
    /// An erasure that is asked for now.
    pub fn requested(now: Timestamp) -> Self {
        Self { requested_at: now, due_at: now.after(ERASURE_GRACE), is_begun: false }
    }

    /// Whether the grace is over: the account is being erased, and nothing brings it back.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.is_begun || now >= self.due_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grace_is_within_its_range() {
        assert!((MIN_ERASURE_GRACE..=MAX_ERASURE_GRACE).contains(&ERASURE_GRACE));
    }

    #[test]
    fn an_erasure_is_due_when_its_grace_is_over() {
        let now = Timestamp::from_unix_millis(1_000);
        let erasure = Erasure::requested(now);
        assert!(!erasure.is_due(now));
        let millis = erasure.due_at.unix_millis();
        assert!(!erasure.is_due(Timestamp::from_unix_millis(millis - 1)));
        assert!(erasure.is_due(erasure.due_at));
    }
}
