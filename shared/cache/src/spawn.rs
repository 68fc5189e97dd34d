//! Background work.

use std::{future::Future, pin::Pin};

/// Background work that may outlive the call that started it: a load, a refresh, a write to the second
/// level. It ends in bounded time.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

/// Runs background work.
///
/// A host that freezes the process after a response, as AWS Lambda does, must track the work and wait for
/// it before it reports the process as idle. Any `Fn(Work)` is a spawner. Dropped work costs a load; no
/// caller hangs.
pub trait Spawn: Send + Sync + 'static {
    /// Starts the work and returns at once.
    fn spawn(&self, work: Work);
}

impl<F: Fn(Work) + Send + Sync + 'static> Spawn for F {
    fn spawn(&self, work: Work) {
        self(work);
    }
}

/// Spawns on the current Tokio runtime, for hosts that do not freeze.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioSpawn;

impl Spawn for TokioSpawn {
    fn spawn(&self, work: Work) {
        drop(tokio::spawn(work));
    }
}
