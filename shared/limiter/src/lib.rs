//! A distributed rate limiter on DynamoDB.
//!
//! Any number of instances share limits through one table. Together they never admit more than a
//! policy allows; a request that is denied again costs nothing; and on a busy key an allowed
//! request costs a small fraction of a call.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use minigate_limiter::{DynamoTable, Limiter, Policy};
//!
//! # #[expect(clippy::disallowed_methods, reason = "what a program that has no clock yet does")]
//! # async fn example(client: aws_sdk_dynamodb::Client) -> Result<(), Box<dyn std::error::Error>> {
//! // Once per process. A table with a string partition key `PK`; no call is made yet.
//! let table = DynamoTable::new(client, "limits");
//! let limiter = Limiter::builder(table, SystemTime::now).seed(42).build();
//! let per_minute = Policy::rate("api", 100, Duration::from_secs(60)).build()?;
//! let per_day = Policy::quota("api-day", 5_000, Duration::from_secs(86_400)).build()?;
//!
//! // For every request. Both policies are on one key, so this is one call.
//! let limits = [per_minute.on("user#42")?, per_day.on("user#42")?];
//! let decision = limiter.check_all(&limits).await;
//! if let Some(wait) = decision.retry_after() {
//!     let violated: Vec<&str> = decision.violated().map(|one| one.policy().name()).collect();
//!     println!("429, Retry-After: {}, because of {violated:?}", wait.as_secs() + 1);
//! }
//!
//! // Before the process ends.
//! limiter.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! For a [rate](Policy::rate) of `limit` per `period`, in every window of time of length Δ, over all
//! instances:
//!
//! > admitted units ≤ burst + limit / period · Δ
//!
//! and for a [quota](Policy::quota) at most `limit` per window. Where the world is not ideal, this
//! grows by what passes of the limit during
//!
//! - the time between a call and its answer, [`max_delay`](LimiterBuilder::max_delay) at most:
//!   a request is admitted when the answer is there, a little later than its units were taken;
//! - twice the difference of the instances' clocks, once. Clocks that differ by a minute or more
//!   are not supported, and a clock that is behind by more than a burst's refill starves.
//!
//! Requests that pass because the store failed ([`OnStoreFailure::Open`]) come on top; of those,
//! each instance alone keeps the policy.
//!
//! Nobody is denied while there is room, with two exceptions that only ever cost a part of the
//! burst: a key that several instances use keeps a twentieth of it back until the bucket has been
//! full, and a key on which units are [leased](Leases) what comes back during a lease. And on such
//! a leased key an instance that found too little to lease rests, for as long as it takes to make a
//! lease worth a call (alone on the key: half a lease at most) or for a random time of up to one
//! and a half leases (among others); the bucket fills for all meanwhile.
//!
//! # How it works
//!
//! A rate is a generic cell rate algorithm (GCRA): one number per policy and key, changed by one
//! conditional `UpdateItem`. Policies on one key share an item and are checked in one call. Memory
//! holds what was last seen, so that most denials are answered from there with an exact
//! [`retry_after`](Decision::retry_after), until the moment it names. A refused update returns the
//! item as it is, and the limiter goes on until the image shows that there is no room.
//!
//! While one call for a key is under way, further requests for it wait and are served together by
//! the next one. A busy instance takes a lease: 70 % of the units that it will need within the
//! lease's time, going by what has arrived lately, fewer when the bucket is nearly empty.
//!
//! Every call is tried once with a short timeout, because a repeated one would take units twice.
//! When there is no answer, the policy decides; after three failures in a row calls pause for a
//! moment. An item that nobody uses any more is removed by DynamoDB's time to live.
//!
//! # What it does not do
//!
//! It has no clock, starts no task, reads no environment and logs nothing: time is passed in, and
//! [`Limiter::metrics`] has the counts. It does not create tables.

mod clock;
mod decision;
mod dynamodb;
mod limiter;
mod memory;
mod meter;
mod metrics;
mod policy;
mod table;
pub mod update;

/// Holds the README's example to what compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use clock::Clock;
pub use decision::{Decision, Reason, State};
pub use dynamodb::DynamoTable;
pub use limiter::{Limiter, LimiterBuilder};
pub use metrics::Metrics;
pub use policy::{
    Leases, Limit, MAX_KEY_BYTES, MAX_LIMIT, MAX_NAME_BYTES, MAX_PERIOD, MAX_RATE_PER_SECOND,
    MIN_PERIOD, Mode, OnStoreFailure, Policy, PolicyBuilder, PolicyError,
};
pub use table::{MemoryTable, Table, TableError};
