//! The interface of a second level.

use std::{future::Future, pin::Pin};

/// The result of a second level. Boxed, so that the cache's type does not name the level; compared with a
/// network call that costs nothing.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, LevelError>> + Send + 'a>>;

/// Why the second level failed. The cache counts it and continues without.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the cache's second level did not answer {operation}: {reason}")]
pub struct LevelError {
    /// The operation.
    pub operation: &'static str,
    /// The error code or the kind of failure, without keys or values.
    pub reason: String,
}

/// How recent a read must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// Half the price; may miss recent writes.
    #[default]
    Eventual,
    /// Sees every acknowledged write.
    Strong,
}

/// An entry of the second level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// When its load began, in Unix milliseconds. Of two items the one that began later is newer.
    pub started: i64,
    /// When it may be removed, in Unix seconds. It may as well be kept for longer.
    pub expires: i64,
    /// The value and what belongs to it; only the cache reads it.
    pub blob: Vec<u8>,
}

/// When an item may be written over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// Always.
    Always,
    /// When there is none, when it began before the new one, or when it claims to have begun after
    /// this time, in Unix milliseconds: a clock was wrong.
    IfOlder {
        /// The end of what is believed.
        believed_until: i64,
    },
}

/// A claim to be the only instance that loads a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Who claims it.
    pub owner: String,
    /// The present time, in Unix milliseconds.
    pub now: i64,
    /// When it ends, in Unix milliseconds.
    pub until: i64,
    /// A load that began at this time or before is of no use. A lease for one may be taken over.
    pub floor: i64,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The lease is taken.
    Taken,
    /// Another instance has it.
    Held {
        /// When that lease ends, in Unix milliseconds.
        until: i64,
    },
}

/// A store of small items, shared by instances.
///
/// An implementation makes one attempt with a short timeout; the cache handles failures. Every operation is
/// atomic. The cache generates the keys, with a prefix for each kind of item.
pub trait SecondLevel: Send + Sync + 'static {
    /// Reads an entry. An item that is not of the expected form counts as
    /// `Err` with the reason `malformed`.
    fn read<'a>(&'a self, key: &'a str, consistency: Consistency) -> Answer<'a, Option<Item>>;

    /// Writes an entry; `false` when `overwrite` forbids it.
    fn write<'a>(&'a self, key: &'a str, item: &'a Item, overwrite: Overwrite) -> Answer<'a, bool>;

    /// Reads the stamps of tags, with a consistent read and in the order of the keys.
    fn read_stamps<'a>(&'a self, keys: &'a [&'a str]) -> Answer<'a, Vec<Option<i64>>>;

    /// Raises the stamp of a tag to `stamp`, in Unix milliseconds; a higher one stays. It may be
    /// removed at `expires`, in Unix seconds.
    fn raise_stamp<'a>(&'a self, key: &'a str, stamp: i64, expires: i64) -> Answer<'a, ()>;

    /// Takes a lease unless another owner has one that ends at `lease.now` or later and began later
    /// than `lease.floor`.
    fn take_lease<'a>(&'a self, key: &'a str, lease: &'a Lease) -> Answer<'a, Claim>;

    /// Removes a lease if it is this owner's.
    fn release_lease<'a>(&'a self, key: &'a str, owner: &'a str) -> Answer<'a, ()>;
}
