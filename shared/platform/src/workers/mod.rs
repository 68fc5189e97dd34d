//! Functions that a queue or a schedule invokes: what [`crate::layers`] does for a route, for them.
//!
//! A [`Worker`] gets the messages of an SQS queue, typed; a [`Job`] gets the moments at which a schedule
//! of EventBridge fires. Both are delivered at least once, in any order, and a hundred times if it comes
//! to the worst. So both end with a [`Receipt`], which says why a repetition does no harm, and of which
//! there are two kinds:
//!
//! - [`Platform::commit_once`] makes the writes of the handler and a mark of their [`Cause`] in one
//!   transaction. Whatever comes again with the same cause changes nothing. An effect outside DynamoDB
//!   is one of those writes: an item of the [outbox](crate::Parts::outbox), which [`drain`] performs.
//! - [`Receipt::harmless`] names a reason why the effect may be repeated by itself.
//!
//! # What holds
//!
//! | what comes | what happens |
//! |---|---|
//! | a message that is handled | it is deleted |
//! | a message whose effect was there before | it is deleted, and counted as repeated |
//! | a handler that fails, panics or is too slow | this message comes again after the visibility timeout; the others of its batch are not touched |
//! | no JSON, an unknown version, a wrong shape | counted as poison and reported as failed: SQS parks it in the dead-letter queue after `maxReceiveCount`. Not deleted: a release that reads it may be on its way |
//! | a message after a failed one of its group (FIFO) | not handled, and comes again after that one |
//! | too little time left for a message | not handled, and comes again |
//!
//! - The function of a queue must have `ReportBatchItemFailures`, or a batch with one failure is deleted
//!   as a whole. Its visibility timeout must be six times the function's timeout, as AWS advises.
//! - A message has one line in the log, with SQS's id of it and never its body or its cause, and a batch
//!   one line of metrics.
//! - A schedule that fires late or twice is known by the time for which it fired. A job that fails is
//!   repeated by Lambda, twice.
//!
//! A mark is kept for 35 days, longer than a message can be in a queue and its dead-letter queue.

mod handler;
mod message;
mod outbox;
mod queue;
mod receipt;
mod schedule;

pub use handler::Handler;
pub use message::{Message, written};

pub(crate) use outbox::outbox;
pub use outbox::{EffectOutbox, OutboxClock, drain};
pub(crate) use queue::OfQueue;
pub use queue::{Delivery, Worker};
pub(crate) use receipt::Marks;
pub use receipt::{Cause, Receipt};
pub(crate) use schedule::OfSchedule;
pub use schedule::{Job, Tick};

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;

use crate::{Code, Metric, Platform, Problem, layers::time_left};

/// The outcome of a handler, which may panic or take too long.
async fn contained(
    platform: &Platform,
    time: Duration,
    handled: impl Future<Output = Result<Receipt, Problem>> + Send,
) -> Result<Receipt, Problem> {
    // Boxed: the SDK's types within each other are too deep for the compiler.
    let handled = AssertUnwindSafe(Box::pin(handled)).catch_unwind();
    match tokio::time::timeout(time, handled).await {
        Ok(Ok(outcome)) => outcome,
        // Its message may hold anything; where it happened, the hook of `start_logs` has logged.
        Ok(Err(_)) => {
            platform.metrics.count(Metric::PANIC);
            Err(Problem::new(Code::INTERNAL_ERROR))
        }
        Err(_) => Err(Problem::new(Code::DEADLINE_EXCEEDED)),
    }
}

/// What is left of Lambda's time, and no more than this.
fn time_for(platform: &Platform, deadline_unix_millis: u64, most: Duration) -> Duration {
    time_left(deadline_unix_millis, platform.now()).min(most)
}
