//! The second level behind a timeout and a pause after errors: every fault becomes `None` and a
//! count.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::timeout;

use crate::{
    Clock,
    level::{Answer, LevelError, SecondLevel},
    metrics::Counters,
};

/// After so many calls in a row without an answer, calls pause, at first for so long, and for twice
/// as long each time.
const FAILURES_BEFORE_PAUSE: u32 = 3;
const FIRST_PAUSE_MILLIS: i64 = 100;
const MAX_PAUSE_DOUBLINGS: u32 = 5;

pub(crate) struct Guarded {
    level: Box<dyn SecondLevel>,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    failures: u32,
    paused_until: i64,
}

impl fmt::Debug for Guarded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Guarded").field("health", &self.health).finish_non_exhaustive()
    }
}

impl Guarded {
    pub(crate) fn new(
        level: Box<dyn SecondLevel>,
        timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { level, timeout, clock, health: Mutex::default() }
    }

    /// Asks, unless calls pause. `None` without an answer.
    pub(crate) async fn ask<'a, T>(
        &'a self,
        counters: &Counters,
        question: impl FnOnce(&'a dyn SecondLevel) -> Answer<'a, T>,
    ) -> Option<T> {
        if self.clock.unix_millis() < self.health().paused_until {
            counters.level_pauses.increment();
            return None;
        }
        counters.calls.increment();
        let answer = self.try_once(question).await;
        if answer.is_err() {
            counters.level_errors.increment();
        }
        answer.ok()
    }

    /// Asks even while calls pause, and tells what went wrong.
    pub(crate) async fn try_once<'a, T>(
        &'a self,
        question: impl FnOnce(&'a dyn SecondLevel) -> Answer<'a, T>,
    ) -> Result<T, LevelError> {
        let answer = timeout(self.timeout, question(&*self.level)).await.unwrap_or_else(|_| {
            Err(LevelError { operation: "the call", reason: "timeout".to_owned() })
        });
        self.note(answer.is_ok());
        answer
    }

    fn note(&self, is_ok: bool) {
        let now = self.clock.unix_millis();
        let mut health = self.health();
        if is_ok {
            *health = Health::default();
            return;
        }
        health.failures = health.failures.saturating_add(1);
        if health.failures >= FAILURES_BEFORE_PAUSE {
            let doublings = (health.failures - FAILURES_BEFORE_PAUSE).min(MAX_PAUSE_DOUBLINGS);
            health.paused_until = now + (FIRST_PAUSE_MILLIS << doublings);
        }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
