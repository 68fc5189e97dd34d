//! Work that a request starts and does not wait for.
//!
//! Lambda freezes the process once a response is out, so merely spawned work would stop in the
//! middle. Work registered here runs beside the handler, and [`Background::settle`] gives it the
//! rest of its time before the response is handed over.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::task::JoinSet;

/// The registered work of one process. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Background {
    tasks: Arc<Mutex<JoinSet<()>>>,
}

impl Background {
    /// Starts `work` beside the present request.
    pub fn start(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        // Finished tasks are dropped here, so the set stays as small as what is under way.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(work);
    }

    /// Waits until all work is done, for `limit` at most. What is not done by then goes on when the
    /// process does.
    pub async fn settle(&self, limit: Duration) {
        let mut tasks =
            std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let all_done = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, all_done).await.is_err() {
            // Dropping the set would cancel its tasks.
            tasks.detach_all();
        }
    }
}
