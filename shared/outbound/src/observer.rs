//! What a client tells about itself.

use std::time::Duration;

use crate::{Cause, CircuitState};

/// Whoever counts calls. It is called once for each call and for each change of a circuit; it must not
/// block. Nothing that it is given holds a secret.
pub trait Observer: Send + Sync + 'static {
    /// A call has ended.
    fn called(&self, call: &Call);

    /// A circuit has opened or closed.
    fn circuit_changed(&self, provider: &'static str, state: CircuitState);
}

/// A call that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who was called.
    pub provider: &'static str,
    /// For what.
    pub operation: &'static str,
    /// How it ended.
    pub ended: Ended,
    /// Attempts that were made: zero if the circuit was open.
    pub attempts: u32,
    /// From the call to its end, waits included.
    pub latency: Duration,
}

/// How a call ended, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this status.
    Answered(u16),
    /// Unsent.
    NotSent(Cause),
    /// Without knowing.
    Unknown(Cause),
}

impl Ended {
    /// Whether the provider failed the caller: no answer, or one that says 5xx or 408. A refusal is
    /// none, and neither is a 429.
    pub fn is_failure(self) -> bool {
        match self {
            Self::Answered(status) => status >= 500 || status == 408,
            Self::NotSent(Cause::Invalid(_)) => false,
            Self::NotSent(_) | Self::Unknown(_) => true,
        }
    }
}

/// Nobody counts.
impl Observer for () {
    fn called(&self, _: &Call) {}

    fn circuit_changed(&self, _: &'static str, _: CircuitState) {}
}
