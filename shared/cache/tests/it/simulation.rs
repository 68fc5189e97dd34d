//! Minutes of use in virtual time, in bad weather, and what must hold throughout.
//!
//! `CACHE_SIMULATION_SEEDS=1000` runs more, `CACHE_SIMULATION_SEED` begins elsewhere; a failure
//! prints its seed.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use minigate_cache::{LoadError, Namespace, Tag};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::world::{Instance, Random, Weather, World};

const TTL: Duration = Duration::from_secs(4);
const GRACE: Duration = Duration::from_secs(6);
const HARD_TIMEOUT: Duration = Duration::from_secs(3);
const TAG_WINDOW: Duration = Duration::from_secs(1);
/// What the cache is told, and what the clocks of two instances differ at most.
const SKEW_MILLIS: i64 = 40;
const INSTANCES: usize = 4;
const ACTORS: usize = 5;
const KEYS: u64 = 6;
const LENGTH: Duration = Duration::from_secs(90);
const DEFAULT_SEEDS: u64 = 25;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Value {
    key: String,
    /// The true time when its load began.
    began: i64,
    /// So that some are compressed.
    padding: String,
}

/// An invalidation that was answered.
#[derive(Clone, Debug)]
struct Invalidation {
    /// `None` for the whole namespace.
    tag: Option<String>,
    began: i64,
    answered: i64,
}

struct Run {
    seed: u64,
    world: Arc<World>,
    instances: Mutex<Vec<(Instance, Namespace<Value>)>>,
    invalidations: Mutex<Vec<Invalidation>>,
    is_over: AtomicBool,
    tally: Tally,
}

#[derive(Debug, Default)]
struct Tally {
    reads: AtomicU64,
    stale: AtomicU64,
    errors: AtomicU64,
    loads: AtomicU64,
    /// Reads that an invalidation could have made wrong.
    at_risk: AtomicU64,
}

fn tags_of(key: &str) -> Vec<Tag> {
    let number: u64 = key.trim_start_matches("key").parse().unwrap();
    [format!("own#{number}"), format!("group#{}", number % 2)]
        .iter()
        .map(|name| Tag::new(name).unwrap())
        .collect()
}

impl Run {
    fn new(seed: u64) -> Arc<Self> {
        let world = World::new(seed, false);
        let run = Self {
            seed,
            instances: Mutex::default(),
            invalidations: Mutex::default(),
            is_over: AtomicBool::new(false),
            tally: Tally::default(),
            world,
        };
        for _ in 0..INSTANCES {
            let instance = run.new_instance();
            run.instances.lock().unwrap().push(instance);
        }
        Arc::new(run)
    }

    fn new_instance(&self) -> (Instance, Namespace<Value>) {
        let half = SKEW_MILLIS / 2;
        let ahead = self.world.random(|random| random.below(2 * half as u64 + 1)) as i64 - half;
        let instance = self.world.instance_with(ahead, |builder| {
            builder.max_clock_skew(Duration::from_millis(SKEW_MILLIS as u64))
        });
        let namespace = instance
            .cache
            .namespace("values", TTL)
            .grace(GRACE)
            .refresh_ahead(0.7)
            .soft_timeout(Duration::from_millis(self.seed % 3 * 100))
            .hard_timeout(HARD_TIMEOUT)
            .retry_pause(Duration::from_millis(500))
            .lease(Duration::from_millis(800))
            .tag_window(TAG_WINDOW)
            .build()
            .unwrap();
        (instance, namespace)
    }

    fn now(&self) -> i64 {
        self.world.now()
    }

    async fn act(self: Arc<Self>, slot: usize, mut random: Random) {
        while !self.is_over.load(Ordering::Relaxed) {
            sleep(random.millis(1, 150)).await;
            let (instance, namespace) = self.instances.lock().unwrap()[slot].clone();
            let key = format!("key{}", random.below(KEYS));
            match random.below(1_000) {
                0..970 => self.read(&instance, &namespace, &key, &mut random).await,
                970..980 => {
                    let tag = tags_of(&key)[random.below(2) as usize].clone();
                    self.invalidate(&instance, Some(tag)).await;
                }
                980 => self.invalidate(&instance, None).await,
                981..991 => {
                    // Made when the instance runs: it may be frozen now.
                    let insert = async {
                        let (value, tags) = (self.value(&key, &mut random), tags_of(&key));
                        namespace.at(&key).unwrap().tags(&tags).insert(value).await;
                    };
                    let _ = instance.power.run(insert).await;
                }
                _ => {
                    let _ = instance.power.run(namespace.at(&key).unwrap().remove()).await;
                }
            }
        }
    }

    fn value(&self, key: &str, random: &mut Random) -> Value {
        let padding = if random.percent(30) { "x".repeat(3_000) } else { String::new() };
        Value { key: key.to_owned(), began: self.now(), padding }
    }

    async fn read(
        self: &Arc<Self>,
        instance: &Instance,
        namespace: &Namespace<Value>,
        key: &str,
        random: &mut Random,
    ) {
        let is_consistent = random.percent(30);
        let (tags, thaws) = (tags_of(key), instance.power.thaws());
        let (began, instant) = (self.now(), Instant::now());
        let mut lookup = namespace.at(key).unwrap().tags(&tags);
        if is_consistent {
            lookup = lookup.consistent();
        }
        let loader = {
            let (run, key, mut random) = (Arc::clone(self), key.to_owned(), random.clone());
            move || async move {
                run.tally.loads.fetch_add(1, Ordering::Relaxed);
                // What a loader reads is as old as its beginning.
                let value = run.value(&key, &mut random);
                match random.below(100) {
                    0..60 => sleep(random.millis(1, 40)).await,
                    60..80 => sleep(random.millis(300, 2_500)).await,
                    80..95 => {
                        sleep(random.millis(1, 200)).await;
                        return Err("the loader fails");
                    }
                    _ => std::future::pending().await,
                }
                Ok(value)
            }
        };
        random.next();
        let answer = instance.power.run(lookup.get_or_load(loader)).await;
        let waited = instant.elapsed();
        if instance.power.thaws() == thaws {
            let most = HARD_TIMEOUT + Duration::from_millis(5);
            assert!(waited <= most, "seed {}: waited {waited:?} for {key}", self.seed);
        }
        match answer {
            None => {}
            Some(Ok(value)) => {
                self.tally.reads.fetch_add(1, Ordering::Relaxed);
                self.tally.stale.fetch_add(u64::from(value.is_stale()), Ordering::Relaxed);
                self.check(key, &value, began, is_consistent);
            }
            Some(Err(LoadError::Failed(_) | LoadError::TimedOut)) => {
                self.tally.errors.fetch_add(1, Ordering::Relaxed);
            }
            Some(Err(error)) => panic!("seed {}: {error}", self.seed),
        }
    }

    fn check(&self, key: &str, value: &Value, call_began: i64, is_consistent: bool) {
        let seed = self.seed;
        assert_eq!(value.key, key, "seed {seed}: another key's value");
        let age = self.now() - value.began;
        let oldest = (TTL + GRACE).as_millis() as i64 + SKEW_MILLIS;
        assert!(age <= oldest, "seed {seed}: {key} is {age} ms old");
        let window = if is_consistent { 0 } else { TAG_WINDOW.as_millis() as i64 };
        let tags = tags_of(key);
        let invalidations = self.invalidations.lock().unwrap().clone();
        for invalidation in &invalidations {
            let Invalidation { tag, began, answered } = invalidation;
            let is_of_it =
                tag.as_ref().is_none_or(|name| tags.iter().any(|tag| tag.name() == name));
            if is_of_it && answered + window < call_began {
                self.tally.at_risk.fetch_add(1, Ordering::Relaxed);
                assert!(
                    value.began > *began,
                    "seed {seed}: the load of {key} began at {}, the call {call_began}, \
                     consistent {is_consistent}, {invalidation:?}",
                    value.began
                );
            }
        }
    }

    async fn invalidate(&self, instance: &Instance, tag: Option<Tag>) {
        let began = self.now();
        let work = async {
            match &tag {
                Some(tag) => instance.cache.invalidate_tag(tag).await,
                None => instance.cache.clear_namespace("values").await,
            }
        };
        if let Some(Ok(())) = instance.power.run(work).await {
            let tag = tag.map(|tag| tag.name().to_owned());
            let invalidation = Invalidation { tag, began, answered: self.now() };
            let mut invalidations = self.invalidations.lock().unwrap();
            // What is older than any value can be proves nothing.
            let proves_nothing = self.now() - 2 * (TTL + GRACE).as_millis() as i64;
            invalidations.retain(|old| old.answered > proves_nothing);
            invalidations.push(invalidation);
        }
    }

    /// Freezes, thaws and kills instances, and changes the weather and the clocks.
    async fn meddle(self: Arc<Self>, mut random: Random) {
        while !self.is_over.load(Ordering::Relaxed) {
            sleep(random.millis(100, 1_500)).await;
            let slot = random.below(INSTANCES as u64) as usize;
            let instance = self.instances.lock().unwrap()[slot].0.clone();
            match random.below(10) {
                0..2 => {
                    instance.power.freeze();
                    sleep(random.millis(10, 15_000)).await;
                    instance.power.thaw();
                }
                2 => {
                    instance.power.kill();
                    let next = self.new_instance();
                    self.instances.lock().unwrap()[slot] = next;
                }
                3 => {
                    // Set back or forth, within what is allowed.
                    let half = SKEW_MILLIS / 2;
                    let ahead = random.below(2 * half as u64 + 1) as i64 - half;
                    instance.ahead.store(ahead, Ordering::Relaxed);
                }
                4..7 => {
                    let weather = [Weather::Slow, Weather::Down, Weather::Garbage];
                    instance.level.set(weather[random.below(3) as usize]);
                }
                _ => instance.level.set(Weather::Fine),
            }
        }
    }
}

async fn run(seed: u64) -> Arc<Run> {
    let run = Run::new(seed);
    let mut random = Random::new(seed ^ 0xac70);
    let mut actors: Vec<_> = (0..INSTANCES * ACTORS)
        .map(|actor| {
            let random = Random::new(random.next());
            tokio::spawn(Arc::clone(&run).act(actor % INSTANCES, random))
        })
        .collect();
    actors.push(tokio::spawn(Arc::clone(&run).meddle(random)));
    sleep(LENGTH).await;
    run.is_over.store(true, Ordering::Relaxed);
    for actor in actors {
        actor.await.unwrap();
    }
    run
}

#[expect(clippy::disallowed_methods, reason = "a longer run is asked for by the environment")]
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

#[test]
fn nothing_too_old_nothing_invalidated_and_nobody_waits_too_long() {
    let first = setting("CACHE_SIMULATION_SEED").unwrap_or(0);
    let seeds = setting("CACHE_SIMULATION_SEEDS").unwrap_or(DEFAULT_SEEDS);
    let mut totals = [0; 5];
    for seed in first..first + seeds {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let run = runtime.block_on(run(seed));
        let Tally { reads, stale, errors, loads, at_risk } = &run.tally;
        for (total, count) in totals.iter_mut().zip([reads, stale, errors, loads, at_risk]) {
            *total += count.load(Ordering::Relaxed);
        }
    }
    let [reads, stale, errors, loads, at_risk] = totals;
    println!(
        "{seeds} runs: {reads} reads, {stale} stale, {errors} errors, {loads} loads, \
         {at_risk} held against an invalidation"
    );
    // Without these it would have tested nothing.
    assert!(reads > 2_000 * seeds && stale > 10 * seeds && at_risk > 1_000 * seeds);
    assert!(loads < reads / 4, "{loads} loads for {reads} reads");
}
