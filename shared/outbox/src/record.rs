//! An effect as it waits in the table, and what a worker may do with it.

use crate::{Effect, Key, Policy, Repeat, policy::millis};

/// How an effect ends that was not performed for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was not performed: attempts are used up, or the receiver refused it.
    Parked,
    /// It may have been performed, and must not be repeated.
    Unknown,
}

impl Ending {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::Unknown => "unknown",
        }
    }
}

/// An effect with its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What is to happen.
    pub effect: Effect,
    /// When it was written, in Unix milliseconds.
    pub created: u64,
    /// How often it was attempted.
    pub attempts: u32,
    /// Until when a worker has it, in Unix milliseconds; 0 if none has.
    pub lease: u64,
    /// Whether an attempt was begun of which the outcome is not written.
    pub is_begun: bool,
    /// Whether an earlier attempt may have performed it.
    pub is_in_doubt: bool,
    /// The token of the last change.
    pub token: String,
    /// Why the last attempt failed: a word of the receiver's, for people.
    pub reason: String,
}

/// What a worker does with a record that it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Another worker has it.
    Leave,
    /// Claim it and perform it.
    Claim,
    /// It is over.
    End(Ending),
}

impl Record {
    pub(crate) fn pending(effect: &Effect, now: u64, token: String) -> Self {
        Self {
            effect: effect.clone(),
            created: now,
            attempts: 0,
            lease: 0,
            is_begun: false,
            is_in_doubt: false,
            token,
            reason: String::new(),
        }
    }

    /// What is next for this record, as it was read at `now`.
    pub(crate) fn step(&self, policy: &Policy, now: u64) -> Step {
        if self.lease > now {
            return Step::Leave;
        }
        let may_have_happened = self.is_begun || self.is_in_doubt;
        let may_be_repeated = match self.effect.repeat {
            Repeat::Never => false,
            Repeat::ByKey(window) => now <= self.created.saturating_add(millis(window)),
        };
        if may_have_happened && !may_be_repeated {
            Step::End(Ending::Unknown)
        } else if self.attempts >= policy.attempts {
            Step::End(self.ending())
        } else {
            Step::Claim
        }
    }

    /// How it ends if nothing further is tried.
    pub(crate) const fn ending(&self) -> Ending {
        if self.is_begun || self.is_in_doubt { Ending::Unknown } else { Ending::Parked }
    }

    /// The record while a worker performs it. An attempt without a written outcome puts it in doubt.
    pub(crate) fn claimed(&self, policy: &Policy, now: u64, token: String) -> Self {
        Self {
            attempts: self.attempts + 1,
            lease: now.saturating_add(millis(policy.lease)),
            is_begun: true,
            is_in_doubt: self.is_in_doubt || self.is_begun,
            token,
            ..self.clone()
        }
    }

    /// The claimed record after an attempt that failed, or whose outcome is unknown.
    pub(crate) fn released(&self, is_in_doubt: bool, reason: &str, token: String) -> Self {
        Self {
            lease: 0,
            is_begun: false,
            is_in_doubt: self.is_in_doubt || is_in_doubt,
            token,
            reason: reason.to_owned(),
            ..self.clone()
        }
    }
}

/// Where a record waits that is due at this time.
pub(crate) fn pending_key(effect: &Effect, policy: &Policy, due: u64) -> Key {
    Key {
        partition: partition(&effect.lane, policy.shard_of(&effect.id)),
        sort: format!("{due:013}#{}", effect.id),
    }
}

/// A partition of a lane's pending records.
pub(crate) fn partition(lane: &str, shard: u8) -> String {
    format!("OUTBOX#{lane}#{shard}")
}

/// The partition of a lane's records that ended like this.
pub(crate) fn ended_partition(lane: &str, ending: Ending) -> String {
    format!("OUTBOX#{lane}#{}", ending.name())
}

/// The sort key that is at or after those of everything due at this time, and before all others.
pub(crate) fn due_until(now: u64) -> String {
    // The character after the one between time and id.
    format!("{now:013}$")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(100);

    fn record(repeat: Repeat) -> Record {
        let effect = Effect::new("lane", "id", "", repeat).unwrap();
        Record::pending(&effect, 1_000, "t0".to_owned())
    }

    #[test]
    fn a_claimed_record_is_left_alone_until_its_lease_ends() {
        let policy = Policy::default();
        let claimed = record(Repeat::ByKey(WINDOW)).claimed(&policy, 1_000, "t1".to_owned());
        assert_eq!(claimed.step(&policy, 60_999), Step::Leave);
        assert_eq!(claimed.step(&policy, 61_000), Step::Claim);
        assert_eq!(claimed.step(&policy, 101_001), Step::End(Ending::Unknown), "past the window");
    }

    #[test]
    fn what_may_have_happened_is_not_repeated_without_a_key() {
        let policy = Policy::default();
        let claimed = record(Repeat::Never).claimed(&policy, 1_000, "t1".to_owned());
        assert_eq!(claimed.step(&policy, 61_000), Step::End(Ending::Unknown));
        let refused = claimed.released(false, "busy", "t2".to_owned());
        assert_eq!(refused.step(&policy, 61_000), Step::Claim, "it certainly did not happen");
    }

    #[test]
    fn used_up_attempts_end_as_what_is_known_of_them() {
        let policy = Policy { attempts: 1, ..Policy::default() };
        let claimed = record(Repeat::ByKey(WINDOW)).claimed(&policy, 1_000, "t1".to_owned());
        let known = claimed.released(false, "refused", "t2".to_owned());
        let doubtful = claimed.released(true, "timeout", "t2".to_owned());
        assert_eq!(known.step(&policy, 2_000), Step::End(Ending::Parked));
        assert_eq!(doubtful.step(&policy, 2_000), Step::End(Ending::Unknown));
    }

    #[test]
    fn doubt_stays() {
        let policy = Policy::default();
        let first = record(Repeat::ByKey(WINDOW)).claimed(&policy, 1_000, "t1".to_owned());
        let second = first.claimed(&policy, 70_000, "t2".to_owned());
        assert!(second.released(false, "busy", "t3".to_owned()).is_in_doubt);
    }

    #[test]
    fn the_bound_of_what_is_due_lets_in_its_own_millisecond_only() {
        let policy = Policy::default();
        for id in ["a", "~", "#", "!"] {
            let effect = Effect::new("lane", id, "", Repeat::Never).unwrap();
            assert!(pending_key(&effect, &policy, 5).sort <= due_until(5), "{id}");
            assert!(pending_key(&effect, &policy, 6).sort > due_until(5), "{id}");
        }
    }
}
