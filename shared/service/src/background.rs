//! Work that a request starts and does not wait for.
//!
//! Lambda freezes the process once a response is out and nobody has anything left to do, so merely
//! spawned work would stop in the middle. Work registered here runs beside the handler and after the
//! response, and the process tells Lambda that it is done only when the work is (see `extension`).

use std::{future::Future, sync::Arc, time::Duration};

use thiserror::Error;
use tokio::sync::{oneshot, watch};

/// Work that somebody waited for has panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("work of a request has panicked")]
pub struct WorkPanicked;

/// The registered work of one process. Clones share it.
#[derive(Clone, Debug)]
pub struct Background {
    running: Arc<watch::Sender<usize>>,
}

impl Default for Background {
    fn default() -> Self {
        Self { running: Arc::new(watch::Sender::new(0)) }
    }
}

impl Background {
    /// Starts `work` in the background. It may start more.
    pub fn start(&self, work: impl Future<Output = ()> + Send + 'static) {
        let running = Running::new(&self.running);
        tokio::spawn(async move {
            // Part of the task, so that work that panics ends as well.
            let _running = running;
            work.await;
        });
    }

    /// Runs `work` to its end, also if whoever waits for it is stopped before, as a handler is by the
    /// deadline: for what must not be left half done.
    ///
    /// # Errors
    /// [`WorkPanicked`].
    pub async fn complete<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, WorkPanicked> {
        let (sender, outcome) = oneshot::channel();
        self.start(async move {
            // Nobody may be there any more.
            let _ = sender.send(work.await);
        });
        outcome.await.map_err(|_| WorkPanicked)
    }

    /// Waits until all work is done, for `limit` at most; whether it is. What is not done by then
    /// goes on when the process does.
    pub async fn settle(&self, limit: Duration) -> bool {
        let mut running = self.running.subscribe();
        let all_done = running.wait_for(|running| *running == 0);
        tokio::time::timeout(limit, all_done).await.is_ok()
    }
}

/// Counts as one piece of work until it is dropped.
struct Running(Arc<watch::Sender<usize>>);

impl Running {
    fn new(all: &Arc<watch::Sender<usize>>) -> Self {
        all.send_modify(|running| *running += 1);
        Self(Arc::clone(all))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

#[cfg(test)]
mod tests {
    use tokio::{sync::oneshot, time::Instant};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn work_that_work_starts_is_waited_for_as_well() {
        let background = Background::default();
        let (done, mut is_done) = oneshot::channel();
        let starter = background.clone();
        background.start(async move {
            tokio::time::sleep(LONG / 4).await;
            starter.start(async move {
                tokio::time::sleep(LONG / 4).await;
                let _ = done.send(());
            });
        });
        assert!(background.settle(LONG).await);
        assert!(is_done.try_recv().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_was_not_done_is_waited_for_the_next_time() {
        let (background, started) = (Background::default(), Instant::now());
        background.start(tokio::time::sleep(LONG));
        assert!(!background.settle(LONG / 2).await);
        assert_eq!(started.elapsed(), LONG / 2);
        assert!(background.settle(LONG).await);
        assert_eq!(started.elapsed(), LONG);
    }

    #[tokio::test(start_paused = true)]
    async fn work_outlives_who_waits_for_it() {
        let background = Background::default();
        assert_eq!(background.complete(async { 7 }).await, Ok(7));
        let (done, mut is_done) = oneshot::channel();
        let work = background.complete(async move {
            tokio::time::sleep(LONG).await;
            let _ = done.send(());
        });
        assert!(tokio::time::timeout(LONG / 4, work).await.is_err());
        assert!(background.settle(LONG).await);
        assert!(is_done.try_recv().is_ok());
        let panicking = background.complete(async { panic!("as a test of panics must") });
        assert_eq!(panicking.await, Err::<(), _>(WorkPanicked));
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_panics_is_done() {
        let background = Background::default();
        background.start(async { panic!("as a test of panics must") });
        assert!(background.settle(LONG).await);
    }
}
