//! What happens when something fails, in virtual time on a second level that answers at once.

use std::{
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use minigate_cache::{Levels, LoadError, Source, Tag, Work, level::Item};
use tokio::time::{Instant, sleep};

use crate::{
    rules::{Origin, SECOND, TTL, fail, namespace, seen, settle},
    world::{Instance, Weather, World},
};

#[tokio::test(start_paused = true)]
async fn stale_is_served_at_once_while_it_is_refreshed() {
    let world = World::ideal();
    let numbers = namespace(&world.instance(0), |n| n.grace(TTL));
    let origin = Origin::default();
    origin.read(numbers.at("a").unwrap()).await.unwrap();
    sleep(TTL + SECOND).await;
    let begun = Instant::now();
    for _ in 0..10 {
        let value = origin.read_slowly(numbers.at("a").unwrap(), SECOND).await.unwrap();
        assert_eq!(seen(&value), (1, Source::Memory, true));
    }
    assert_eq!((begun.elapsed(), origin.loads()), (Duration::ZERO, 1));
    sleep(SECOND + SECOND / 10).await;
    let value = origin.read(numbers.at("a").unwrap()).await.unwrap();
    assert_eq!((seen(&value), origin.loads()), ((2, Source::Memory, false), 2));
    assert_eq!(numbers.metrics().stale_served, 10);
}

#[tokio::test(start_paused = true)]
async fn a_soft_timeout_waits_for_a_fast_load_and_not_for_a_slow_one() {
    let world = World::ideal();
    let soft = Duration::from_millis(100);
    let numbers = namespace(&world.instance(0), |n| n.grace(TTL * 3).soft_timeout(soft));
    let origin = Origin::default();
    origin.read(numbers.at("a").unwrap()).await.unwrap();
    sleep(TTL).await;
    let value = origin.read_slowly(numbers.at("a").unwrap(), soft / 2).await.unwrap();
    assert_eq!(seen(&value), (2, Source::Loader, false));
    sleep(TTL).await;
    let begun = Instant::now();
    let value = origin.read_slowly(numbers.at("a").unwrap(), SECOND).await.unwrap();
    assert_eq!((seen(&value), begun.elapsed()), ((2, Source::Memory, true), soft));
    sleep(SECOND).await;
    let value = origin.read(numbers.at("a").unwrap()).await.unwrap();
    assert_eq!((*value, value.is_stale(), origin.loads()), (3, false, 3), "the load went on");
}

#[tokio::test(start_paused = true)]
async fn a_cold_instance_serves_what_is_stale_in_the_second_level() {
    let world = World::ideal();
    let origin = Origin::default();
    let numbers = namespace(&world.instance(0), |n| n.grace(TTL));
    origin.read(numbers.at("a").unwrap()).await.unwrap();
    sleep(TTL + SECOND).await;
    let elsewhere = namespace(&world.instance(0), |n| n.grace(TTL));
    let value = fail(elsewhere.at("a").unwrap()).await.unwrap();
    assert_eq!((*value, value.is_stale()), (1, true));
    sleep(TTL).await;
    assert!(fail(elsewhere.at("a").unwrap()).await.is_err(), "past its grace");
}

#[tokio::test(start_paused = true)]
async fn a_loader_that_is_down_is_not_noticed_within_the_grace_and_asked_seldom() {
    let world = World::ideal();
    let numbers = namespace(&world.instance(0), |n| {
        n.grace(TTL * 2).retry_pause(SECOND * 2).soft_timeout(SECOND)
    });
    let origin = Origin::default();
    origin.read(numbers.at("a").unwrap()).await.unwrap();
    sleep(TTL).await;
    // Two minutes, ten readers a second.
    for tenth in 0..1_200 {
        let value = fail(numbers.at("a").unwrap()).await.unwrap();
        assert_eq!((*value, value.is_stale()), (1, true), "{tenth}");
        sleep(SECOND / 10).await;
    }
    let metrics = numbers.metrics();
    assert_eq!((metrics.load_errors, metrics.stale_served), (metrics.loads - 1, 1_200));
    assert!((55..=61).contains(&metrics.load_errors), "{metrics:?}");
    let error = fail(numbers.at("a").unwrap()).await.unwrap_err();
    assert_eq!(error.downcast_ref::<std::io::Error>().unwrap().to_string(), "down");
    // The loader is up again.
    assert_eq!(*origin.read(numbers.at("a").unwrap()).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_load_goes_on_without_the_caller_who_began_it() {
    let numbers = namespace(&World::ideal().instance(0), |n| n);
    let origin = Origin::default();
    let first = {
        let (numbers, origin) = (numbers.clone(), origin.clone());
        tokio::spawn(async move {
            origin.read_slowly(numbers.at("a").unwrap(), SECOND).await.unwrap();
        })
    };
    sleep(SECOND / 2).await;
    first.abort();
    let begun = Instant::now();
    let value = origin.read_slowly(numbers.at("a").unwrap(), SECOND).await.unwrap();
    assert_eq!((*value, begun.elapsed()), (1, SECOND / 2));
}

#[tokio::test(start_paused = true)]
async fn a_load_that_the_spawner_drops_leaves_nobody_hanging() {
    let world = World::ideal();
    let dropped = Arc::new(AtomicU64::new(0));
    let spawner = {
        let dropped = Arc::clone(&dropped);
        move |work: Work| {
            // The first load is dropped after a while, as by a runtime that shuts down.
            if dropped.fetch_add(1, Ordering::Relaxed) == 0 {
                drop(tokio::spawn(tokio::time::timeout(SECOND / 2, work)));
            } else {
                drop(tokio::spawn(work));
            }
        }
    };
    let one = world.instance_with(0, |builder| builder.spawner(spawner));
    let numbers = namespace(&one, |n| n.lease(None));
    let origin = Origin::default();
    let readers: Vec<_> = (0..100)
        .map(|_| {
            let (numbers, origin) = (numbers.clone(), origin.clone());
            tokio::spawn(async move {
                let begun = Instant::now();
                let answer = origin.read_slowly(numbers.at("a").unwrap(), SECOND).await;
                (answer.map(|value| *value), begun.elapsed())
            })
        })
        .collect();
    let mut abandoned = 0;
    for reader in readers {
        match reader.await.unwrap() {
            (Err(LoadError::Abandoned), _) => abandoned += 1,
            (answer, waited) => assert_eq!((answer.unwrap(), waited), (2, SECOND * 3 / 2)),
        }
    }
    assert_eq!((abandoned, origin.loads()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_loader_that_panics_is_an_error_and_not_the_end() {
    let numbers = namespace(&World::ideal().instance(0), |n| n);
    // Without the hook, whose message would look like a failed test.
    let answer = numbers
        .at("a")
        .unwrap()
        .get_or_load(|| async {
            sleep(SECOND).await;
            resume_unwind(Box::new("a fault"));
            #[expect(unreachable_code, reason = "tells the type")]
            Ok::<u64, std::io::Error>(0)
        })
        .await;
    assert!(matches!(answer, Err(LoadError::Panicked)));
    assert_eq!(*Origin::default().read(numbers.at("a").unwrap()).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn callers_of_one_load_share_its_error() {
    let numbers = namespace(&World::ideal().instance(0), |n| n);
    let readers: Vec<_> = (0..50)
        .map(|_| {
            let numbers = numbers.clone();
            tokio::spawn(async move {
                let loader = || async {
                    sleep(SECOND).await;
                    Err::<u64, _>("down")
                };
                numbers.at("a").unwrap().get_or_load(loader).await.unwrap_err()
            })
        })
        .collect();
    for reader in readers {
        let error = reader.await.unwrap();
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "down");
    }
    let metrics = numbers.metrics();
    assert_eq!((metrics.loads, metrics.load_errors, metrics.misses), (1, 1, 50));
}

#[tokio::test(start_paused = true)]
async fn faults_of_the_second_level_are_counted_and_become_loads() {
    for weather in [Weather::Down, Weather::Slow] {
        let one = World::ideal().instance(0);
        let numbers = namespace(&one, |n| n.levels(Levels::Shared));
        let origin = Origin::default();
        one.level.set(weather);
        for load in 1..=20 {
            assert_eq!(*origin.read(numbers.at("a").unwrap()).await.unwrap(), load);
        }
        let metrics = numbers.metrics();
        assert_eq!((metrics.loads, metrics.level_errors), (20, metrics.calls), "{weather:?}");
        assert!(metrics.level_pauses > metrics.calls, "{weather:?}: {metrics:?}");
        assert!(one.cache.invalidate_tag(&Tag::new("t").unwrap()).await.is_err());
        assert_eq!(one.cache.metrics().invalidation_errors, 1);
        one.level.set(Weather::Fine);
        sleep(SECOND * 10).await;
        origin.read(numbers.at("a").unwrap()).await.unwrap();
        settle().await;
        let value = origin.read(numbers.at("a").unwrap()).await.unwrap();
        assert_eq!(value.source(), Source::Shared, "{weather:?}: it is up again");
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_that_does_not_decode_is_a_miss_and_is_replaced() {
    let world = World::ideal();
    let origin = Origin::default();
    let one = world.instance(0);
    let numbers = namespace(&one, |n| n);
    let started = world.now() - 10;
    for blob in [vec![], vec![1, 0], vec![2; 100], vec![0xff; 300_000]] {
        world.store.put("entry#numbers#a", Item { started, expires: i64::MAX, blob });
        let value = origin.read(numbers.at("a").unwrap().consistent()).await.unwrap();
        assert_eq!(value.source(), Source::Loader);
        numbers.at("a").unwrap().remove().await;
    }
    assert_eq!(numbers.metrics().undecodable, 4);
    // Of another version of the type, and of another type.
    origin.read(numbers.at("b").unwrap()).await.unwrap();
    settle().await;
    let newer = namespace(&world.instance(0), |n| n.schema(1));
    assert_eq!(origin.read(newer.at("b").unwrap()).await.unwrap().source(), Source::Loader);
    settle().await;
    let texts = world.instance(0).cache.namespace("numbers", TTL).schema(1);
    let texts = texts.build::<String>().unwrap();
    let loader = || async { Ok::<_, std::io::Error>("text".to_owned()) };
    let text = texts.at("b").unwrap().get_or_load(loader).await.unwrap();
    assert_eq!((text.as_str(), texts.metrics().undecodable), ("text", 1));
}

#[tokio::test(start_paused = true)]
async fn a_value_too_large_for_an_item_stays_in_memory() {
    let world = World::ideal();
    let (one, other) = (world.instance(0), world.instance(0));
    let build = |instance: &Instance| {
        instance.cache.namespace("large", TTL).max_item(2_000).build::<String>().unwrap()
    };
    let (here, there) = (build(&one), build(&other));
    // Noise does not compress.
    let noise: String = world.random(|random| {
        (0..10_000).map(|_| char::from(b'!' + (random.below(90) as u8))).collect()
    });
    for (key, value, is_shared) in [("noise", noise, false), ("zeros", "0".repeat(10_000), true)] {
        let loader = {
            let value = value.clone();
            move || async move { Ok::<_, std::io::Error>(value) }
        };
        let loaded = here.at(key).unwrap().get_or_load(loader).await.unwrap();
        assert_eq!(*loaded, value);
        settle().await;
        assert_eq!(here.at(key).unwrap().get().await.unwrap().source(), Source::Memory);
        assert_eq!(there.at(key).unwrap().get().await.is_some(), is_shared);
    }
    assert_eq!(here.metrics().oversized, 1);
    // An older value does not stay in place of one that does not fit.
    here.at("zeros").unwrap().insert("!".to_owned()).await;
    assert_eq!(*there.at("zeros").unwrap().consistent().get().await.unwrap(), "0".repeat(10_000));
    assert!(here.metrics().bytes_written < 1_000);
}
