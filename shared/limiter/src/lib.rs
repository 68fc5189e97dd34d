//! A distributed rate limiter on DynamoDB.
//!
//! Any number of instances share limits through one table, and together never admit more than a policy
//! allows. A repeated denial costs no call. On a busy key, an allowed request costs a fraction of a call.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use minigate_limiter::{DynamoTable, Limiter, Policy};
//!
//! # #[expect(clippy::disallowed_methods, reason = "an example has no clock of its own")]
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
//! # Guarantees
//!
//! For a [rate](Policy::rate) of `limit` per `period`, in every window of time of length Δ, over all
//! instances:
//!
//! > admitted units ≤ burst + limit / period · Δ
//!
//! and for a [quota](Policy::quota) at most `limit` per window. In practice, the bound grows by the
//! units that come back during
//!
//! - the time between a call and its response, at most [`max_delay`](LimiterBuilder::max_delay): a
//!   request is admitted slightly later than its units were taken;
//! - twice the clock skew between instances, once. Skews of a minute or more are not supported. An
//!   instance whose clock is behind by more than the refill of a burst starves.
//!
//! Requests that pass because the store is unavailable ([`OnStoreFailure::Open`]) are additional; each
//! instance by itself enforces the policy on them.
//!
//! No request is denied while units are available, with these exceptions:
//!
//! - a key that several instances use reserves a twentieth of its burst until the bucket has been full;
//! - a key with [leases](Leases) reserves the units that come back during a lease;
//! - on a leased key, an instance that finds too few units to lease pauses: alone on the key for at most
//!   half a lease, among others for a random time of up to one and a half leases. The bucket refills for all
//!   meanwhile.
//!
//! # How it works
//!
//! A rate is a generic cell rate algorithm (GCRA): one number per policy and key, changed by one
//! conditional `UpdateItem`. Policies on one key share an item and are checked in one call. Memory holds
//! the last known state, which answers most denials with an exact
//! [`retry_after`](Decision::retry_after). A failed condition returns the item, and the limiter retries
//! until the item shows that no units are left.
//!
//! Calls are single-flight per key: requests that arrive during a call wait, and the next call serves all of
//! them. A busy instance takes a lease: 70 % of the units that recent traffic predicts for the duration of
//! the lease, fewer when the bucket is nearly empty.
//!
//! A call is attempted once, with a short timeout, because a retry could take units twice. Without a
//! response, the policy decides; after three consecutive failures, calls pause briefly. DynamoDB's time to
//! live deletes unused items.
//!
//! # What it does not do
//!
//! It has no clock of its own, starts no tasks, reads no environment and logs nothing: time is passed in,
//! and [`Limiter::metrics`] has the counters. It creates no tables.

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

/// Compiles the README's example.
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
