//! A namespace: one type of value with its own options.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use moka::{ops::compute::Op, policy::EvictionPolicy};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Cache, Lookup, Tag,
    cache::{Measured, Shared},
    error::{InvalidateError, NameError},
    flight::Flights,
    format::Decoded,
    key::Key,
    metrics::{Counters, Metrics},
    names::{self, MAX_KEY_BYTES},
    options::Options,
    stamps::{TagState, Trust, Verdict},
    stored::{Content, Kept, Stored},
};

/// Paused keys that are remembered; above this the oldest knowledge goes.
const MAX_PAUSED: usize = 4096;

/// A handle to one namespace. Cloning is cheap.
pub struct Namespace<V>(pub(crate) Arc<Core<V>>);

impl<V> Clone for Namespace<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<V> fmt::Debug for Namespace<V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Namespace").field("name", &self.0.name).finish_non_exhaustive()
    }
}

impl<V: Serialize + DeserializeOwned + Send + Sync + 'static> Namespace<V> {
    pub(crate) fn new(cache: &Cache, name: String, options: Options) -> Self {
        let tag = cache.0.tags.state(&Tag::of_namespace(&name));
        let core = Arc::new(Core {
            no_tags: [Arc::clone(&tag)].into(),
            tag,
            memory: options.uses_memory().then(|| memory(options.max_memory)),
            flights: Flights::default(),
            paused: Mutex::default(),
            counters: Counters::default(),
            shared: Arc::clone(&cache.0),
            name,
            options,
        });
        let measured: Weak<dyn Measured> = Arc::downgrade(&core) as Weak<dyn Measured>;
        cache.measure(&core.name, measured);
        Self(core)
    }

    /// A key of this namespace, to read or write.
    ///
    /// # Errors
    /// [`NameError`] if it is empty or longer than [`MAX_KEY_BYTES`].
    pub fn at<'a>(&'a self, key: &'a str) -> Result<Lookup<'a, V>, NameError> {
        names::checked("key", key, MAX_KEY_BYTES)?;
        Ok(Lookup::new(&self.0, key))
    }

    /// Invalidates all of it, as [`Cache::clear_namespace`] does.
    ///
    /// # Errors
    /// [`InvalidateError`] after three failed attempts.
    pub async fn clear(&self) -> Result<(), InvalidateError> {
        Cache(Arc::clone(&self.0.shared)).clear_namespace(&self.0.name).await
    }

    /// The counters of this process.
    pub fn metrics(&self) -> Metrics {
        self.0.measure()
    }
}

type Memory<V> = moka::sync::Cache<Key, Kept<V>, foldhash::quality::RandomState>;

fn memory<V: Send + Sync + 'static>(max_bytes: u64) -> Memory<V> {
    moka::sync::Cache::builder()
        .max_capacity(max_bytes)
        .eviction_policy(EvictionPolicy::tiny_lfu())
        .weigher(|_, kept: &Kept<V>| kept.stored.weight)
        .build_with_hasher(foldhash::quality::RandomState::default())
}

/// What a namespace's handles and its flights share.
pub(crate) struct Core<V> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) name: String,
    pub(crate) options: Options,
    /// Of the whole namespace.
    pub(crate) tag: Arc<TagState>,
    /// The states of an entry without tags: that of the namespace alone.
    no_tags: Arc<[Arc<TagState>]>,
    memory: Option<Memory<V>>,
    pub(crate) flights: Flights<V>,
    /// Until when a key is not loaded again while a stale value is at hand.
    paused: Mutex<HashMap<Arc<str>, i64>>,
    pub(crate) counters: Counters,
}

impl<V: Send + Sync + 'static> Measured for Core<V> {
    fn measure(&self) -> Metrics {
        let memory = self.memory.as_ref();
        // What was just written is not counted before.
        memory.inspect(|memory| memory.run_pending_tasks());
        let entries = memory.map_or(0, Memory::entry_count);
        self.counters.snapshot(entries, memory.map_or(0, Memory::weighted_size))
    }
}

impl<V: Send + Sync + 'static> Core<V> {
    pub(crate) fn now(&self) -> i64 {
        self.shared.clock.unix_millis()
    }

    pub(crate) fn recall(&self, key: &str) -> Option<Kept<V>> {
        self.memory.as_ref()?.get(key.as_bytes())
    }

    /// Keeps an entry in memory unless a newer one is there.
    pub(crate) fn remember(&self, key: &str, stored: &Arc<Stored<V>>, overwrites_equal: bool) {
        let Some(memory) = &self.memory else { return };
        let latest = self.now().saturating_add(self.shared.skew);
        memory.entry(key.into()).and_compute_with(|found| {
            let started = found.map_or(i64::MIN, |found| found.value().started());
            // What is of a time to come is never served: the clock was set back since.
            let is_in_the_way = started > latest && stored.started <= latest;
            if is_in_the_way
                || started < stored.started
                || (started == stored.started && overwrites_equal)
            {
                Op::Put(Kept::new(Arc::clone(stored)))
            } else {
                Op::Nop
            }
        });
    }

    pub(crate) fn trust(&self, now: i64) -> Trust {
        Trust { now, window: self.options.tag_window, skew: self.shared.skew }
    }

    /// Judges what memory keeps by what is known, as [`Trust::judge`] does, and looks at its tags
    /// only where it must.
    pub(crate) fn judge_kept(&self, kept: &Kept<V>, now: i64) -> Verdict {
        let trust = self.trust(now);
        if trust.is_beyond_doubt(&self.shared.tags, kept.started()) {
            Verdict::Valid
        } else {
            let own = std::slice::from_ref(&self.tag);
            let tags = if kept.has_tags() { &kept.stored.tags } else { own };
            trust.judge(tags, kept.started())
        }
    }

    /// Judges an entry, and asks the second level where memory does not tell or must not be
    /// believed.
    pub(crate) async fn judge(
        &self,
        tags: &[Arc<TagState>],
        started: i64,
        is_consistent: bool,
    ) -> Verdict {
        let is_consistent = is_consistent || self.options.tag_window == 0;
        let trust = self.trust(self.now());
        let known = trust.judge(tags, started);
        // Stamps only rise: what is known to be invalidated needs no look.
        let is_settled = match known {
            Verdict::Invalidated { .. } => true,
            Verdict::Valid => !is_consistent,
            Verdict::Unknown => false,
        };
        if is_settled {
            return known;
        }
        let is_learnt = if is_consistent {
            let asked: Vec<_> = tags.iter().filter(|tag| !self.is_believed(tag)).collect();
            asked.is_empty() || self.read_stamps(&asked).await
        } else {
            self.learn_stamps(tags).await
        };
        if is_learnt {
            trust.judge_read(tags, started)
        } else if is_consistent {
            Verdict::Unknown
        } else {
            self.judge_in_outage(tags, started)
        }
    }

    /// Whether this is the stamp of the namespace and consistent lookups need not read it.
    fn is_believed(&self, tag: &Arc<TagState>) -> bool {
        Arc::ptr_eq(tag, &self.tag) && tag.is_known(self.now(), self.options.clear_window)
    }

    /// Judges an entry by what is known, while the second level does not answer.
    pub(crate) fn judge_in_outage(&self, tags: &[Arc<TagState>], started: i64) -> Verdict {
        let window = self.options.outage_window;
        Trust { window, ..self.trust(self.now()) }.judge(tags, started)
    }

    /// Reads what is not known of these tags, once for all who ask at the same time.
    pub(crate) async fn learn_stamps(&self, tags: &[Arc<TagState>]) -> bool {
        let window = self.options.tag_window;
        let mut held = Vec::with_capacity(tags.len());
        // In their order everywhere, so that nobody waits in a circle.
        for tag in tags {
            if !tag.is_known(self.now(), window) {
                let guard = tag.reading.lock().await;
                if !tag.is_known(self.now(), window) {
                    held.push((tag, guard));
                }
            }
        }
        let unknown: Vec<&Arc<TagState>> = held.iter().map(|(tag, _)| *tag).collect();
        unknown.is_empty() || self.read_stamps(&unknown).await
    }

    async fn read_stamps(&self, tags: &[&Arc<TagState>]) -> bool {
        let keys: Vec<&str> = tags.iter().map(|tag| &*tag.key).collect();
        let read_at = self.now();
        let answer = self.shared.level.ask(&self.counters, |level| level.read_stamps(&keys)).await;
        let Some(stamps) = answer.filter(|stamps| stamps.len() == tags.len()) else {
            return false;
        };
        for (tag, stamp) in tags.iter().zip(stamps) {
            tag.learn(stamp, read_at);
        }
        true
    }

    /// The states of an entry's tags and of the namespace, in the order in which they are locked.
    pub(crate) fn tag_states(&self, tags: &[Tag]) -> Arc<[Arc<TagState>]> {
        if tags.is_empty() {
            // All share one, so that a hit finds it in the processor's cache.
            return Arc::clone(&self.no_tags);
        }
        let mut states: Vec<Arc<TagState>> =
            tags.iter().map(|tag| self.shared.tags.state(tag)).collect();
        states.push(Arc::clone(&self.tag));
        states.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        states.dedup_by(|one, other| one.key == other.key);
        states.into()
    }

    /// An entry of memory of what the second level had.
    pub(crate) fn stored(&self, key: &str, decoded: Decoded<V>) -> Stored<V> {
        let lifetime = decoded.lifetime.within(&self.options);
        let content = match (decoded.value, decoded.kind) {
            (Some(value), _) => Content::Present(value),
            (None, crate::format::Kind::Removed) => Content::Removed,
            (None, _) => Content::Absent,
        };
        Stored {
            content,
            started: lifetime.started,
            refresh_at: lifetime.refresh_at(&self.options),
            fresh_until: lifetime.fresh_until,
            stale_until: lifetime.stale_until,
            tags: self.tag_states(&decoded.tags),
            weight: weight(key, decoded.size, decoded.tags.len()),
        }
    }

    /// Whether this key is not to be loaded now if there is a stale value.
    pub(crate) fn is_paused(&self, key: &str, now: i64) -> bool {
        let paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back ends the pause.
        let longest = self.options.retry_pause;
        paused.get(key).is_some_and(|until| now < *until && *until - now <= longest)
    }

    pub(crate) fn pause(&self, key: &Arc<str>, now: i64, millis: i64) {
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        if paused.len() >= MAX_PAUSED {
            paused.retain(|_, until| now < *until);
        }
        if paused.len() < MAX_PAUSED {
            paused.insert(Arc::clone(key), now + millis.min(self.options.retry_pause));
        }
    }
}

/// What an entry weighs: its value as it is serialized, its key and about what holds them.
pub(crate) fn weight(key: &str, size: usize, tags: usize) -> u32 {
    const OVERHEAD: usize = 256;
    const PER_TAG: usize = 16;
    u32::try_from(size + key.len() + OVERHEAD + PER_TAG * tags).unwrap_or(u32::MAX)
}
