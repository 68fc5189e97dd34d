//! Who runs what outlives a call.

use std::{future::Future, pin::Pin};

/// Work that goes on when the call that began it has returned: a load, a refresh, a write to the
/// second level. It ends by itself, in bounded time.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

/// Runs work beside the calls.
///
/// A host that freezes the process after a response, as AWS Lambda does, has to know of the work
/// and to wait for it before it tells the platform that it is idle. Any `Fn(Work)` is a spawner.
/// Work that is dropped before it ends costs a load, and nobody hangs.
pub trait Spawn: Send + Sync + 'static {
    /// Starts the work and returns at once.
    fn spawn(&self, work: Work);
}

impl<F: Fn(Work) + Send + Sync + 'static> Spawn for F {
    fn spawn(&self, work: Work) {
        self(work);
    }
}

/// Spawns on the current Tokio runtime: for hosts that do not freeze.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioSpawn;

impl Spawn for TokioSpawn {
    fn spawn(&self, work: Work) {
        drop(tokio::spawn(work));
    }
}
