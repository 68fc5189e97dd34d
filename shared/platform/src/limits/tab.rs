//! What one request was charged, from its extractors and its handler to the layer around them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minigate_limiter::State;
use tokio::task::JoinHandle;

use crate::Problem;

/// What became of a charge.
pub(crate) struct Checked {
    /// What each limit says.
    pub(super) states: Vec<State>,
    /// Set if the request may not go on.
    pub(super) refusal: Option<Problem>,
}

/// The charges of one request. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Tab(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    states: Vec<State>,
    beside: Vec<JoinHandle<Checked>>,
}

impl Tab {
    /// Takes note of a charge, and says whether the request may go on.
    pub(super) fn note(&self, checked: Checked) -> Result<(), Problem> {
        self.contents().states.extend(checked.states);
        checked.refusal.map_or(Ok(()), Err)
    }

    /// Records a charge that runs concurrently with the handler.
    pub(super) fn note_later(&self, checking: JoinHandle<Checked>) {
        self.contents().beside.push(checking);
    }

    /// Waits for the concurrent charges.
    pub(crate) async fn settle(&self) -> Result<(), Problem> {
        let beside = std::mem::take(&mut self.contents().beside);
        for checking in beside {
            self.note(checking.await.map_err(Problem::internal)?)?;
        }
        Ok(())
    }

    /// What the limits said.
    pub(crate) fn states(&self) -> Vec<State> {
        self.contents().states.clone()
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
