//! One search for a value, however many callers wait for it.
//!
//! A flight looks into the second level, takes the lease, runs the loader and stores what it
//! brought. It is run by the spawner, so that it outlives the caller who began it: a caller who goes
//! away takes nothing from the others. If the flight itself is dropped, its callers see the channel
//! close and begin anew.

use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::{
    Source, Tag,
    error::LoadError,
    format::{self, Kind},
    level::{Claim, Consistency, Item, Lease, Overwrite},
    names::{MAX_TAGS, item_key, lease_key},
    namespace::{Core, weight},
    options::millis,
    stamps::Verdict,
    stored::{Content, Entry, Lifetime, Stored},
};

/// Between two looks for what another instance loads: at first, and at most.
const FIRST_POLL: Duration = Duration::from_millis(20);
const LAST_POLL: Duration = Duration::from_millis(100);
/// How long a stale value is served before the lease is asked for again.
const LEASE_PAUSE_MILLIS: i64 = 500;
/// After the time of so many leases of others one loads for oneself.
const MOST_LEASES: u32 = 2;

pub(crate) type Loading<V> =
    Pin<Box<dyn Future<Output = Result<Option<Entry<V>>, LoadError>> + Send>>;
pub(crate) type Loader<V> = Box<dyn FnOnce() -> Loading<V> + Send>;

/// What those who wait see.
pub(crate) enum Progress<V> {
    Pending,
    /// The second level had this, and something better is looked for.
    Stale(Arc<Stored<V>>),
    Landed(Landing<V>),
}

pub(crate) struct Landing<V> {
    pub(crate) result: Result<Arc<Stored<V>>, LoadError>,
    pub(crate) source: Source,
    /// Stale, and at hand if there is nothing better.
    pub(crate) best: Option<Arc<Stored<V>>>,
    /// Of the load: callers with a lower number were there before it began.
    pub(crate) sequence: Option<u64>,
}

impl<V> Clone for Landing<V> {
    fn clone(&self) -> Self {
        Self { result: self.result.clone(), best: self.best.clone(), ..*self }
    }
}

/// The flights of a namespace that are under way.
pub(crate) struct Flights<V>(Mutex<Underway<V>>);

impl<V> Default for Flights<V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

type Underway<V> = HashMap<Arc<str>, (u64, watch::Receiver<Progress<V>>)>;

impl<V> Flights<V> {
    fn lock(&self) -> MutexGuard<'_, Underway<V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets later callers begin anew.
    pub(crate) fn forget(&self, key: &str) {
        self.lock().remove(key);
    }

    fn land(&self, key: &str, id: u64) {
        let mut underway = self.lock();
        if underway.get(key).is_some_and(|(found, _)| *found == id) {
            underway.remove(key);
        }
    }

    pub(crate) fn is_underway(&self, key: &str) -> bool {
        self.lock().contains_key(key)
    }
}

/// What a caller asks of a flight that it begins.
pub(crate) struct Order<'a, V> {
    pub(crate) key: &'a Arc<str>,
    pub(crate) tags: &'a [Tag],
    pub(crate) is_consistent: bool,
    pub(crate) accepts_absence: bool,
    /// The caller has been served.
    pub(crate) is_background: bool,
    /// What there is to serve.
    pub(crate) have: Option<&'a Arc<Stored<V>>>,
}

/// A flight that is waited for.
pub(crate) struct Ticket<V> {
    pub(crate) progress: watch::Receiver<Progress<V>>,
    pub(crate) is_own: bool,
}

/// Joins the flight for a key, or begins one and takes the loader. `None` if there is neither.
pub(crate) fn board<V>(
    core: &Arc<Core<V>>,
    order: &Order<'_, V>,
    loader: &mut Option<Loader<V>>,
) -> Option<Ticket<V>>
where
    V: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let (pilot, loader, progress) = {
        let mut underway = core.flights.lock();
        if let Some((_, progress)) = underway.get(order.key) {
            return Some(Ticket { progress: progress.clone(), is_own: false });
        }
        let loader = loader.take()?;
        let id = core.shared.next_sequence();
        let (sender, progress) = watch::channel(Progress::Pending);
        underway.insert(Arc::clone(order.key), (id, progress.clone()));
        let pilot = Pilot {
            core: Arc::clone(core),
            id,
            key: Arc::clone(order.key),
            tags: order.tags.to_vec(),
            is_consistent: order.is_consistent,
            accepts_absence: order.accepts_absence,
            is_background: order.is_background,
            best: order.have.cloned(),
            floor: order.have.map_or(i64::MIN, |have| have.started),
            sender,
        };
        (pilot, loader, progress)
    };
    core.shared.spawner.spawn(Box::pin(pilot.fly(loader)));
    Some(Ticket { progress, is_own: true })
}

struct Pilot<V> {
    core: Arc<Core<V>>,
    id: u64,
    key: Arc<str>,
    tags: Vec<Tag>,
    is_consistent: bool,
    accepts_absence: bool,
    is_background: bool,
    /// The newest valid entry so far.
    best: Option<Arc<Stored<V>>>,
    /// Only a load that begins after this is of use.
    floor: i64,
    sender: watch::Sender<Progress<V>>,
}

impl<V> Drop for Pilot<V> {
    fn drop(&mut self) {
        self.core.flights.land(&self.key, self.id);
    }
}

/// Whose turn it is to load.
enum Turn<V> {
    Ours { has_lease: bool },
    Others(Arc<Stored<V>>, Source),
}

impl<V> Pilot<V>
where
    V: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    async fn fly(mut self, loader: Loader<V>) {
        let mut has_lease = false;
        if self.core.options.uses_shared() {
            if let Some(found) = self.look(true).await {
                return self.land(Ok(found), Source::Shared, None);
            }
            match self.wait_for_turn().await {
                Turn::Ours { has_lease: taken } => has_lease = taken,
                Turn::Others(found, source) => return self.land(Ok(found), source, None),
            }
        }
        self.load(loader, has_lease).await;
    }

    fn land(&self, result: Result<Arc<Stored<V>>, LoadError>, source: Source, load: Option<u64>) {
        self.core.flights.land(&self.key, self.id);
        let best = self.best.clone();
        let landing = Landing { result, source, best, sequence: load };
        self.sender.send_replace(Progress::Landed(landing));
    }

    /// Looks into the second level for something fresh.
    async fn look(&mut self, is_first: bool) -> Option<Arc<Stored<V>>> {
        let core = Arc::clone(&self.core);
        let key = item_key(&core.name, &self.key);
        let consistency =
            if self.is_consistent { Consistency::Strong } else { Consistency::Eventual };
        let read = core.shared.level.ask(&core.counters, |level| level.read(&key, consistency));
        let item = if is_first && !self.is_consistent && core.options.tag_window > 0 {
            // Both are likely to be needed, and neither waits for the other.
            let states = core.tag_states(&self.tags);
            let now = core.now();
            if states.iter().all(|tag| tag.is_known(now, core.options.tag_window)) {
                read.await
            } else {
                tokio::join!(read, core.learn_stamps(&states)).0
            }
        } else {
            read.await
        };
        let item = item??;
        core.counters.bytes_read.add(item.blob.len() as u64);
        self.examine(&item).await
    }

    /// What an item is good for. One that is fresh is returned.
    async fn examine(&mut self, item: &Item) -> Option<Arc<Stored<V>>> {
        let core = Arc::clone(&self.core);
        let Ok(decoded) = format::decode(&item.blob, item.started, core.options.schema) else {
            core.counters.undecodable.increment();
            // Whoever wrote it has done so: nobody needs to wait for them.
            self.floor = self.floor.max(item.started.min(core.now()));
            return None;
        };
        let stored = Arc::new(core.stored(&self.key, decoded));
        let now = core.now();
        if stored.started > now.saturating_add(core.shared.skew) {
            // Its writer's clock was wrong, so that its age is not known.
            return None;
        }
        match core.judge(&stored.tags, stored.started, self.is_consistent).await {
            Verdict::Valid => {}
            Verdict::Unknown => return None,
            Verdict::Invalidated { floor } => {
                core.counters.invalidated.increment();
                self.floor = self.floor.max(floor);
                return None;
            }
        }
        // The process may have been frozen meanwhile.
        let now = core.now();
        let is_newer = self.best.as_ref().is_none_or(|best| best.started < stored.started);
        self.floor = self.floor.max(stored.started);
        let is_of_use = match stored.content {
            Content::Present(_) => true,
            Content::Absent => self.accepts_absence,
            Content::Removed => false,
        };
        if !is_of_use || !is_newer || now >= stored.stale_until {
            return None;
        }
        core.remember(&self.key, &stored, false);
        if now < stored.fresh_until && !(self.is_background && now >= stored.refresh_at) {
            return Some(stored);
        }
        self.best = Some(Arc::clone(&stored));
        self.sender.send_replace(Progress::Stale(stored));
        None
    }

    /// Takes the lease, or waits for whoever has it.
    async fn wait_for_turn(&mut self) -> Turn<V> {
        let core = Arc::clone(&self.core);
        let Some(lease) = core.options.lease else { return Turn::Ours { has_lease: false } };
        let key = lease_key(&core.name, &self.key);
        // Leaves time for a load.
        let patience = (lease * MOST_LEASES + 2 * LAST_POLL).min(core.options.hard_timeout * 3 / 4);
        let give_up = Instant::now() + patience;
        loop {
            let now = core.now();
            let claim = Lease {
                owner: core.shared.owner.clone(),
                now,
                until: now + millis(lease),
                floor: self.floor,
            };
            let answer =
                core.shared.level.ask(&core.counters, |level| level.take_lease(&key, &claim)).await;
            let until = match answer {
                None => return Turn::Ours { has_lease: false },
                Some(Claim::Taken) => return Turn::Ours { has_lease: true },
                Some(Claim::Held { until }) => until,
            };
            core.counters.lease_losses.increment();
            if let Some(best) = self.best.take() {
                // Good enough until the other one is done.
                core.pause(&self.key, now, (until - now).clamp(0, LEASE_PAUSE_MILLIS));
                return Turn::Others(best, Source::Memory);
            }
            // Its clock may be wrong, so that it ends in a year.
            let end = until.min(now.saturating_add(millis(lease)));
            if let Some(found) = self.wait_for_others(end, give_up).await {
                return Turn::Others(found, Source::Shared);
            }
            if Instant::now() >= give_up {
                return Turn::Ours { has_lease: false };
            }
        }
    }

    /// Looks again and again until another instance's lease has ended, or what it made turns out
    /// to be of no use.
    async fn wait_for_others(&mut self, end: i64, give_up: Instant) -> Option<Arc<Stored<V>>> {
        // By either clock: one of them may stand still or be set.
        let left = Duration::from_millis(u64::try_from(end - self.core.now()).unwrap_or(0));
        let give_up = give_up.min(Instant::now() + left);
        let (floor, mut pause) = (self.floor, FIRST_POLL);
        loop {
            sleep(pause).await;
            pause = (pause * 3 / 2).min(LAST_POLL);
            if let Some(found) = self.look(false).await {
                return Some(found);
            }
            if self.floor > floor || self.core.now() > end || Instant::now() >= give_up {
                return None;
            }
        }
    }

    async fn load(&mut self, loader: Loader<V>, has_lease: bool) {
        let core = Arc::clone(&self.core);
        core.counters.loads.increment();
        if self.is_background {
            core.counters.refreshes.increment();
        }
        let sequence = core.shared.next_sequence();
        let started = core.now();
        let loaded = match timeout(core.options.hard_timeout, caught(loader)).await {
            Ok(Some(loaded)) => loaded,
            Ok(None) => Err(LoadError::Panicked),
            Err(_) => Err(LoadError::TimedOut),
        };
        let is_written = match loaded {
            Ok(entry) => {
                let (stored, draft) = self.store(entry, started);
                self.land(Ok(stored), Source::Loader, Some(sequence));
                match draft {
                    Some(draft) => self.write(draft).await,
                    None => false,
                }
            }
            Err(error) => {
                core.counters.load_errors.increment();
                if self.best.is_some() {
                    core.pause(&self.key, core.now(), core.options.retry_pause);
                }
                self.land(Err(error), Source::Loader, Some(sequence));
                false
            }
        };
        if has_lease && !is_written {
            // Nobody finds anything, so nobody should wait for it.
            let key = lease_key(&core.name, &self.key);
            let owner = core.shared.owner.as_str();
            core.shared.level.ask(&core.counters, |level| level.release_lease(&key, owner)).await;
        }
    }

    /// Keeps what was loaded in memory, and drafts what is to be written.
    fn store(&self, entry: Option<Entry<V>>, started: i64) -> (Arc<Stored<V>>, Option<Draft>) {
        let core = &*self.core;
        let options = &core.options;
        let own_tags = entry.as_ref().map_or(&[][..], |entry| &entry.tags);
        let mut tags: Vec<Tag> = self.tags.iter().chain(own_tags).cloned().collect();
        tags.sort_unstable();
        tags.dedup();
        let is_overtagged = tags.len() > MAX_TAGS;
        let lifetime = match &entry {
            Some(entry) => Lifetime::of_value(options, &self.key, started, entry.ttl),
            None => Lifetime::of_absence(options, started),
        };
        let (stored, draft) =
            prepare(core, &self.key, entry.map(|entry| entry.value), lifetime, tags);
        if is_overtagged {
            core.counters.overtagged.increment();
            return (stored, None);
        }
        if lifetime.stale_until <= started {
            return (stored, None);
        }
        core.remember(&self.key, &stored, false);
        (stored, draft)
    }

    async fn write(&self, draft: Draft) -> bool {
        write(&self.core, &self.key, draft, false).await
    }
}

/// Runs a loader. `None` if it panics.
async fn caught<V>(loader: Loader<V>) -> Option<Result<Option<Entry<V>>, LoadError>> {
    let mut loading = catch_unwind(AssertUnwindSafe(loader)).ok()?;
    poll_fn(|context| {
        // A loading that panicked is not polled again.
        match catch_unwind(AssertUnwindSafe(|| loading.as_mut().poll(context))) {
            Ok(Poll::Ready(loaded)) => Poll::Ready(Some(loaded)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

/// An item to be written, not compressed yet.
pub(crate) struct Draft {
    absence: Kind,
    value: Option<Vec<u8>>,
    lifetime: Lifetime,
    tags: Vec<Tag>,
}

/// An entry for memory, and the draft of its item where the second level is used.
pub(crate) fn prepare<V: Serialize + Send + Sync + 'static>(
    core: &Core<V>,
    key: &str,
    value: Option<V>,
    lifetime: Lifetime,
    tags: Vec<Tag>,
) -> (Arc<Stored<V>>, Option<Draft>) {
    let uses_shared = core.options.uses_shared();
    let bytes = value.as_ref().filter(|_| uses_shared).map(format::serialize);
    let size = match (&bytes, &value) {
        (Some(bytes), _) => bytes.as_ref().map_or(0, Vec::len),
        (None, Some(value)) => format::size_of(value).unwrap_or(0),
        (None, None) => 0,
    };
    let draft = match bytes {
        Some(None) => {
            core.counters.unencodable.increment();
            None
        }
        _ if !uses_shared => None,
        bytes => {
            let value = bytes.flatten();
            Some(Draft { absence: Kind::Absent, value, lifetime, tags: tags.clone() })
        }
    };
    let stored = stored(core, key, value, size, lifetime, &tags);
    (Arc::new(stored), draft)
}

fn stored<V: Send + Sync + 'static>(
    core: &Core<V>,
    key: &str,
    value: Option<V>,
    size: usize,
    lifetime: Lifetime,
    tags: &[Tag],
) -> Stored<V> {
    Stored {
        content: value.map_or(Content::Absent, |value| Content::Present(value)),
        started: lifetime.started,
        refresh_at: lifetime.refresh_at(&core.options),
        fresh_until: lifetime.fresh_until,
        stale_until: lifetime.stale_until,
        tags: core.tag_states(tags),
        weight: weight(key, size, tags.len()),
    }
}

/// A mark that keeps older loads from bringing a removed key back.
pub(crate) fn prepare_removal<V: Send + Sync + 'static>(
    core: &Core<V>,
    key: &str,
    lifetime: Lifetime,
) -> (Arc<Stored<V>>, Option<Draft>) {
    let mark = Stored { content: Content::Removed, ..stored(core, key, None, 0, lifetime, &[]) };
    let draft = Draft { absence: Kind::Removed, value: None, lifetime, tags: Vec::new() };
    (Arc::new(mark), core.options.uses_shared().then_some(draft))
}

/// Writes an item. Whether it is there now.
pub(crate) async fn write<V: Send + Sync + 'static>(
    core: &Core<V>,
    key: &str,
    draft: Draft,
    is_forced: bool,
) -> bool {
    let Draft { absence, value, lifetime, tags } = draft;
    let schema = core.options.schema;
    let blob = format::encode(absence, value.as_deref(), schema, lifetime, &tags);
    let item_key = item_key(&core.name, key);
    if blob.len() + item_key.len() > core.options.max_item {
        core.counters.oversized.increment();
        return false;
    }
    let size = blob.len() as u64;
    let expires = lifetime.stale_until / 1000 + 1;
    let item = Item { started: lifetime.started, expires, blob };
    let overwrite = if is_forced {
        Overwrite::Always
    } else {
        let believed_until = core.now().saturating_add(core.shared.skew);
        Overwrite::IfOlder { believed_until }
    };
    let answer = core
        .shared
        .level
        .ask(&core.counters, |level| level.write(&item_key, &item, overwrite))
        .await;
    match answer {
        Some(true) => core.counters.bytes_written.add(size),
        Some(false) => core.counters.outdated_writes.increment(),
        None => {}
    }
    answer.is_some()
}
