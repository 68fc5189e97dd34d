//! Decisions.

use std::time::Duration;

use crate::{Mode, Policy, memory::Return};

/// The outcome of one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The policy had enough units.
    Room,
    /// The policy had too few units.
    NoRoom,
    /// The store was unavailable, and the policy's [`OnStoreFailure`](crate::OnStoreFailure)
    /// decided.
    StoreFailure,
    /// Not checked, because another policy refused the request.
    Unasked,
}

/// A policy's part in a [`Decision`].
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) policy: Policy,
    pub(crate) reason: Reason,
    pub(crate) is_within: bool,
    pub(crate) remaining: u32,
    pub(crate) full_after: Duration,
    pub(crate) retry_after: Duration,
}

impl State {
    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether the request was within the policy. In [`Mode::Shadow`], this may be `false` for an allowed
    /// request.
    pub fn is_within(&self) -> bool {
        self.is_within
    }

    /// Whether this policy refused the request.
    pub fn is_violated(&self) -> bool {
        !self.is_within && self.policy.mode() == Mode::Enforce
    }

    /// Why.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Remaining units, as last known to this instance: others may have taken some since.
    pub fn remaining(&self) -> u32 {
        self.remaining
    }

    /// When the whole burst is available if nobody takes units; for a quota, when the window ends.
    pub fn full_after(&self) -> Duration {
        self.full_after
    }

    /// When an equal request may be within the policy; zero if this one was.
    pub fn retry_after(&self) -> Duration {
        self.retry_after
    }
}

/// Whether a request is allowed, and the state of each policy.
#[derive(Debug)]
#[must_use = "a decision that nobody looks at limits nothing"]
pub struct Decision {
    pub(crate) states: Vec<State>,
    pub(crate) claims: Vec<Claim>,
}

/// Units that a request took.
#[derive(Debug)]
pub(crate) struct Claim(pub(crate) Return);

impl Decision {
    /// Whether the request is allowed.
    pub fn is_allowed(&self) -> bool {
        !self.states.iter().any(State::is_violated)
    }

    /// How long to wait until an equal request can be allowed: `Retry-After` before rounding up. `None` if
    /// this one is allowed.
    pub fn retry_after(&self) -> Option<Duration> {
        self.violated().map(State::retry_after).max()
    }

    /// The policies that refused the request.
    pub fn violated(&self) -> impl Iterator<Item = &State> {
        self.states.iter().filter(|state| state.is_violated())
    }

    /// The outcome of each policy, in the order of the request.
    pub fn states(&self) -> &[State] {
        &self.states
    }
}
