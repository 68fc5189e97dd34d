//! A crowd at a cold key.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use minigate_cache::{LoadError, Namespace, NamespaceBuilder};
use tokio::time::{Instant, sleep};

use crate::world::{Instance, Weather, World};

const READERS: usize = 1_000;
const INSTANCES: usize = 8;
const TTL: Duration = Duration::from_secs(60);

struct Crowd {
    values: usize,
    errors: Vec<LoadError>,
    /// Readers that died with their instance.
    dead: usize,
    loads: u64,
    longest: Duration,
}

/// 1,000 readers over 8 instances with clocks that differ. While the load runs, `meddle` is given
/// the instances and which of them loads.
async fn crowd(
    seed: u64,
    set: impl Fn(NamespaceBuilder) -> NamespaceBuilder,
    load_time: Duration,
    meddle: impl AsyncFnOnce(&[Instance], &AtomicU64),
) -> Crowd {
    let world = World::new(seed, false);
    let instances: Vec<Instance> = (0..INSTANCES)
        .map(|_| world.instance(world.random(|random| random.below(41)) as i64 - 20))
        .collect();
    let namespaces: Vec<Namespace<String>> = instances
        .iter()
        .map(|instance| set(instance.cache.namespace("crowd", TTL)).build().unwrap())
        .collect();
    let loads = Arc::new(AtomicU64::new(0));
    let loading = Arc::new(AtomicU64::new(u64::MAX));
    let readers: Vec<_> = (0..READERS)
        .map(|reader| {
            let number = reader % INSTANCES;
            let (namespace, power) = (namespaces[number].clone(), instances[number].power.clone());
            let (loads, loading) = (Arc::clone(&loads), Arc::clone(&loading));
            let late = world.random(|random| random.millis(0, 30));
            tokio::spawn(async move {
                sleep(late).await;
                let begun = Instant::now();
                let answer = power
                    .run(async {
                        let lookup = namespace.at("cold").unwrap();
                        lookup
                            .get_or_load(move || async move {
                                loads.fetch_add(1, Ordering::Relaxed);
                                loading.store(number as u64, Ordering::Relaxed);
                                sleep(load_time).await;
                                Ok::<_, std::io::Error>("value".to_owned())
                            })
                            .await
                    })
                    .await;
                (answer, begun.elapsed())
            })
        })
        .collect();
    meddle(&instances, &loading).await;
    let mut crowd =
        Crowd { values: 0, errors: Vec::new(), dead: 0, loads: 0, longest: Duration::ZERO };
    for reader in readers {
        let (answer, waited) = reader.await.unwrap();
        crowd.longest = crowd.longest.max(waited);
        match answer {
            None => crowd.dead += 1,
            Some(Ok(value)) => {
                assert_eq!(*value, "value");
                crowd.values += 1;
            }
            Some(Err(error)) => crowd.errors.push(error),
        }
    }
    crowd.loads = loads.load(Ordering::Relaxed);
    crowd
}

async fn until_loading(loading: &AtomicU64) -> usize {
    while loading.load(Ordering::Relaxed) == u64::MAX {
        sleep(Duration::from_millis(1)).await;
    }
    loading.load(Ordering::Relaxed) as usize
}

#[tokio::test(start_paused = true)]
async fn a_thousand_readers_of_a_cold_key_over_eight_instances_cost_one_load() {
    for seed in 0..100 {
        let load_time = Duration::from_millis(10 + 15 * seed);
        let crowd = crowd(seed, |namespace| namespace, load_time, async |_, _| {}).await;
        assert_eq!((crowd.loads, crowd.values), (1, READERS), "seed {seed}: {:?}", crowd.errors);
        // Between two looks 100 ms, and an eventually consistent read may be 300 ms behind.
        let most = load_time + Duration::from_millis(600);
        assert!(crowd.longest < most, "seed {seed}: {:?}", crowd.longest);
    }
}

#[tokio::test(start_paused = true)]
async fn two_loads_at_most_when_the_holder_of_the_lease_is_killed() {
    for seed in 0..100 {
        let load_time = Duration::from_millis(500);
        let crowd = crowd(
            seed,
            |namespace| namespace,
            load_time,
            async |instances, loading| {
                let holder = until_loading(loading).await;
                sleep(Duration::from_millis(seed % 400)).await;
                instances[holder].power.kill();
            },
        )
        .await;
        assert_eq!(crowd.loads, 2, "seed {seed}");
        assert_eq!(crowd.values + crowd.dead, READERS, "seed {seed}: {:?}", crowd.errors);
        assert_eq!(crowd.dead, READERS / INSTANCES);
        // The lease of 2 s, the load, and the way there.
        assert!(crowd.longest < Duration::from_millis(3_500), "{:?}", crowd.longest);
    }
}

#[tokio::test(start_paused = true)]
async fn two_loads_at_most_when_the_holder_of_the_lease_is_frozen() {
    // After an hour both loads are too old, and the thawed instance makes one of its own.
    for (seconds, most) in [(20, 2), (3_600, 3)] {
        for seed in 0..30 {
            let load_time = Duration::from_millis(500);
            let crowd = crowd(
                seed,
                |namespace| namespace,
                load_time,
                async |instances, loading| {
                    let holder = until_loading(loading).await;
                    instances[holder].power.freeze();
                    sleep(Duration::from_secs(seconds)).await;
                    instances[holder].power.thaw();
                },
            )
            .await;
            assert!(crowd.loads <= most, "seed {seed}: {} loads", crowd.loads);
            // Those on the frozen instance may find that their time is over.
            let frozen = READERS / INSTANCES;
            assert!(crowd.values >= READERS - frozen, "seed {seed}: {:?}", crowd.errors);
            assert!(crowd.errors.iter().all(|error| matches!(error, LoadError::TimedOut)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_load_for_each_instance_while_the_second_level_is_down() {
    for weather in [Weather::Down, Weather::Slow, Weather::Garbage] {
        let crowd = crowd(
            7,
            |namespace| namespace,
            Duration::from_millis(50),
            async |instances, _| instances.iter().for_each(|one| one.level.set(weather)),
        )
        .await;
        let most = if weather == Weather::Garbage { INSTANCES as u64 + 1 } else { 8 };
        assert!(crowd.loads <= most, "{weather:?}: {} loads", crowd.loads);
        assert_eq!(crowd.values, READERS, "{weather:?}: {:?}", crowd.errors);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_hard_timeout_for_a_loader_that_hangs() {
    let hard_timeout = Duration::from_millis(1_500);
    let crowd = crowd(
        3,
        |namespace| namespace.hard_timeout(hard_timeout),
        Duration::from_secs(3_600),
        async |_, _| {},
    )
    .await;
    assert_eq!((crowd.values, crowd.errors.len()), (0, READERS));
    assert!(crowd.errors.iter().all(|error| matches!(error, LoadError::TimedOut)));
    assert!(crowd.longest <= hard_timeout + Duration::from_millis(2), "{:?}", crowd.longest);
}

#[tokio::test(start_paused = true)]
async fn without_a_lease_each_instance_loads_once() {
    let set = |namespace: NamespaceBuilder| namespace.lease(None);
    let crowd = crowd(5, set, Duration::from_millis(200), async |_, _| {}).await;
    assert_eq!((crowd.loads, crowd.values), (INSTANCES as u64, READERS));
}
