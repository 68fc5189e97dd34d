//! SQS, as far as applications use it: standard and FIFO queues, delays, visibility timeouts, long
//! polling, dead-letter queues and their redrive. In memory only.
//!
//! | operation | |
//! |---|---|
//! | `CreateQueue`, `DeleteQueue`, `ListQueues`, `GetQueueUrl`, `GetQueueAttributes`, `SetQueueAttributes` | |
//! | `SendMessage`, `ReceiveMessage`, `DeleteMessage`, `ChangeMessageVisibility`, `PurgeQueue` | and the batches of the first, third and fourth |
//! | `StartMessageMoveTask`, `ListMessageMoveTasks` | the move is done when the call returns |
//!
//! Where it differs from AWS:
//!
//! - A standard queue delivers in order and once, unless [`QueueFaults`] say otherwise. AWS promises
//!   neither, so whoever relies on it must be tested with them.
//! - Only the newest receipt handle of a message deletes it. On AWS an older one sometimes does.
//! - A deletion by a stale handle succeeds and deletes nothing, as AWS documents.
//! - Deduplication is per queue; encryption, policies and tags are taken and ignored; digests of message
//!   attributes are left out, which SDKs take as a reason not to check them.

mod attributes;
mod failure;
mod operations;
mod queue;
mod receive;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderMap, StatusCode, header::HOST};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use self::{failure::Failure, queue::Queue, receive::Receive};
use crate::{
    TimeSource,
    protocol::{Answer, Service},
};

/// The largest request read: a batch of 1 MiB, escaped.
const REQUEST_LIMIT_BYTES: usize = 8 * 1024 * 1024;
/// How soon a long poll looks again when messages wait for a moment of the clock, which may be a
/// test's and is not told when it moves.
const RECHECK: Duration = Duration::from_millis(10);

/// What standard queues do that AWS permits and seldom does. The same seed gives the same faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueFaults {
    /// Where the randomness begins.
    pub seed: u64,
    /// One in so many messages is delivered more than once; 0: none.
    pub duplicates_one_in: u32,
    /// How many further copies of such a message there are. Each has to be deleted.
    pub copies: u32,
    /// Whether messages are delivered in any order.
    pub is_disordered: bool,
}

/// The running service.
pub(crate) struct Sqs {
    state: Mutex<State>,
    /// Told of whatever may end a long poll.
    changed: Notify,
    clock: TimeSource,
    faults: QueueFaults,
}

#[derive(Default)]
struct State {
    queues: BTreeMap<String, Queue>,
    random: u64,
    moves: Vec<Value>,
}

impl State {
    /// SplitMix64, as `minigate_testkit::SeededEntropy`, which this crate cannot use.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The queue with this URL. Only the name in it counts: a proxy may stand before the endpoint.
    fn queue(&mut self, url: &str) -> Result<&mut Queue, Failure> {
        let name = url.rsplit('/').next().unwrap_or_default();
        self.queues.get_mut(name).ok_or_else(Failure::no_such_queue)
    }

    fn queue_of_arn(&mut self, arn: &str) -> Option<&mut Queue> {
        self.queues.get_mut(arn.rsplit(':').next()?)
    }
}

impl Sqs {
    pub(crate) fn new(clock: TimeSource, faults: QueueFaults) -> Self {
        let state = State { random: faults.seed, ..State::default() };
        Self { state: Mutex::new(state), changed: Notify::new(), clock, faults }
    }

    /// Answers one call.
    pub(crate) async fn answer(
        &self,
        operation: &str,
        headers: &HeaderMap,
        body: Incoming,
    ) -> Answer {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let host = host.to_owned();
        let result = match Limited::new(body, REQUEST_LIMIT_BYTES).collect().await {
            Ok(body) => self.call(operation, &host, &body.to_bytes()).await,
            Err(error) => Err(Failure::malformed(&error.to_string())),
        };
        match result {
            Ok(body) => Service::Sqs.answer(StatusCode::OK, &body),
            Err(failure) => failure.into_answer(),
        }
    }

    async fn call(&self, operation: &str, host: &str, body: &[u8]) -> Result<Value, Failure> {
        if operation == "ReceiveMessage" {
            return self.receive(operations::parse(body)?).await;
        }
        let now = self.clock.unix_millis();
        let answer = operations::call(&mut self.state(), operation, host, body, now, &self.faults);
        // Whatever it was: a poll that looks once too often costs nothing.
        self.changed.notify_waiters();
        answer
    }

    /// Waits for messages as long as the request or the queue says, in real time.
    async fn receive(&self, request: Receive) -> Result<Value, Failure> {
        let wait = request.wait(&mut self.state())?;
        let end = Instant::now() + wait;
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let (messages, is_waiting) = {
                let mut state = self.state();
                let now = self.clock.unix_millis();
                let messages = request.take(&mut state, now, self.faults.is_disordered)?;
                (messages, !state.queue(&request.queue_url)?.is_empty())
            };
            let now = Instant::now();
            if !messages.is_empty() || now >= end {
                return Ok(if messages.is_empty() {
                    json!({})
                } else {
                    json!({ "Messages": messages })
                });
            }
            let look_again = if is_waiting { end.min(now + RECHECK) } else { end };
            tokio::select! {
                () = changed => {}
                () = sleep_until(look_again) => {}
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held is a bug of this module; the data is still the caller's.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
