//! A two-level cache: this process's memory (moka) and a table that instances share (DynamoDB).
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use minigate_cache::{Cache, DynamoLevel, Namespace, Tag};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Profile {
//!     name: String,
//! }
//!
//! # async fn from_the_database(id: String) -> Result<Profile, std::io::Error> {
//! #     Ok(Profile { name: id })
//! # }
//! # #[expect(clippy::disallowed_methods, reason = "what a program that has no clock yet does")]
//! # async fn example(client: aws_sdk_dynamodb::Client) -> Result<(), Box<dyn std::error::Error>> {
//! // Once per process. A table with a string partition key `PK`; no call is made yet.
//! let cache = Cache::builder(DynamoLevel::new(client, "cache"), SystemTime::now).build()?;
//! let profiles: Namespace<Profile> = cache
//!     .namespace("profiles", Duration::from_secs(30 * 60))
//!     .grace(Duration::from_secs(60 * 60))
//!     .refresh_ahead(0.8)
//!     .build()?;
//!
//! // For every request.
//! let id = "42".to_owned();
//! let tags = [Tag::new(format!("user#{id}"))?];
//! let profile = profiles
//!     .at("42")?
//!     .tags(&tags)
//!     .get_or_load(move || from_the_database(id))
//!     .await?;
//! println!("{}, {:?} old, from {:?}", profile.name, profile.age(), profile.source());
//!
//! // After the profile was changed: everywhere, with one small write.
//! cache.invalidate_tag(&tags[0]).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! - **One load.** While a key is loaded, all who need it wait for that load, over all instances. If
//!   the instance that loads is killed or frozen, another one takes over when its
//!   [lease](NamespaceBuilder::lease) ends. Not promised while the second level is down: then there
//!   is one load for each instance. The lease saves loads; it is no lock.
//! - **Nothing too old.** A value is at most TTL and grace old, plus what the instances' clocks
//!   differ by; counted from the *beginning* of its load, by the wall clock, on every read and at
//!   both levels.
//! - **Nothing invalidated.** Once an invalidation has returned, no lookup that begins more than a
//!   [tag window](NamespaceBuilder::tag_window) later, and no [consistent](Lookup::consistent)
//!   lookup that begins at all, is given a value whose load began before it; also when loads,
//!   writes and invalidations overlap. This needs clocks that differ by no more than
//!   [`max_clock_skew`](CacheBuilder::max_clock_skew). Where it cannot be checked, because the
//!   second level does not answer, the value is loaded.
//! - **Nobody waits** longer than the [hard timeout](NamespaceBuilder::hard_timeout) (of time in which
//!   the process ran), and with a stale value at hand not longer than the
//!   [soft timeout](NamespaceBuilder::soft_timeout).
//! - **No error of the cache** is an error of a read. A second level that is slow, throttled, down or
//!   full of items that do not decode makes loads and [`Metrics`]. Only an invalidation tells.
//!
//! # How it works
//!
//! **Reading.** Memory first; a hit takes no lock and no allocation. Otherwise the first caller
//! begins a *flight* on the [spawner](Spawn), which the others join: it reads the second level,
//! takes the lease, runs the loader, hands out the value and then writes it. Because it is not the
//! caller's, a caller who goes away does no harm. Those who do not get the lease serve what is stale,
//! or look into the second level until the value is there or the lease has ended.
//!
//! **Invalidating without a scan.** A tag's item holds one number: when it was last invalidated. An
//! entry is valid if its load began after that, and after the clocks' difference, for each of its
//! tags and for its namespace. Numbers are read consistently, all of an entry in one call, and
//! believed for the tag window. An entry younger than the window needs none of them.
//!
//! **Order.** An item of the second level is only written over by a load that began later, so that a
//! process that was frozen in the middle of a load does not bring back an old value. A lease for a
//! load that began before what is wanted is taken over: an invalidated key is loaded at once, and
//! leases need not be given back.
//!
//! **Failing.** When a load fails and a stale value is at hand, that is served, and the loader rests
//! for the [retry pause](NamespaceBuilder::retry_pause). After three errors in a row the second level
//! rests too, for 100 ms at first and 3.2 s at most.
//!
//! # Freezing hosts
//!
//! AWS Lambda freezes a process when its response is out. What goes on then (a refresh, a write to the
//! second level) has to be registered with the host: give the cache a
//! [spawner](CacheBuilder::spawner) that does so. Nothing breaks without; a refresh is lost or late.
//!
//! # What it does not do
//!
//! It has no clock, reads no environment, logs nothing, creates no tables and starts no task but by
//! the spawner. It runs within Tokio. A value in memory is not removed when it expires but when
//! memory is full. An [insert](Lookup::insert) or [remove](Lookup::remove) does not reach the memory of
//! other instances; an invalidation does.

mod cache;
mod clock;
mod dynamodb;
mod error;
mod flight;
mod format;
mod guarded;
mod key;
pub mod level;
mod lookup;
mod memory;
mod metrics;
mod names;
mod namespace;
mod options;
mod spawn;
mod stamps;
mod stored;

/// Holds the README's example to what compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use cache::{Cache, CacheBuilder};
pub use clock::Clock;
pub use dynamodb::DynamoLevel;
pub use error::{BuildError, InvalidateError, LoadError, NameError, SharedError};
pub use lookup::Lookup;
pub use memory::MemoryLevel;
pub use metrics::{CacheMetrics, Metrics};
pub use names::{MAX_KEY_BYTES, MAX_NAME_BYTES, MAX_TAG_BYTES, MAX_TAGS, Tag};
pub use namespace::Namespace;
pub use options::{
    Levels, MAX_ITEM_BYTES, MAX_TAG_WINDOW, MAX_TIMEOUT, MAX_TTL, MIN_TTL, NamespaceBuilder,
};
pub use spawn::{Spawn, TokioSpawn, Work};
pub use stored::{Cached, Entry, Source};
