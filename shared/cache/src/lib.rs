//! A two-level cache.

mod cache;
mod clock;
mod dynamodb;
mod error;
mod flight;
mod format;
mod guarded;
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
