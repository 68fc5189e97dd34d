//! A two-level cache: the memory of the process (moka), and a table that instances share (DynamoDB).
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
//! # #[expect(clippy::disallowed_methods, reason = "an example has no clock of its own")]
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
//! // After changing the profile: invalidates it on all instances, with one small write.
//! cache.invalidate_tag(&tags[0]).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//!
//! - **Single-flight.** Loads of a key are single-flight across instances. If the loading instance is
//!   killed or frozen, another one takes over when its [lease](NamespaceBuilder::lease) ends. While the
//!   second level is down, each instance loads once. The lease saves loads; it is not a lock.
//! - **Bounded age.** A value is at most TTL plus grace old, plus the clock skew between instances. Age
//!   counts from the *start* of the load, by the wall clock, on every read and at both levels.
//! - **No invalidated values.** Once an invalidation has returned, no lookup that starts more than a
//!   [tag window](NamespaceBuilder::tag_window) later, and no [consistent](Lookup::consistent) lookup at
//!   all, returns a value whose load started before the invalidation; also if loads, writes and
//!   invalidations overlap. Clocks may differ by [`max_clock_skew`](CacheBuilder::max_clock_skew). If the
//!   second level is unavailable for the check, the value is loaded.
//! - **Bounded waits.** A lookup waits at most the [hard timeout](NamespaceBuilder::hard_timeout) (of time
//!   in which the process ran), and with a stale value at most the
//!   [soft timeout](NamespaceBuilder::soft_timeout).
//! - **Reads never fail because of the cache.** A second level that is slow, throttled, down or corrupt
//!   causes loads and [`Metrics`]. Only invalidations report its errors.
//!
//! # How it works
//!
//! **Reads.** Memory comes first; a hit needs no lock and no allocation. On a miss, the first caller starts a
//! *flight* on the [spawner](Spawn), which others join. It reads the second level, takes the lease, runs
//! the loader, returns the value and then writes it. Callers may be cancelled without affecting the flight.
//! An instance without the lease serves a stale value, or polls the second level until the value is there
//! or the lease has ended.
//!
//! **Invalidation without a scan.** The item of a tag holds its *stamp*: the time of the last invalidation.
//! An entry is valid if its load started after the stamps of its tags and its namespace, plus the clock
//! skew. The stamps of an entry are read consistently, in one call, and are trusted for the tag window. For
//! an entry younger than the window, no stamp is read.
//!
//! **Order.** Only a load that started later overwrites an item of the second level, so a process that was
//! frozen during a load cannot restore an old value. An invalidation also overrides the leases of older
//! loads: the key is loaded at once, and leases need no release.
//!
//! **Failures.** If a load fails, the cache falls back to the stale value, if there is one, and does not
//! retry during the [retry pause](NamespaceBuilder::retry_pause). After three consecutive errors, calls to
//! the second level pause too, for 100 ms at first and at most 3.2 s.
//!
//! # Freezing hosts
//!
//! AWS Lambda freezes a process after its response. Background work (a refresh, a write to the second
//! level) must then be registered with the host: set a [spawner](CacheBuilder::spawner) that does so.
//! Without one, refreshes are late or lost, and nothing else breaks.
//!
//! # What it does not do
//!
//! It has no clock of its own, reads no environment, logs nothing, creates no tables, and starts tasks only
//! through the spawner. It needs Tokio. Values are evicted from memory when it is full, not when they
//! expire. An [insert](Lookup::insert) or [remove](Lookup::remove) does not reach the memory of other
//! instances; an invalidation does.

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

/// Compiles the README's example.
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
