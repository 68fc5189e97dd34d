//! The circuit breaker: a provider that is down is not called, except to see whether it is back.

use std::time::Duration;

use crate::{random::up_to, time::millis};

/// When a circuit opens, and when it is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// The stretch of time that is looked at.
    pub window: Duration,
    /// Faults of the provider in the window, below which the circuit stays closed.
    pub min_faults: u32,
    /// Their share of the window's attempts in percent, below which it stays closed.
    pub fault_percent: u32,
    /// How long the circuit stays open at most, the first time. Each probe that fails doubles it.
    pub first_open: Duration,
    /// How long it stays open at most. So a provider that is back is found within this time, by the
    /// first call after it.
    pub max_open: Duration,
}

impl Default for BreakerPolicy {
    /// Opens after 5 faults within a minute, if they are at least half of the attempts; for 5 s, later
    /// for up to 30 s. A minute, because a process that calls one at a time needs 20 s for 5 timeouts.
    fn default() -> Self {
        Self {
            window: Duration::from_secs(60),
            min_faults: 5,
            fault_percent: 50,
            first_open: Duration::from_secs(5),
            max_open: Duration::from_secs(30),
        }
    }
}

/// What an attempt says about the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works. An answer that refuses the request is one of these: the fault is ours.
    Works,
    /// It is at fault: unreachable, silent, garbled, or answering with a 5xx.
    Fault,
    /// Nothing: the attempt was cut short by its caller.
    Nothing,
}

/// The state of a circuit, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitState {
    /// Calls pass.
    Closed,
    /// Calls are refused until the given time, in milliseconds since the Unix epoch.
    Open {
        /// When the next call passes as a probe.
        until_millis: u64,
    },
    /// One call is under way as a probe; the others are refused.
    HalfOpen,
}

/// Permission for one attempt, to be given back to [`Breaker::record`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    /// Which state gave it: an attempt that began before a change says nothing about what followed.
    generation: u64,
}

/// The state machine. It has no clock and no randomness: both are passed in.
#[derive(Clone, Debug)]
pub struct Breaker {
    policy: BreakerPolicy,
    state: State,
    generation: u64,
}

#[derive(Clone, Debug)]
enum State {
    Closed(Window),
    /// Since when, until when, and out of which time the wait was drawn.
    Open {
        since: u64,
        until: u64,
        span: u64,
    },
    HalfOpen {
        span: u64,
    },
}

impl Breaker {
    /// A closed circuit.
    pub fn new(policy: BreakerPolicy) -> Self {
        Self { policy, state: State::Closed(Window::default()), generation: 0 }
    }

    /// Asks for an attempt.
    ///
    /// # Errors
    /// The time for which the circuit is still open.
    pub fn admit(&mut self, now_millis: u64) -> Result<Permit, Duration> {
        match self.state {
            State::Closed(_) => {}
            // A clock that is set back must not keep a circuit open.
            State::Open { since, until, span } if now_millis >= until || now_millis < since => {
                self.enter(State::HalfOpen { span });
            }
            State::Open { until, .. } => return Err(Duration::from_millis(until - now_millis)),
            State::HalfOpen { .. } => return Err(self.policy.first_open),
        }
        Ok(Permit { generation: self.generation })
    }

    /// Says what became of an attempt. `random` is any number, for the length of the wait. Returns
    /// whether the circuit has opened or closed.
    pub fn record(
        &mut self,
        permit: Permit,
        verdict: Verdict,
        now_millis: u64,
        random: u64,
    ) -> Option<CircuitState> {
        if permit.generation != self.generation {
            return None;
        }
        match (&mut self.state, verdict) {
            (State::Closed(window), verdict) => {
                window.count(verdict, now_millis, &self.policy);
                if verdict != Verdict::Fault || !window.is_bad(&self.policy) {
                    return None;
                }
                self.open(millis(self.policy.first_open), now_millis, random);
            }
            (State::HalfOpen { .. }, Verdict::Works) => {
                self.enter(State::Closed(Window::default()));
            }
            (State::HalfOpen { span }, Verdict::Fault) => {
                let longer = span.saturating_mul(2);
                self.open(longer, now_millis, random);
            }
            // The probe was lost, so the next call is the probe.
            (State::HalfOpen { span }, Verdict::Nothing) => {
                let span = *span;
                self.enter(State::Open { since: now_millis, until: now_millis, span });
                return None;
            }
            (State::Open { .. }, _) => return None,
        }
        Some(self.state())
    }

    /// The state, for people.
    pub fn state(&self) -> CircuitState {
        match self.state {
            State::Closed(_) => CircuitState::Closed,
            State::Open { until, .. } => CircuitState::Open { until_millis: until },
            State::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }

    /// The wait is between half of the span and all of it, so that instances do not probe at once.
    fn open(&mut self, span: u64, now: u64, random: u64) {
        let span = span.min(millis(self.policy.max_open));
        let wait = span - span / 2 + up_to(span / 2, random);
        self.enter(State::Open { since: now, until: now.saturating_add(wait), span });
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.generation += 1;
    }
}

/// Parts of the window: what is older than the window is forgotten a part at a time.
const PARTS: u64 = 10;

/// Attempts and faults of the last time.
#[derive(Clone, Debug, Default)]
struct Window {
    parts: [Part; PARTS as usize],
}

#[derive(Clone, Copy, Debug, Default)]
struct Part {
    /// Which part of all time it is.
    number: u64,
    attempts: u32,
    faults: u32,
}

impl Window {
    fn count(&mut self, verdict: Verdict, now: u64, policy: &BreakerPolicy) {
        if verdict == Verdict::Nothing {
            return;
        }
        let number = now / (millis(policy.window) / PARTS).max(1);
        // What is outside of the window goes, and so does what a clock set back left in the future.
        for part in &mut self.parts {
            if part.number > number || part.number + PARTS <= number {
                *part = Part::default();
            }
        }
        let part = &mut self.parts[(number % PARTS) as usize];
        part.number = number;
        part.attempts = part.attempts.saturating_add(1);
        part.faults = part.faults.saturating_add(u32::from(verdict == Verdict::Fault));
    }

    fn is_bad(&self, policy: &BreakerPolicy) -> bool {
        let sum = |of: fn(&Part) -> u32| self.parts.iter().map(|part| u64::from(of(part))).sum();
        let (attempts, faults): (u64, u64) = (sum(|part| part.attempts), sum(|part| part.faults));
        faults >= u64::from(policy.min_faults)
            && faults * 100 >= attempts * u64::from(policy.fault_percent)
    }
}

#[cfg(test)]
mod tests;
