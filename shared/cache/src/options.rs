//! The options of a namespace, validated when it is built.

use std::{any::type_name, time::Duration};

use serde::{Serialize, de::DeserializeOwned};

use crate::{Cache, Namespace, error::BuildError, names};

/// The shortest time to live.
pub const MIN_TTL: Duration = Duration::from_millis(10);
/// The longest time to live, and the longest grace.
pub const MAX_TTL: Duration = Duration::from_secs(31 * 24 * 60 * 60);
/// The longest timeout of a loader, and the longest lease.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// The longest tag window.
pub const MAX_TAG_WINDOW: Duration = Duration::from_secs(60 * 60);
/// The largest item in the second level, in bytes. DynamoDB allows 400 KB, including keys and numbers.
pub const MAX_ITEM_BYTES: usize = 400_000;

const MILLISECOND: Duration = Duration::from_millis(1);
const DEFAULT_HARD_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_LEASE: Duration = Duration::from_secs(2);
const DEFAULT_TAG_WINDOW: Duration = Duration::from_secs(3);
const DEFAULT_RETRY_PAUSE: Duration = Duration::from_secs(2);
const DEFAULT_MEMORY: u64 = 8 << 20;
const LEAST_MEMORY: u64 = 1 << 10;
const MOST_MEMORY: u64 = 1 << 40;

/// The levels of a namespace. Tags work at all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Levels {
    /// Memory, then the shared second level.
    #[default]
    Both,
    /// Memory only, for values that are cheaper to load than to fetch.
    Memory,
    /// The second level only, for large values that are rarely read.
    Shared,
}

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) ttl: i64,
    pub(crate) grace: i64,
    pub(crate) negative_ttl: i64,
    pub(crate) refresh_ahead: Option<f64>,
    pub(crate) jitter: f64,
    pub(crate) soft_timeout: Duration,
    pub(crate) hard_timeout: Duration,
    pub(crate) retry_pause: i64,
    pub(crate) lease: Option<Duration>,
    pub(crate) levels: Levels,
    pub(crate) tag_window: i64,
    pub(crate) outage_window: i64,
    pub(crate) clear_window: i64,
    pub(crate) max_memory: u64,
    pub(crate) max_item: usize,
    pub(crate) schema: u32,
}

impl Options {
    pub(crate) fn uses_memory(&self) -> bool {
        self.levels != Levels::Shared
    }

    pub(crate) fn uses_shared(&self) -> bool {
        self.levels != Levels::Memory
    }

    /// The greatest age of a served value.
    pub(crate) fn oldest(&self) -> i64 {
        self.ttl + self.grace
    }
}

/// Builds a namespace. [`build`](Self::build) validates it.
#[derive(Clone, Debug)]
#[must_use = "a namespace is made by build()"]
pub struct NamespaceBuilder {
    cache: Cache,
    name: String,
    ttl: Duration,
    grace: Duration,
    negative_ttl: Duration,
    refresh_ahead: Option<f64>,
    jitter: f64,
    soft_timeout: Duration,
    hard_timeout: Option<Duration>,
    retry_pause: Duration,
    lease: Option<Duration>,
    levels: Levels,
    tag_window: Duration,
    outage_window: Duration,
    clear_window: Duration,
    max_memory: u64,
    max_item: usize,
    schema: u32,
}

impl NamespaceBuilder {
    pub(crate) fn new(cache: Cache, name: &str, ttl: Duration) -> Self {
        Self {
            cache,
            name: name.to_owned(),
            ttl,
            grace: Duration::ZERO,
            negative_ttl: Duration::ZERO,
            refresh_ahead: None,
            jitter: 0.05,
            soft_timeout: Duration::ZERO,
            hard_timeout: None,
            retry_pause: DEFAULT_RETRY_PAUSE,
            lease: Some(DEFAULT_LEASE),
            levels: Levels::default(),
            tag_window: DEFAULT_TAG_WINDOW,
            outage_window: Duration::ZERO,
            clear_window: Duration::ZERO,
            max_memory: DEFAULT_MEMORY,
            max_item: MAX_ITEM_BYTES,
            schema: 0,
        }
    }

    /// How long a stale value may be served after its TTL, during a refresh or when it fails. Zero, the
    /// default, to [`MAX_TTL`].
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// The TTL of negative entries: that a value does not exist, as
    /// [`get_or_find`](crate::Lookup::get_or_find) reports. Zero, the default, disables them; at most the
    /// TTL. They have no grace.
    pub fn negative_ttl(self, ttl: Duration) -> Self {
        Self { negative_ttl: ttl, ..self }
    }

    /// The fraction of the TTL after which a lookup refreshes the value in the background, 0.05 to 0.95; by
    /// default never. Needs [`Levels`] with memory.
    pub fn refresh_ahead(self, fraction: f64) -> Self {
        Self { refresh_ahead: Some(fraction), ..self }
    }

    /// The greatest fraction by which a TTL is shortened, random for each load, so that values loaded
    /// together do not expire together. 0 to 0.5, 0.05 by default.
    pub fn jitter(self, fraction: f64) -> Self {
        Self { jitter: fraction, ..self }
    }

    /// How long a caller with a stale value waits for a load. Then it gets the stale value, and the load
    /// continues. Zero, the default, to the hard timeout.
    pub fn soft_timeout(self, timeout: Duration) -> Self {
        Self { soft_timeout: timeout, ..self }
    }

    /// The longest wait of a caller, and the longest run of a loader. At most TTL plus grace; by default
    /// 5 s, or TTL plus grace if that is less.
    pub fn hard_timeout(self, timeout: Duration) -> Self {
        Self { hard_timeout: Some(timeout), ..self }
    }

    /// How long a stale value is served without a retry after the loader failed. 2 s by default.
    pub fn retry_pause(self, pause: Duration) -> Self {
        Self { retry_pause: pause, ..self }
    }

    /// The lease: how long others wait for the instance that loads a key, 2 s by default. It should exceed
    /// the duration of a load; when it ends, another instance loads. `None` lets every instance load by
    /// itself, which suits loads that are cheaper than the call for a lease.
    pub fn lease(self, lease: impl Into<Option<Duration>>) -> Self {
        Self { lease: lease.into(), ..self }
    }

    /// The levels.
    pub fn levels(self, levels: Levels) -> Self {
        Self { levels, ..self }
    }

    /// How long a stamp is trusted before it is read again, 3 s by default: for so long, a value
    /// invalidated elsewhere may be served. Zero reads it on every lookup.
    pub fn tag_window(self, window: Duration) -> Self {
        Self { tag_window: window, ..self }
    }

    /// The tag window while the second level is unavailable; [`tag_window`](Self::tag_window) by default.
    /// Values whose tags cannot be checked are reloaded.
    pub fn outage_window(self, window: Duration) -> Self {
        Self { outage_window: window, ..self }
    }

    /// How long even [consistent](crate::Lookup::consistent) lookups trust the stamp of the namespace, zero
    /// by default. They then read only the stamps of the entry's tags, at half the price for one tag, and
    /// notice later that the namespace was [cleared](crate::Cache::clear_namespace).
    pub fn clear_window(self, window: Duration) -> Self {
        Self { clear_window: window, ..self }
    }

    /// The capacity of memory in bytes of serialized values; 8 MiB by default.
    pub fn max_memory(self, bytes: u64) -> Self {
        Self { max_memory: bytes, ..self }
    }

    /// The largest value in the second level, in bytes after compression; [`MAX_ITEM_BYTES`] by default.
    /// Larger ones stay in memory only and are counted.
    pub fn max_item(self, bytes: usize) -> Self {
        Self { max_item: bytes, ..self }
    }

    /// The version of the value type, 0 by default. Items of another version count as absent: raise it when
    /// old values would still decode but mean something else.
    pub fn schema(self, version: u32) -> Self {
        Self { schema: version, ..self }
    }

    /// Validates the namespace and adds it to the cache.
    ///
    /// # Errors
    /// [`BuildError`], with the namespace and the setting; also if the name is taken.
    pub fn build<V>(self) -> Result<Namespace<V>, BuildError>
    where
        V: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let options = self.checked()?;
        self.cache.register(&self.name, type_name::<V>())?;
        Ok(Namespace::new(&self.cache, self.name, options))
    }

    fn checked(&self) -> Result<Options, BuildError> {
        if !names::is_namespace_name(&self.name) {
            return Err(BuildError::Name(self.name.chars().take(names::MAX_NAME_BYTES).collect()));
        }
        self.within("the TTL", self.ttl, MIN_TTL, MAX_TTL)?;
        self.within("the grace", self.grace, Duration::ZERO, MAX_TTL)?;
        self.within("the negative TTL", self.negative_ttl, Duration::ZERO, self.ttl)?;
        let oldest = (self.ttl + self.grace).min(MAX_TIMEOUT);
        let hard_timeout = self.hard_timeout.unwrap_or(DEFAULT_HARD_TIMEOUT.min(oldest));
        self.within("the hard timeout", hard_timeout, MILLISECOND, oldest)?;
        self.within("the soft timeout", self.soft_timeout, Duration::ZERO, hard_timeout)?;
        self.within("the retry pause", self.retry_pause, MILLISECOND, MAX_TIMEOUT)?;
        if let Some(lease) = self.lease {
            self.within("the lease", lease, MILLISECOND * 10, MAX_TIMEOUT)?;
        }
        self.within("the tag window", self.tag_window, Duration::ZERO, MAX_TAG_WINDOW)?;
        self.within("the outage window", self.outage_window, Duration::ZERO, MAX_TAG_WINDOW)?;
        self.within("the clear window", self.clear_window, Duration::ZERO, MAX_TAG_WINDOW)?;
        if let Some(fraction) = self.refresh_ahead {
            self.fraction("refresh-ahead", fraction, 0.05, 0.95)?;
        }
        self.fraction("the jitter", self.jitter, 0.0, 0.5)?;
        self.sized("the memory", self.max_memory, LEAST_MEMORY, MOST_MEMORY)?;
        self.sized("the largest item", self.max_item as u64, 1 << 10, MAX_ITEM_BYTES as u64)?;
        Ok(Options {
            ttl: millis(self.ttl),
            grace: millis(self.grace),
            negative_ttl: millis(self.negative_ttl),
            refresh_ahead: self.refresh_ahead,
            jitter: self.jitter,
            soft_timeout: self.soft_timeout,
            hard_timeout,
            retry_pause: millis(self.retry_pause),
            lease: self.lease,
            levels: self.levels,
            tag_window: millis(self.tag_window),
            outage_window: millis(self.outage_window.max(self.tag_window)),
            clear_window: millis(self.clear_window),
            max_memory: self.max_memory,
            max_item: self.max_item,
            schema: self.schema,
        })
    }

    fn within(
        &self,
        setting: &'static str,
        value: Duration,
        least: Duration,
        most: Duration,
    ) -> Result<(), BuildError> {
        if (least..=most).contains(&value) {
            return Ok(());
        }
        let of = format!("namespace {}", self.name);
        Err(BuildError::Duration { of, setting, value, least, most })
    }

    fn fraction(
        &self,
        setting: &'static str,
        value: f64,
        least: f64,
        most: f64,
    ) -> Result<(), BuildError> {
        if (least..=most).contains(&value) {
            return Ok(());
        }
        let of = format!("namespace {}", self.name);
        Err(BuildError::Fraction { of, setting, value, least, most })
    }

    fn sized(
        &self,
        setting: &'static str,
        value: u64,
        least: u64,
        most: u64,
    ) -> Result<(), BuildError> {
        if (least..=most).contains(&value) {
            return Ok(());
        }
        let of = format!("namespace {}", self.name);
        Err(BuildError::Size { of, setting, value, least, most })
    }
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
