//! A function without Lambda: for `cargo dev` and tests.

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{Job, OfQueue, OfSchedule, Worker};
use crate::{
    Platform,
    events::{Answers, Events, Failure, Invocation, OfEvents},
};

/// A function of a queue, of a schedule or of events, whatever it is made of.
#[derive(Clone)]
pub struct Handler(Arc<dyn Invoke>);

impl fmt::Debug for Handler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Handler").finish_non_exhaustive()
    }
}

/// [`Answers`], boxed.
trait Invoke: Send + Sync {
    fn invoke<'a>(
        &'a self,
        platform: &'a Platform,
        event: &'a Value,
        invocation: &'a Invocation,
    ) -> BoxFuture<'a, Result<Value, Failure>>;
}

impl<A: Answers> Invoke for A {
    fn invoke<'a>(
        &'a self,
        platform: &'a Platform,
        event: &'a Value,
        invocation: &'a Invocation,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(self.answer(platform, event, invocation))
    }
}

impl Handler {
    /// Of the function of a queue.
    pub fn queue(worker: impl Worker) -> Self {
        Self(Arc::new(OfQueue(worker)))
    }

    /// Of the function of a schedule.
    pub fn schedule(job: impl Job) -> Self {
        Self(Arc::new(OfSchedule(job)))
    }

    /// Of a function of other events.
    pub fn events(events: impl Events) -> Self {
        Self(Arc::new(OfEvents(events)))
    }

    /// Invokes it with an event, as Lambda does, but without Lambda's deadline.
    ///
    /// # Errors
    /// The `errorMessage` that Lambda would be told.
    pub async fn invoke(&self, platform: &Platform, event: &Value) -> Result<Value, &'static str> {
        let invocation = Invocation::default();
        self.0.invoke(platform, event, &invocation).await.map_err(|failure| failure.message)
    }
}
