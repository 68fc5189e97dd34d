//! Reads and writes of one key.

use std::{error::Error, fmt, future::Future, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    sync::watch,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    Tag,
    error::LoadError,
    flight::{self, Landing, Loader, Order, Progress, Ticket, board},
    format,
    level::Consistency,
    names::{MAX_TAGS, item_key},
    namespace::Core,
    stamps::Verdict,
    stored::{Cached, Content, Entry, Lifetime, Source, Stored},
};

/// How long a removed key refuses the results of older loads at least.
const REMOVAL_MILLIS: i64 = 60_000;

/// A key of a namespace, and the options of a read or write.
#[must_use = "a lookup does nothing until it is asked for a value"]
pub struct Lookup<'a, V> {
    core: &'a Arc<Core<V>>,
    key: &'a str,
    tags: &'a [Tag],
    is_consistent: bool,
    is_tolerant: bool,
}

impl<V> fmt::Debug for Lookup<'_, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Lookup").field("tags", &self.tags).finish_non_exhaustive()
    }
}

/// What a caller may be given when there is nothing fresh.
type Fallback<V> = Option<Arc<Stored<V>>>;
type Answer<V> = Result<Option<Cached<V>>, LoadError>;

impl<'a, V> Lookup<'a, V>
where
    V: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    pub(crate) fn new(core: &'a Arc<Core<V>>, key: &'a str) -> Self {
        Self { core, key, tags: &[], is_consistent: false, is_tolerant: false }
    }

    /// Tags of the value that this lookup loads or inserts. Cached values keep their tags.
    pub fn tags(self, tags: &'a [Tag]) -> Self {
        Self { tags, ..self }
    }

    /// Respects every acknowledged invalidation, to read one's own writes. Costs one small consistent read,
    /// or none if it is already known that there is no valid value.
    pub fn consistent(self) -> Self {
        Self { is_consistent: true, ..self }
    }

    /// Prefers an unchecked value to an error. If the second level is unavailable, and the load fails or
    /// exceeds the soft timeout, the lookup falls back to a value within its grace whose tags were checked
    /// within the [outage window](crate::NamespaceBuilder::outage_window). For reads during an outage;
    /// [consistent](Self::consistent) ones then are not consistent.
    pub fn tolerant(self) -> Self {
        Self { is_tolerant: true, ..self }
    }

    /// Returns the value from memory, the second level or the loader.
    ///
    /// Loads are single-flight across instances, unless the second level is down or a load exceeds the
    /// [lease](crate::NamespaceBuilder::lease). The loader runs on the cache's
    /// [spawner](crate::CacheBuilder::spawner) and continues if the caller is dropped. It returns the
    /// value, or an [`Entry`] with its own tags and TTL.
    ///
    /// # Errors
    /// [`LoadError`] if the loader failed, panicked or exceeded the hard timeout, and there is no value
    /// within its grace.
    pub async fn get_or_load<F, L, E>(
        self,
        loader: impl FnOnce() -> F + Send + 'static,
    ) -> Result<Cached<V>, LoadError>
    where
        F: Future<Output = Result<L, E>> + Send + 'static,
        L: Into<Entry<V>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let boxed = || -> Loader<V> {
            Box::new(|| {
                let loading = loader();
                Box::pin(async { loading.await.map(|value| Some(value.into())).map_err(failed) })
            })
        };
        // Where absence is not accepted there is a value or an error.
        self.find(boxed, false).await?.ok_or(LoadError::Abandoned)
    }

    /// Like [`get_or_load`](Self::get_or_load) for values that may not exist; absence is cached for the
    /// [negative TTL](crate::NamespaceBuilder::negative_ttl).
    ///
    /// # Errors
    /// As [`get_or_load`](Self::get_or_load).
    pub async fn get_or_find<F, L, E>(
        self,
        loader: impl FnOnce() -> F + Send + 'static,
    ) -> Result<Option<Cached<V>>, LoadError>
    where
        F: Future<Output = Result<Option<L>, E>> + Send + 'static,
        L: Into<Entry<V>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let boxed = || -> Loader<V> {
            Box::new(|| {
                let loading = loader();
                Box::pin(async { loading.await.map(|found| found.map(L::into)).map_err(failed) })
            })
        };
        self.find(boxed, true).await
    }

    /// Returns the value if a fresh one is cached, in memory or in the second level.
    pub async fn get(self) -> Option<Cached<V>> {
        let core = self.core;
        if let Some(stored) = self.recall(false).await
            && self.is_fresh(&stored, core.now(), false)
        {
            return self.serve(stored, Source::Memory);
        }
        let found = if core.options.uses_shared() { self.fetch().await } else { None };
        let Some(stored) = found else {
            core.counters.misses.increment();
            return None;
        };
        self.serve(stored, Source::Shared)
    }

    async fn fetch(&self) -> Option<Arc<Stored<V>>> {
        let core = self.core;
        let key = item_key(&core.name, self.key);
        let consistency =
            if self.is_consistent { Consistency::Strong } else { Consistency::Eventual };
        let item =
            core.shared.level.ask(&core.counters, |level| level.read(&key, consistency)).await??;
        core.counters.bytes_read.add(item.blob.len() as u64);
        let Ok(decoded) = format::decode(&item.blob, item.started, core.options.schema) else {
            core.counters.undecodable.increment();
            return None;
        };
        let stored = Arc::new(core.stored(self.key, decoded));
        let verdict = core.judge(&stored.tags, stored.started, self.is_consistent).await;
        if verdict != Verdict::Valid || !self.is_fresh(&stored, core.now(), false) {
            return None;
        }
        core.remember(self.key, &stored, false);
        Some(stored)
    }

    /// Inserts a value that was just written to its source. It overrides cached values and running loads.
    /// Other instances may serve their value from memory until it expires; to update all instances,
    /// invalidate a tag first.
    ///
    /// Errors of the second level are only counted.
    pub async fn insert(self, value: impl Into<Entry<V>>) {
        let core = self.core;
        let Entry { value, tags, ttl } = value.into();
        let mut tags: Vec<Tag> = self.tags.iter().cloned().chain(tags).collect();
        tags.sort_unstable();
        tags.dedup();
        if tags.len() > MAX_TAGS {
            core.counters.overtagged.increment();
            return self.remove().await;
        }
        let key: Arc<str> = self.key.into();
        let lifetime = Lifetime::of_value(&core.options, &key, core.now(), ttl);
        let (stored, draft) = flight::prepare(core, &key, Some(value), lifetime, tags);
        core.remember(&key, &stored, true);
        core.flights.forget(&key);
        if !core.options.uses_shared() {
            return;
        }
        let is_written = match draft {
            Some(draft) => flight::write(core, &key, draft, true).await,
            None => false,
        };
        if !is_written {
            // An older value must not stay where this one does not fit.
            self.write_removal(&key, lifetime.started).await;
        }
    }

    /// Removes the value from memory and the second level, and discards the results of running loads. Other
    /// instances may serve their value from memory until it expires; to reach them, invalidate a tag.
    ///
    /// Errors of the second level are only counted.
    pub async fn remove(self) {
        let key: Arc<str> = self.key.into();
        let started = self.core.now();
        let (mark, _) = flight::prepare_removal(self.core, &key, self.removal(started));
        self.core.remember(&key, &mark, true);
        self.core.flights.forget(&key);
        self.write_removal(&key, started).await;
    }

    async fn write_removal(&self, key: &Arc<str>, started: i64) {
        let (_, draft) = flight::prepare_removal(self.core, key, self.removal(started));
        if let Some(draft) = draft {
            flight::write(self.core, key, draft, true).await;
        }
    }

    /// For as long as a load that began before may last.
    fn removal(&self, started: i64) -> Lifetime {
        let hard_timeout = crate::options::millis(self.core.options.hard_timeout);
        let until = started + REMOVAL_MILLIS.max(2 * hard_timeout);
        Lifetime { started, fresh_until: until, stale_until: until }
    }

    async fn find(self, loader: impl FnOnce() -> Loader<V>, accepts_absence: bool) -> Answer<V> {
        let core = self.core;
        if !self.is_consistent
            && let Some(kept) = core.recall(self.key)
        {
            let now = core.now();
            let is_at_hand = kept.is_at_hand(now, core.shared.skew);
            if (is_at_hand || self.is_fresh(&kept.stored, now, accepts_absence))
                && core.judge_kept(&kept, now) == Verdict::Valid
            {
                if is_at_hand {
                    core.counters.memory_hits.increment();
                    return Ok(Some(Cached::at_hand(kept, now)));
                }
                let stored = kept.stored;
                if now >= stored.refresh_at {
                    self.refresh_ahead(&stored, now, loader, accepts_absence);
                }
                return Ok(self.serve_at(now, stored, Source::Memory));
            }
        }
        // Boxed: a hit need not carry what a miss needs.
        Box::pin(self.find_slowly(loader(), accepts_absence)).await
    }

    fn refresh_ahead(
        &self,
        stored: &Arc<Stored<V>>,
        now: i64,
        loader: impl FnOnce() -> Loader<V>,
        accepts_absence: bool,
    ) {
        if self.core.is_paused(self.key, now) || self.core.flights.is_underway(self.key) {
            return;
        }
        let order = Order {
            key: &self.key.into(),
            tags: self.tags,
            is_consistent: false,
            accepts_absence,
            is_background: true,
            have: Some(stored),
        };
        drop(board(self.core, &order, &mut Some(loader())));
    }

    async fn find_slowly(self, loader: Loader<V>, accepts_absence: bool) -> Answer<V> {
        let mut fallback = None;
        let search = self.search(loader, accepts_absence, &mut fallback);
        if let Ok(answer) = timeout(self.core.options.hard_timeout, search).await {
            return answer;
        }
        self.core.counters.timeouts.increment();
        self.fall_back(fallback.as_ref(), LoadError::TimedOut)
    }

    async fn search(
        &self,
        loader: Loader<V>,
        accepts_absence: bool,
        fallback: &mut Fallback<V>,
    ) -> Answer<V> {
        let core = self.core;
        let soft_deadline = Instant::now() + core.options.soft_timeout;
        let sequence = core.shared.next_sequence();
        let key: Arc<str> = self.key.into();
        let mut loader = Some(loader);
        loop {
            if let Some(stored) = self.recall(accepts_absence).await {
                let now = core.now();
                if self.is_fresh(&stored, now, accepts_absence) {
                    return Ok(self.serve(stored, Source::Memory));
                }
                *fallback = Some(stored);
            } else if self.is_tolerant && fallback.is_none() {
                *fallback = self.recall_unchecked(accepts_absence);
            }
            if let Some(stored) = &*fallback
                && core.is_paused(&key, core.now())
                && core.now() < stored.stale_until
            {
                return Ok(self.serve(Arc::clone(stored), Source::Memory));
            }
            let order = Order {
                key: &key,
                tags: self.tags,
                is_consistent: self.is_consistent,
                accepts_absence,
                is_background: false,
                have: fallback.as_ref(),
            };
            let Some(mut ticket) = board(core, &order, &mut loader) else {
                return self.fall_back(fallback.as_ref(), LoadError::Abandoned);
            };
            match self.wait(&mut ticket, soft_deadline, accepts_absence, fallback).await {
                Waited::Landed(landing) => match landing.result {
                    Err(error) => {
                        let best = landing.best.as_ref();
                        self.consider(best, ticket.is_own, accepts_absence, fallback).await;
                        return self.fall_back(fallback.as_ref(), error);
                    }
                    Ok(stored) => {
                        let load = landing.sequence;
                        let began_after = load.is_some_and(|load| ticket.is_own || load > sequence);
                        let is_of_use = is_of_use(&stored, accepts_absence);
                        if is_of_use && self.may_serve(&stored, began_after, ticket.is_own).await {
                            return Ok(self.serve(stored, landing.source));
                        }
                        if ticket.is_own {
                            // It took so long that it is too old: the process was frozen.
                            return self.fall_back(fallback.as_ref(), LoadError::TimedOut);
                        }
                    }
                },
                Waited::Softly => return self.fall_back(fallback.as_ref(), LoadError::TimedOut),
                Waited::Dropped if ticket.is_own => {
                    return self.fall_back(fallback.as_ref(), LoadError::Abandoned);
                }
                Waited::Dropped => {}
            }
        }
    }

    /// What memory has that may be served, be it stale.
    async fn recall(&self, accepts_absence: bool) -> Option<Arc<Stored<V>>> {
        let core = self.core;
        let stored = core.recall(self.key)?.stored;
        let now = core.now();
        if !is_of_use(&stored, accepts_absence) || !is_servable(&stored, now, core.shared.skew) {
            return None;
        }
        match core.judge(&stored.tags, stored.started, self.is_consistent).await {
            Verdict::Valid => Some(stored),
            Verdict::Unknown => None,
            Verdict::Invalidated { .. } => {
                core.counters.invalidated.increment();
                None
            }
        }
    }

    /// What memory has that may be served when nothing can be asked.
    fn recall_unchecked(&self, accepts_absence: bool) -> Option<Arc<Stored<V>>> {
        let core = self.core;
        let stored = core.recall(self.key)?.stored;
        let is_servable = is_of_use(&stored, accepts_absence)
            && is_servable(&stored, core.now(), core.shared.skew)
            && core.judge_in_outage(&stored.tags, stored.started) == Verdict::Valid;
        is_servable.then_some(stored)
    }

    async fn wait(
        &self,
        ticket: &mut Ticket<V>,
        soft_deadline: Instant,
        accepts_absence: bool,
        fallback: &mut Fallback<V>,
    ) -> Waited<V> {
        loop {
            let seen = match see(&mut ticket.progress) {
                Seen::Landed(landing) => return Waited::Landed(landing),
                Seen::Stale(stored) => Some(stored),
                Seen::Nothing => None,
            };
            self.consider(seen.as_ref(), ticket.is_own, accepts_absence, fallback).await;
            let changed = ticket.progress.changed();
            let changed = if fallback.is_some() {
                match timeout_at(soft_deadline, changed).await {
                    Ok(changed) => changed,
                    Err(_) => return Waited::Softly,
                }
            } else {
                changed.await
            };
            if changed.is_err() {
                return Waited::Dropped;
            }
        }
    }

    /// Something stale that a flight found, for when there is nothing better.
    async fn consider(
        &self,
        stale: Option<&Arc<Stored<V>>>,
        is_own: bool,
        accepts_absence: bool,
        fallback: &mut Fallback<V>,
    ) {
        if let Some(stored) = stale
            && fallback.is_none()
            && is_of_use(stored, accepts_absence)
            && self.may_serve(stored, false, is_own).await
        {
            *fallback = Some(Arc::clone(stored));
        }
    }

    /// Whether what a flight found is good for this caller. What was loaded after the call began
    /// always is, unless it took too long; what the caller's own flight found was judged there.
    async fn may_serve(&self, stored: &Stored<V>, began_after: bool, is_own: bool) -> bool {
        let core = self.core;
        if began_after {
            return core.now().saturating_sub(stored.started) <= core.options.oldest();
        }
        let is_valid = is_own
            || core.judge(&stored.tags, stored.started, self.is_consistent).await == Verdict::Valid;
        // The time after the judgement counts: the process may have been frozen meanwhile.
        is_valid && is_servable(stored, core.now(), core.shared.skew)
    }

    fn fall_back(&self, fallback: Option<&Arc<Stored<V>>>, error: LoadError) -> Answer<V> {
        match fallback {
            Some(stored) if self.core.now() < stored.stale_until => {
                Ok(self.serve(Arc::clone(stored), Source::Memory))
            }
            _ => {
                self.core.counters.misses.increment();
                Err(error)
            }
        }
    }

    fn is_fresh(&self, stored: &Stored<V>, now: i64, accepts_absence: bool) -> bool {
        now < stored.fresh_until
            && is_servable(stored, now, self.core.shared.skew)
            && is_of_use(stored, accepts_absence)
    }

    fn serve(&self, stored: Arc<Stored<V>>, source: Source) -> Option<Cached<V>> {
        self.serve_at(self.core.now(), stored, source)
    }

    /// Counts an answer and gives it. `None` if it is that there is no such thing.
    fn serve_at(&self, now: i64, stored: Arc<Stored<V>>, source: Source) -> Option<Cached<V>> {
        let counters = &self.core.counters;
        let counter = match source {
            _ if stored.is_stale(now, source) => &counters.stale_served,
            Source::Memory => &counters.memory_hits,
            Source::Shared => &counters.shared_hits,
            Source::Loader => &counters.misses,
        };
        counter.increment();
        let cached = Cached::new(stored, now, source);
        if cached.is_none() {
            counters.absent_served.increment();
        }
        cached
    }
}

/// What waiting for a flight came to.
enum Waited<V> {
    Landed(Landing<V>),
    /// The soft timeout passed with something stale at hand.
    Softly,
    /// The flight is gone.
    Dropped,
}

enum Seen<V> {
    Nothing,
    Stale(Arc<Stored<V>>),
    Landed(Landing<V>),
}

fn see<V>(progress: &mut watch::Receiver<Progress<V>>) -> Seen<V> {
    match &*progress.borrow_and_update() {
        Progress::Pending => Seen::Nothing,
        Progress::Stale(stored) => Seen::Stale(Arc::clone(stored)),
        Progress::Landed(landing) => Seen::Landed(landing.clone()),
    }
}

fn is_of_use<V>(stored: &Stored<V>, accepts_absence: bool) -> bool {
    match stored.content {
        Content::Present(_) => true,
        Content::Absent => accepts_absence,
        Content::Removed => false,
    }
}

/// Within its grace, and not from a time that is yet to come.
fn is_servable<V>(stored: &Stored<V>, now: i64, skew: i64) -> bool {
    now < stored.stale_until && stored.started <= now.saturating_add(skew)
}

fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> LoadError {
    LoadError::Failed(Arc::from(error.into()))
}
