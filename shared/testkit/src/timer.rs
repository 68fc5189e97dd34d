//! A fake timer.

use std::{future::Future, sync::Arc, time::Duration};

use minigate_domain::Clock;
use tokio::sync::watch;

use crate::FakeClock;

/// A [`FakeClock`] on which one can wait: a wait ends when the timer is advanced, and never by itself.
///
/// Other than tokio's paused time, it does not jump ahead while the network works, so it is for tests
/// with real connections. Clones share the time.
#[derive(Clone, Debug)]
pub struct FakeTimer {
    clock: FakeClock,
    now: Arc<watch::Sender<u64>>,
    waiting: Arc<watch::Sender<usize>>,
}

impl FakeTimer {
    /// A timer that begins at the time of `clock`, which it moves.
    pub fn new(clock: FakeClock) -> Self {
        let now = Arc::new(watch::Sender::new(clock.now().unix_millis()));
        Self { clock, now, waiting: Arc::new(watch::Sender::new(0)) }
    }

    /// Its clock. Advance the timer, not the clock.
    pub fn clock(&self) -> &FakeClock {
        &self.clock
    }

    /// Milliseconds since the Unix epoch.
    pub fn unix_millis(&self) -> u64 {
        self.clock.now().unix_millis()
    }

    /// Moves on by `duration`, and ends the waits that are over then.
    pub fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
        self.now.send_replace(self.unix_millis());
    }

    /// Waits until the timer has advanced by `duration`.
    pub fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let until = self.unix_millis().saturating_add(millis);
        let mut now = self.now.subscribe();
        let waiting = Waiting::new(&self.waiting);
        async move {
            let _waiting = waiting;
            // An error means that the timer is gone, so nobody will ever advance it.
            if now.wait_for(|now| *now >= until).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until at least `count` waits have begun and are not over.
    pub async fn until_waiting(&self, count: usize) {
        let mut waiting = self.waiting.subscribe();
        let _ = waiting.wait_for(|waiting| *waiting >= count).await;
    }
}

impl Default for FakeTimer {
    fn default() -> Self {
        Self::new(FakeClock::default())
    }
}

/// Counts as one wait until it is dropped.
struct Waiting(Arc<watch::Sender<usize>>);

impl Waiting {
    fn new(all: &Arc<watch::Sender<usize>>) -> Self {
        all.send_modify(|waiting| *waiting += 1);
        Self(Arc::clone(all))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.send_modify(|waiting| *waiting -= 1);
    }
}
