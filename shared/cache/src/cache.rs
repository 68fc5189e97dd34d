//! The cache: the shared part of its namespaces.

use std::{
    collections::BTreeMap,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::sleep;

use crate::{
    Clock, Tag,
    error::{BuildError, InvalidateError},
    guarded::Guarded,
    level::SecondLevel,
    metrics::{CacheMetrics, Counter, Metrics},
    options::{MAX_TTL, NamespaceBuilder, millis},
    spawn::{Spawn, TokioSpawn},
    stamps::Tags,
};

const DEFAULT_TIMEOUT: Duration = Duration::from_millis(250);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);
const DEFAULT_SKEW: Duration = Duration::from_millis(50);
const LONGEST_SKEW: Duration = Duration::from_secs(60);
/// A stamp is kept as long as an entry from before it may exist.
const STAMP_SECONDS: i64 = 2 * MAX_TTL.as_secs() as i64 + 24 * 60 * 60;
const INVALIDATION_TRIES: u32 = 3;
const INVALIDATION_PAUSE: Duration = Duration::from_millis(50);

/// A two-level cache. Cloning is cheap, and clones are the same cache.
///
/// Create one per process. Building it makes no call and starts no task.
#[derive(Clone, Debug)]
pub struct Cache(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) level: Guarded,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) spawner: Box<dyn Spawn>,
    pub(crate) tags: Tags,
    /// Milliseconds.
    pub(crate) skew: i64,
    pub(crate) owner: String,
    sequence: AtomicU64,
    namespaces: Mutex<BTreeMap<String, Registered>>,
    invalidations: Counter,
    invalidation_errors: Counter,
}

struct Registered {
    type_name: &'static str,
    metrics: Option<Weak<dyn Measured>>,
}

/// A namespace of any type.
pub(crate) trait Measured: Send + Sync {
    fn measure(&self) -> Metrics;
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Cache").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl Shared {
    /// The next number of this process: whatever got its number later began later.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::AcqRel)
    }

    fn namespaces(&self) -> MutexGuard<'_, BTreeMap<String, Registered>> {
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    /// A cache on this second level: usually a [`DynamoLevel`](crate::DynamoLevel).
    pub fn builder(level: impl SecondLevel, clock: impl Clock) -> CacheBuilder {
        CacheBuilder {
            level: Box::new(level),
            clock: Arc::new(clock),
            spawner: Box::new(TokioSpawn),
            timeout: DEFAULT_TIMEOUT,
            skew: DEFAULT_SKEW,
            owner: None,
        }
    }

    /// A namespace with this name, whose values live for `ttl` ([`MIN_TTL`](crate::MIN_TTL) to
    /// [`MAX_TTL`]), counted from the beginning of their load.
    pub fn namespace(&self, name: &str, ttl: Duration) -> NamespaceBuilder {
        NamespaceBuilder::new(self.clone(), name, ttl)
    }

    /// Invalidates every entry with this tag, in all namespaces and instances, with one small write.
    ///
    /// Entries whose load started before now are no longer served: in this process at once, in others
    /// within their [`tag_window`](NamespaceBuilder::tag_window), and by
    /// [`consistent`](crate::Lookup::consistent) lookups never. Call it after the write that made them
    /// stale.
    ///
    /// # Errors
    /// [`InvalidateError`] after three failed attempts.
    pub async fn invalidate_tag(&self, tag: &Tag) -> Result<(), InvalidateError> {
        self.invalidate(tag, tag.name()).await
    }

    /// Invalidates every entry of a namespace, like [`invalidate_tag`](Self::invalidate_tag). A
    /// namespace unknown to this process is invalidated for those that know it.
    ///
    /// # Errors
    /// [`InvalidateError`] after three failed attempts.
    pub async fn clear_namespace(&self, name: &str) -> Result<(), InvalidateError> {
        self.invalidate(&Tag::of_namespace(name), name).await
    }

    /// Invalidates every entry with this tag before a write makes them stale.
    ///
    /// Values whose load starts within `hold` are not kept, so lookups in that time load. Call it before a
    /// write, and finish the write within `hold`. No further call is needed, and no instance keeps the
    /// old value even if this process dies halfway. Clocks may differ by
    /// [`max_clock_skew`](CacheBuilder::max_clock_skew).
    ///
    /// It reaches other instances as [`invalidate_tag`](Self::invalidate_tag) does. It cannot be undone, and
    /// stays in force if the write is not made.
    ///
    /// # Errors
    /// [`InvalidateError`] after three failed attempts. This process then keeps its entries: do not make
    /// the write.
    pub async fn hold_tag(&self, tag: &Tag, hold: Duration) -> Result<(), InvalidateError> {
        let stamp = self.0.clock.unix_millis().saturating_add(millis(hold));
        self.write_stamp(tag, tag.name(), stamp).await?;
        self.0.tags.raise(tag, stamp);
        Ok(())
    }

    async fn invalidate(&self, tag: &Tag, name: &str) -> Result<(), InvalidateError> {
        let stamp = self.0.clock.unix_millis();
        self.0.tags.raise(tag, stamp);
        self.write_stamp(tag, name, stamp).await
    }

    async fn write_stamp(&self, tag: &Tag, name: &str, stamp: i64) -> Result<(), InvalidateError> {
        let shared = &*self.0;
        shared.invalidations.increment();
        let expires = stamp / 1000 + STAMP_SECONDS;
        let mut pause = INVALIDATION_PAUSE;
        let mut tries = 1;
        loop {
            let answer = shared
                .level
                .try_once(|level| level.raise_stamp(tag.stamp_key(), stamp, expires))
                .await;
            match answer {
                Ok(()) => return Ok(()),
                Err(_) if tries < INVALIDATION_TRIES => {
                    tries += 1;
                    sleep(pause).await;
                    pause *= 2;
                }
                Err(source) => {
                    shared.invalidation_errors.increment();
                    return Err(InvalidateError { tag: name.to_owned(), source });
                }
            }
        }
    }

    /// The counters of this process, by namespace. Namespaces without a handle are omitted.
    pub fn metrics(&self) -> CacheMetrics {
        let namespaces = self.0.namespaces();
        let measured = namespaces.iter().filter_map(|(name, registered)| {
            let namespace = registered.metrics.as_ref()?.upgrade()?;
            Some((name.clone(), namespace.measure()))
        });
        CacheMetrics {
            invalidations: self.0.invalidations.get(),
            invalidation_errors: self.0.invalidation_errors.get(),
            namespaces: measured.collect(),
        }
    }

    /// Takes the name of a namespace, once.
    pub(crate) fn register(&self, name: &str, type_name: &'static str) -> Result<(), BuildError> {
        let mut namespaces = self.0.namespaces();
        if let Some(taken) = namespaces.get(name) {
            let (name, first) = (name.to_owned(), taken.type_name);
            return Err(BuildError::Taken { name, first, second: type_name });
        }
        namespaces.insert(name.to_owned(), Registered { type_name, metrics: None });
        Ok(())
    }

    pub(crate) fn measure(&self, name: &str, namespace: Weak<dyn Measured>) {
        if let Some(registered) = self.0.namespaces().get_mut(name) {
            registered.metrics = Some(namespace);
        }
    }
}

/// Settings of a [`Cache`].
#[must_use = "a cache is made by build()"]
pub struct CacheBuilder {
    level: Box<dyn SecondLevel>,
    clock: Arc<dyn Clock>,
    spawner: Box<dyn Spawn>,
    timeout: Duration,
    skew: Duration,
    owner: Option<String>,
}

impl fmt::Debug for CacheBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CacheBuilder").finish_non_exhaustive()
    }
}

impl CacheBuilder {
    /// The spawner of loads and refreshes; [`TokioSpawn`] by default.
    pub fn spawner(self, spawner: impl Spawn) -> Self {
        Self { spawner: Box::new(spawner), ..self }
    }

    /// The timeout of a call to the second level: 1 ms to 60 s, 250 ms by default.
    pub fn level_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The greatest clock skew between two instances: up to 60 s, 50 ms by default.
    ///
    /// Values loaded within this time after an invalidation are not cached. With a greater skew, an
    /// invalidated value may be served until it expires.
    pub fn max_clock_skew(self, skew: Duration) -> Self {
        Self { skew, ..self }
    }

    /// The unique name of this instance in leases; random by default.
    pub fn owner(self, owner: impl Into<String>) -> Self {
        Self { owner: Some(owner.into()), ..self }
    }

    /// Validates the settings and builds the cache.
    ///
    /// # Errors
    /// [`BuildError`], which names the setting.
    pub fn build(self) -> Result<Cache, BuildError> {
        for (setting, value, least, most) in [
            ("the level timeout", self.timeout, Duration::from_millis(1), LONGEST_TIMEOUT),
            ("the clock skew", self.skew, Duration::ZERO, LONGEST_SKEW),
        ] {
            if !(least..=most).contains(&value) {
                let of = "the cache".to_owned();
                return Err(BuildError::Duration { of, setting, value, least, most });
            }
        }
        let random = || format!("{:016x}", RandomState::new().hash_one(std::process::id()));
        Ok(Cache(Arc::new(Shared {
            level: Guarded::new(self.level, self.timeout, Arc::clone(&self.clock)),
            clock: self.clock,
            spawner: self.spawner,
            tags: Tags::default(),
            skew: millis(self.skew),
            owner: self.owner.unwrap_or_else(random),
            sequence: AtomicU64::new(0),
            namespaces: Mutex::default(),
            invalidations: Counter::default(),
            invalidation_errors: Counter::default(),
        })))
    }
}
