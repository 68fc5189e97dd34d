//! Entries: loaded, stored and returned.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    ops::Deref,
    sync::Arc,
    time::Duration,
};

use crate::{Tag, options::Options, stamps::TagState};

/// A loaded value with options. A plain value converts to an entry with default options.
#[derive(Clone, Debug)]
pub struct Entry<V> {
    pub(crate) value: V,
    pub(crate) tags: Vec<Tag>,
    pub(crate) ttl: Option<Duration>,
}

impl<V> Entry<V> {
    /// An entry with default options.
    pub fn new(value: V) -> Self {
        Self { value, tags: Vec::new(), ttl: None }
    }

    /// Adds a tag to those of the [`Lookup`](crate::Lookup), for tags that depend on the value. An entry
    /// with more than [`MAX_TAGS`](crate::MAX_TAGS) is served but not cached.
    #[must_use]
    pub fn tag(mut self, tag: Tag) -> Self {
        self.tags.push(tag);
        self
    }

    /// Shortens the TTL. A TTL longer than the namespace's has no effect.
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> Self {
        Self { ttl: Some(ttl), ..self }
    }
}

impl<V> From<V> for Entry<V> {
    fn from(value: V) -> Self {
        Self::new(value)
    }
}

/// The source of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The memory of this process.
    Memory,
    /// The second level.
    Shared,
    /// The loader.
    Loader,
}

/// A value from the cache, which memory may share. Cloning is cheap.
#[derive(Debug)]
pub struct Cached<V> {
    /// Holds a value: whoever makes a [`Cached`] sees to it.
    stored: Arc<Stored<V>>,
    age: Duration,
    source: Source,
    is_stale: bool,
}

impl<V> Cached<V> {
    /// What is [at hand](Kept::is_at_hand).
    pub(crate) fn at_hand(kept: Kept<V>, now: i64) -> Self {
        let age = age(kept.started, now);
        Self { stored: kept.stored, age, source: Source::Memory, is_stale: false }
    }

    /// `None` for a negative entry.
    pub(crate) fn new(stored: Arc<Stored<V>>, now: i64, source: Source) -> Option<Self> {
        if !matches!(stored.content, Content::Present(_)) {
            return None;
        }
        let (age, is_stale) = (age(stored.started, now), stored.is_stale(now, source));
        Some(Self { stored, age, source, is_stale })
    }

    /// The time since its load started.
    pub fn age(&self) -> Duration {
        self.age
    }

    /// The source. Callers who joined a load report that of the load.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Whether it is stale: older than its TTL.
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }
}

fn age(started: i64, now: i64) -> Duration {
    Duration::from_millis(u64::try_from(now.saturating_sub(started)).unwrap_or(0))
}

impl<V> Clone for Cached<V> {
    fn clone(&self) -> Self {
        Self { stored: Arc::clone(&self.stored), ..*self }
    }
}

impl<V> Deref for Cached<V> {
    type Target = V;

    fn deref(&self) -> &V {
        match &self.stored.content {
            Content::Present(value) => value,
            Content::Absent | Content::Removed => unreachable!("only a value is served"),
        }
    }
}

#[derive(Debug)]
pub(crate) enum Content<V> {
    Present(V),
    /// A negative entry.
    Absent,
    /// Removed: older loads must not bring it back.
    Removed,
}

/// An entry as memory keeps it. Times are Unix milliseconds.
#[derive(Debug)]
pub(crate) struct Stored<V> {
    pub(crate) content: Content<V>,
    pub(crate) started: i64,
    pub(crate) refresh_at: i64,
    pub(crate) fresh_until: i64,
    pub(crate) stale_until: i64,
    pub(crate) tags: Arc<[Arc<TagState>]>,
    pub(crate) weight: u32,
}

impl<V> Stored<V> {
    /// A value that was just loaded is not stale, even if it is not kept.
    pub(crate) fn is_stale(&self, now: i64, source: Source) -> bool {
        now >= self.fresh_until && source != Source::Loader
    }
}

/// An entry in memory with what most hits need of it, so that they read no line of memory more
/// than moka does.
#[derive(Debug)]
pub(crate) struct Kept<V> {
    pub(crate) stored: Arc<Stored<V>>,
    started: i64,
    /// Until then it is a fresh value that is not to be refreshed.
    at_hand_until: i64,
    has_tags: bool,
}

impl<V> Kept<V> {
    pub(crate) fn new(stored: Arc<Stored<V>>) -> Self {
        let at_hand_until = match stored.content {
            Content::Present(_) => {
                stored.fresh_until.min(stored.refresh_at).min(stored.stale_until)
            }
            Content::Absent | Content::Removed => i64::MIN,
        };
        let has_tags = stored.tags.len() > 1;
        Self { started: stored.started, at_hand_until, has_tags, stored }
    }

    pub(crate) fn started(&self) -> i64 {
        self.started
    }

    /// Whether it has tags beside that of its namespace.
    pub(crate) fn has_tags(&self) -> bool {
        self.has_tags
    }

    /// Whether it can be served as it is, unless it was invalidated. Otherwise its [`Stored`] tells
    /// what is to be done.
    pub(crate) fn is_at_hand(&self, now: i64, skew: i64) -> bool {
        now < self.at_hand_until && self.started <= now.saturating_add(skew)
    }
}

impl<V> Clone for Kept<V> {
    fn clone(&self) -> Self {
        Self { stored: Arc::clone(&self.stored), ..*self }
    }
}

/// The times of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub(crate) started: i64,
    pub(crate) fresh_until: i64,
    pub(crate) stale_until: i64,
}

impl Lifetime {
    /// Of a value whose load began at `started`. All is counted from there: a value is as old as
    /// what was read for it.
    pub(crate) fn of_value(
        options: &Options,
        key: &str,
        started: i64,
        own_ttl: Option<Duration>,
    ) -> Self {
        let ttl = own_ttl.map_or(options.ttl, |own| crate::options::millis(own).min(options.ttl));
        let fresh_until = started + ttl - share(ttl, options.jitter * spread(key, started));
        Self { started, fresh_until, stale_until: fresh_until + options.grace }
    }

    pub(crate) fn of_absence(options: &Options, started: i64) -> Self {
        let until = started + options.negative_ttl;
        Self { started, fresh_until: until, stale_until: until }
    }

    /// Shortened to what this namespace allows: the writer may have been of another version.
    pub(crate) fn within(self, options: &Options) -> Self {
        let fresh_until = self.fresh_until.min(self.started.saturating_add(options.ttl));
        let stale_until = self.stale_until.min(fresh_until.saturating_add(options.grace));
        Self { fresh_until, stale_until, ..self }
    }

    pub(crate) fn refresh_at(self, options: &Options) -> i64 {
        options.refresh_ahead.map_or(i64::MAX, |fraction| {
            self.started + share(self.fresh_until - self.started, fraction)
        })
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a share of it")]
fn share(millis: i64, fraction: f64) -> i64 {
    (millis as f64 * fraction) as i64
}

/// 0 to 1, as if by chance, and the same for the same load.
fn spread(key: &str, started: i64) -> f64 {
    let mut hasher = DefaultHasher::new();
    (key, started).hash(&mut hasher);
    f64::from((hasher.finish() >> 32) as u32) / f64::from(u32::MAX)
}
