//! A world in virtual time: instances with clocks of their own over one second level, each of which
//! can be frozen, thawed and killed, and whose calls to the second level can fail in every way.

use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    task::{Poll, Waker},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use minigate_cache::{
    Cache, CacheBuilder, MemoryLevel,
    level::{Answer, Claim, Consistency, Item, Lease, LevelError, Overwrite, SecondLevel},
};
use tokio::time::{Instant, sleep};

const EPOCH_MILLIS: u64 = 1_760_000_000_000;
/// For how long an eventually consistent read may miss a write.
const LAG_MILLIS: i64 = 300;

/// A small generator of numbers (`SplitMix64`), the same for the same seed.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `bound` - 1.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from + 1))
    }
}

/// What all instances share.
pub(crate) struct World {
    begun: Instant,
    pub(crate) store: Arc<MemoryLevel>,
    /// What an eventually consistent read may still find, and until when.
    past: Mutex<HashMap<String, (i64, Option<Item>)>>,
    random: Mutex<Random>,
    is_ideal: bool,
}

impl World {
    /// A second level that answers at once and always.
    pub(crate) fn ideal() -> Arc<Self> {
        Self::new(1, true)
    }

    pub(crate) fn new(seed: u64, is_ideal: bool) -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            store: Arc::default(),
            past: Mutex::default(),
            random: Mutex::new(Random::new(seed)),
            is_ideal,
        })
    }

    /// The true time, in Unix milliseconds.
    pub(crate) fn now(&self) -> i64 {
        EPOCH_MILLIS as i64 + self.begun.elapsed().as_millis() as i64
    }

    pub(crate) fn random<T>(&self, draw: impl FnOnce(&mut Random) -> T) -> T {
        draw(&mut self.random.lock().unwrap())
    }

    /// An instance whose clock is ahead by so many milliseconds.
    pub(crate) fn instance(self: &Arc<Self>, ahead: i64) -> Instance {
        self.instance_with(ahead, |builder| builder)
    }

    pub(crate) fn instance_with(
        self: &Arc<Self>,
        ahead: i64,
        set: impl FnOnce(CacheBuilder) -> CacheBuilder,
    ) -> Instance {
        let power = Power::default();
        let ahead = Arc::new(AtomicI64::new(ahead));
        let state = Arc::new(LevelState::default());
        let level = WorldLevel { world: Arc::clone(self), state: Arc::clone(&state) };
        let clock = {
            let (world, ahead) = (Arc::clone(self), Arc::clone(&ahead));
            move || -> SystemTime {
                let millis = world.now() + ahead.load(Ordering::Relaxed);
                UNIX_EPOCH + Duration::from_millis(millis as u64)
            }
        };
        let spawner = {
            let power = power.clone();
            move |work| {
                let power = power.clone();
                drop(tokio::spawn(async move { power.run(work).await }));
            }
        };
        let builder = Cache::builder(level, clock).spawner(spawner);
        Instance { cache: set(builder).build().unwrap(), power, ahead, level: state }
    }
}

/// An instance of a service that has the cache.
#[derive(Clone)]
pub(crate) struct Instance {
    pub(crate) cache: Cache,
    pub(crate) power: Power,
    pub(crate) ahead: Arc<AtomicI64>,
    pub(crate) level: Arc<LevelState>,
}

/// Whether an instance runs.
#[derive(Clone, Default)]
pub(crate) struct Power(Arc<Mutex<PowerState>>);

#[derive(Default)]
struct PowerState {
    is_frozen: bool,
    is_dead: bool,
    thaws: u64,
    waiting: Vec<Waker>,
}

impl Power {
    fn change(&self, change: impl FnOnce(&mut PowerState)) {
        let waiting = {
            let mut state = self.0.lock().unwrap();
            change(&mut state);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn freeze(&self) {
        self.change(|state| state.is_frozen = true);
    }

    pub(crate) fn thaw(&self) {
        self.change(|state| {
            state.is_frozen = false;
            state.thaws += 1;
        });
    }

    pub(crate) fn kill(&self) {
        self.change(|state| state.is_dead = true);
    }

    /// How often it was thawed; whoever sees two numbers was frozen in between.
    pub(crate) fn thaws(&self) -> u64 {
        self.0.lock().unwrap().thaws
    }

    /// Runs on this instance. `None` if it is killed before the end: all that it did is dropped.
    pub(crate) async fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|context| {
            {
                let mut state = self.0.lock().unwrap();
                if state.is_dead {
                    return Poll::Ready(None);
                }
                state.waiting.push(context.waker().clone());
                if state.is_frozen {
                    return Poll::Pending;
                }
            }
            work.as_mut().poll(context).map(Some)
        })
        .await
    }
}

/// How an instance's calls to the second level fare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Weather {
    #[default]
    Fine,
    /// The answer comes after the timeout, from a call that was done.
    Slow,
    /// An error, before or after the call was done.
    Down,
    /// Reads find damaged items.
    Garbage,
}

#[derive(Default)]
pub(crate) struct LevelState {
    pub(crate) weather: Mutex<Weather>,
    pub(crate) calls: AtomicU64,
    pub(crate) reads: AtomicU64,
    pub(crate) stamp_reads: AtomicU64,
    pub(crate) leases: AtomicU64,
    pub(crate) writes: AtomicU64,
}

impl LevelState {
    pub(crate) fn set(&self, weather: Weather) {
        *self.weather.lock().unwrap() = weather;
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

/// One instance's way to the second level.
struct WorldLevel {
    world: Arc<World>,
    state: Arc<LevelState>,
}

impl WorldLevel {
    async fn call<T>(
        &self,
        counter: &AtomicU64,
        work: impl Future<Output = Result<T, LevelError>>,
    ) -> Result<T, LevelError> {
        counter.fetch_add(1, Ordering::Relaxed);
        self.state.calls.fetch_add(1, Ordering::Relaxed);
        let weather = *self.state.weather.lock().unwrap();
        if !self.world.is_ideal {
            sleep(self.world.random(|random| random.millis(1, 6))).await;
        }
        let lost = || Err(LevelError { operation: "simulated", reason: "down".to_owned() });
        if weather == Weather::Down && self.world.random(|random| random.percent(50)) {
            return lost();
        }
        let answer = work.await;
        match weather {
            Weather::Down => return lost(),
            Weather::Slow => sleep(Duration::from_secs(2)).await,
            _ if !self.world.is_ideal => {
                sleep(self.world.random(|random| random.millis(1, 6))).await;
            }
            _ => {}
        }
        answer
    }

    fn damage(&self, mut item: Item) -> Item {
        self.world.random(|random| match random.below(3) {
            0 => item.blob.clear(),
            1 => {
                let length = random.below(item.blob.len() as u64 + 1) as usize;
                item.blob.truncate(length);
            }
            // The version: other bytes may make another good item, which nobody can tell.
            _ => item.blob.iter_mut().take(1).for_each(|byte| *byte ^= 0x40),
        });
        item
    }
}

impl SecondLevel for WorldLevel {
    fn read<'a>(&'a self, key: &'a str, consistency: Consistency) -> Answer<'a, Option<Item>> {
        let work = async move {
            let past = self.world.past.lock().unwrap().get(key).cloned();
            let is_late = consistency == Consistency::Eventual
                && !self.world.is_ideal
                && self.world.random(|random| random.percent(30));
            let found = match past {
                Some((until, item)) if is_late && self.world.now() < until => item,
                _ => self.world.store.item(key),
            };
            let is_garbage = *self.state.weather.lock().unwrap() == Weather::Garbage;
            Ok(if is_garbage { found.map(|item| self.damage(item)) } else { found })
        };
        Box::pin(self.call(&self.state.reads, work))
    }

    fn write<'a>(&'a self, key: &'a str, item: &'a Item, overwrite: Overwrite) -> Answer<'a, bool> {
        let work = async move {
            let before = self.world.store.item(key);
            let answer = self.world.store.write(key, item, overwrite).await;
            let until = self.world.now() + LAG_MILLIS;
            self.world.past.lock().unwrap().insert(key.to_owned(), (until, before));
            answer
        };
        Box::pin(self.call(&self.state.writes, work))
    }

    fn read_stamps<'a>(&'a self, keys: &'a [&'a str]) -> Answer<'a, Vec<Option<i64>>> {
        Box::pin(self.call(&self.state.stamp_reads, self.world.store.read_stamps(keys)))
    }

    fn raise_stamp<'a>(&'a self, key: &'a str, stamp: i64, expires: i64) -> Answer<'a, ()> {
        Box::pin(self.call(&self.state.writes, self.world.store.raise_stamp(key, stamp, expires)))
    }

    fn take_lease<'a>(&'a self, key: &'a str, lease: &'a Lease) -> Answer<'a, Claim> {
        Box::pin(self.call(&self.state.leases, self.world.store.take_lease(key, lease)))
    }

    fn release_lease<'a>(&'a self, key: &'a str, owner: &'a str) -> Answer<'a, ()> {
        Box::pin(self.call(&self.state.leases, self.world.store.release_lease(key, owner)))
    }
}
