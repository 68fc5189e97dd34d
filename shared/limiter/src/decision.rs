//! Answers.

use std::time::Duration;

use crate::{Mode, Policy, memory::Return};

/// What one policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There were units for the request.
    Room,
    /// There were none.
    NoRoom,
    /// The store did not answer, and the policy's [`OnStoreFailure`](crate::OnStoreFailure)
    /// decided.
    StoreFailure,
    /// Not asked: another policy had refused the request.
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

    /// Whether the request was within the policy. A policy in [`Mode::Shadow`] refuses nothing, and
    /// says so here.
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

    /// How many units are left, for all that this instance knows: others may have taken some.
    pub fn remaining(&self) -> u32 {
        self.remaining
    }

    /// When the whole burst will be there if nobody takes any; for a quota, when the window ends.
    pub fn full_after(&self) -> Duration {
        self.full_after
    }

    /// When a request like this one may be within the policy; zero if this one was.
    pub fn retry_after(&self) -> Duration {
        self.retry_after
    }
}

/// Whether a request may go on.
#[derive(Debug)]
#[must_use = "a decision that nobody looks at limits nothing"]
pub struct Decision {
    pub(crate) states: Vec<State>,
    pub(crate) claims: Vec<Claim>,
}

/// Units that a request spent.
#[derive(Debug)]
pub(crate) struct Claim(pub(crate) Return);

impl Decision {
    /// Whether it may.
    pub fn is_allowed(&self) -> bool {
        !self.states.iter().any(State::is_violated)
    }

    /// How long to wait before a request like this one can be allowed: the value of `Retry-After`
    /// before rounding up. `None` if this one is.
    pub fn retry_after(&self) -> Option<Duration> {
        self.violated().map(State::retry_after).max()
    }

    /// The policies that refused the request.
    pub fn violated(&self) -> impl Iterator<Item = &State> {
        self.states.iter().filter(|state| state.is_violated())
    }

    /// What each policy says, in the order in which they were asked for.
    pub fn states(&self) -> &[State] {
        &self.states
    }
}
