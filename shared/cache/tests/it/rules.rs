//! The rules one by one, in virtual time on a second level that answers at once.

use std::{
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use minigate_cache::{
    Cache, Cached, Entry, Levels, LoadError, Lookup, MAX_TAGS, Namespace, NamespaceBuilder, Source,
    Tag, Work, level::Item,
};
use tokio::time::{Instant, sleep};

use crate::world::{Instance, Weather, World};

const TTL: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// Numbers, each one higher than the last, and how often they were asked for.
#[derive(Clone, Default)]
struct Origin(Arc<AtomicU64>);

impl Origin {
    fn loads(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    async fn read(&self, lookup: Lookup<'_, u64>) -> Result<Cached<u64>, LoadError> {
        self.read_slowly(lookup, Duration::ZERO).await
    }

    async fn read_slowly(
        &self,
        lookup: Lookup<'_, u64>,
        time: Duration,
    ) -> Result<Cached<u64>, LoadError> {
        let loads = Arc::clone(&self.0);
        lookup
            .get_or_load(move || async move {
                let load = loads.fetch_add(1, Ordering::Relaxed) + 1;
                sleep(time).await;
                Ok::<_, std::io::Error>(load)
            })
            .await
    }
}

async fn fail(lookup: Lookup<'_, u64>) -> Result<Cached<u64>, LoadError> {
    lookup.get_or_load(|| async { Err::<u64, _>(std::io::Error::other("down")) }).await
}

fn namespace(
    instance: &Instance,
    set: impl Fn(NamespaceBuilder) -> NamespaceBuilder,
) -> Namespace<u64> {
    // Without jitter, so that times are what they say.
    set(instance.cache.namespace("numbers", TTL).jitter(0.0)).build().unwrap()
}

fn seen(value: &Cached<u64>) -> (u64, Source, bool) {
    (**value, value.source(), value.is_stale())
}

/// Lets what was spawned run.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_value_comes_from_the_loader_then_memory_then_the_second_level() {
    let world = World::ideal();
    let (one, other) = (world.instance(0), world.instance(0));
    let (numbers, elsewhere) = (namespace(&one, |n| n), namespace(&other, |n| n));
    let origin = Origin::default();
    let value = origin.read(numbers.at("a").unwrap()).await.unwrap();
    assert_eq!(seen(&value), (1, Source::Loader, false));
    settle().await;
    sleep(SECOND).await;
    let value = origin.read(numbers.at("a").unwrap()).await.unwrap();
    assert_eq!((seen(&value), value.age()), ((1, Source::Memory, false), SECOND + SECOND / 1000));
    let value = origin.read(elsewhere.at("a").unwrap()).await.unwrap();
    assert_eq!((seen(&value), value.age()), ((1, Source::Shared, false), SECOND + SECOND / 1000));
    let value = elsewhere.at("a").unwrap().get().await.unwrap();
    assert_eq!(seen(&value), (1, Source::Memory, false));
    assert!(elsewhere.at("b").unwrap().get().await.is_none());
    let (here, there) = (numbers.metrics(), elsewhere.metrics());
    assert_eq!((here.misses, here.memory_hits, here.shared_hits, here.loads), (1, 1, 0, 1));
    assert_eq!((there.misses, there.memory_hits, there.shared_hits, there.loads), (1, 1, 1, 0));
    assert_eq!(here.bytes_written, there.bytes_read);
    assert!(here.bytes_written > 0);
    assert_eq!(one.cache.metrics().namespaces["numbers"], here);
    // Entry, lease, stamp of the namespace, and the write.
    assert_eq!((here.calls, one.level.calls()), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn a_value_ends_with_its_ttl_at_both_levels_whatever_memory_believes() {
    let world = World::ideal();
    let (one, other) = (world.instance(0), world.instance(0));
    let (numbers, elsewhere) = (namespace(&one, |n| n), namespace(&other, |n| n));
    let origin = Origin::default();
    origin.read(numbers.at("a").unwrap()).await.unwrap();
    sleep(TTL - Duration::from_millis(1)).await;
    assert_eq!(*origin.read(numbers.at("a").unwrap()).await.unwrap(), 1);
    assert_eq!(*origin.read(elsewhere.at("a").unwrap()).await.unwrap(), 1);
    sleep(Duration::from_millis(1)).await;
    // The item is still there: nothing has removed it.
    assert!(world.store.item("entry#numbers#a").is_some());
    let value = origin.read(elsewhere.at("a").unwrap()).await.unwrap();
    assert_eq!(seen(&value), (2, Source::Loader, false));
    settle().await;
    let value = origin.read(numbers.at("a").unwrap()).await.unwrap();
    assert_eq!(seen(&value), (2, Source::Shared, false));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_while_the_process_is_frozen_ends_what_is_in_memory() {
    let world = World::ideal();
    let one = world.instance(0);
    let numbers = namespace(&one, |n| n);
    let origin = Origin::default();
    origin.read(numbers.at("a").unwrap()).await.unwrap();
    settle().await;
    one.ahead.store(3_600_000, Ordering::Relaxed);
    assert_eq!(*origin.read(numbers.at("a").unwrap()).await.unwrap(), 2);
    settle().await;
    // And one that is set back makes entries of a time to come: not served either.
    one.ahead.store(0, Ordering::Relaxed);
    assert_eq!(*origin.read(numbers.at("a").unwrap()).await.unwrap(), 3);
    settle().await;
    // What was written with the wrong clock does not stay in the way.
    let elsewhere = namespace(&world.instance(0), |n| n);
    let value = origin.read(elsewhere.at("a").unwrap()).await.unwrap();
    assert_eq!(seen(&value), (3, Source::Shared, false));
}

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
async fn a_popular_value_is_refreshed_before_it_ends() {
    let world = World::ideal();
    let (one, other) = (world.instance(0), world.instance(0));
    let set = |n: NamespaceBuilder| n.refresh_ahead(0.8);
    let (numbers, elsewhere) = (namespace(&one, set), namespace(&other, set));
    let origin = Origin::default();
    for _ in 0..600 {
        for numbers in [&numbers, &elsewhere] {
            let value = origin.read_slowly(numbers.at("a").unwrap(), SECOND).await.unwrap();
            assert!(!value.is_stale());
        }
        sleep(SECOND).await;
    }
    // The first one waited for a load; after that nobody did, and one of two instances loads.
    let (here, there) = (numbers.metrics(), elsewhere.metrics());
    assert_eq!(here.misses + there.misses, 1, "{here:?} {there:?}");
    assert_eq!(here.loads + there.loads, here.refreshes + there.refreshes + 1);
    assert!((12..=14).contains(&origin.loads()), "{} loads in 10 minutes", origin.loads());
}

#[tokio::test(start_paused = true)]
async fn absence_is_remembered_for_its_own_time() {
    let world = World::ideal();
    let (one, other) = (world.instance(0), world.instance(0));
    let set = |n: NamespaceBuilder| n.negative_ttl(SECOND * 5);
    let (numbers, elsewhere) = (namespace(&one, set), namespace(&other, set));
    let loads = Arc::new(AtomicU64::new(0));
    let find = async |numbers: &Namespace<u64>, found: Option<u64>| {
        let loads = Arc::clone(&loads);
        let loader = move || async move {
            loads.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(found)
        };
        numbers.at("a").unwrap().get_or_find(loader).await.unwrap().map(|value| *value)
    };
    for numbers in [&numbers, &elsewhere, &numbers] {
        assert_eq!(find(numbers, None).await, None);
        settle().await;
    }
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    assert_eq!(elsewhere.metrics().absent_served, 1);
    assert!(numbers.at("a").unwrap().get().await.is_none());
    // Whoever insists on a value loads one.
    let origin = Origin::default();
    assert_eq!(*origin.read(elsewhere.at("a").unwrap()).await.unwrap(), 1);
    settle().await;
    sleep(SECOND * 5).await;
    assert_eq!(find(&numbers, Some(7)).await, Some(1), "found in the second level");
    // Without a negative TTL absence is told and not remembered.
    let set = |n: NamespaceBuilder| n.negative_ttl(Duration::ZERO);
    let forgetful = namespace(&World::ideal().instance(0), set);
    for expected in 2..5 {
        assert_eq!(find(&forgetful, None).await, None);
        assert_eq!(loads.load(Ordering::Relaxed), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tag_invalidates_everywhere_within_the_window_and_at_once_when_consistent() {
    let world = World::ideal();
    let (one, other) = (world.instance(0), world.instance(0));
    let (numbers, elsewhere) = (namespace(&one, |n| n), namespace(&other, |n| n));
    let origin = Origin::default();
    let tags = [Tag::new("user#1").unwrap()];
    let at = |numbers: &Namespace<u64>, key: &str| {
        let numbers = numbers.clone();
        let (key, tags, origin) = (key.to_owned(), tags.clone(), origin.clone());
        async move { *origin.read(numbers.at(&key).unwrap().tags(&tags)).await.unwrap() }
    };
    assert_eq!((at(&numbers, "a").await, at(&numbers, "b").await), (1, 2));
    settle().await;
    assert_eq!(at(&elsewhere, "a").await, 1);
    sleep(SECOND * 10).await;
    assert_eq!((at(&numbers, "a").await, at(&elsewhere, "a").await), (1, 1), "stamps are known");
    let before = one.level.calls();
    one.cache.invalidate_tag(&tags[0]).await.unwrap();
    assert_eq!(one.level.calls(), before + 1, "one write");
    sleep(SECOND).await;
    assert_eq!(at(&elsewhere, "a").await, 1, "within the window");
    let consistent = elsewhere.at("a").unwrap().tags(&tags).consistent();
    assert_eq!(*origin.read(consistent).await.unwrap(), 3);
    settle().await;
    assert_eq!(at(&numbers, "a").await, 3, "here at once");
    assert_eq!(at(&numbers, "b").await, 4, "every entry that has the tag");
    let untagged = *origin.read(elsewhere.at("c").unwrap()).await.unwrap();
    settle().await;
    one.cache.invalidate_tag(&tags[0]).await.unwrap();
    sleep(SECOND * 3).await;
    assert_eq!(at(&elsewhere, "b").await, 6, "the window is over");
    assert_eq!(*origin.read(elsewhere.at("c").unwrap()).await.unwrap(), untagged);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_is_cleared_with_one_write_and_others_stay() {
    let world = World::ideal();
    let (one, other) = (world.instance(0), world.instance(0));
    let (numbers, elsewhere) = (namespace(&one, |n| n), namespace(&other, |n| n));
    let letters = other.cache.namespace("letters", TTL).build::<u64>().unwrap();
    let origin = Origin::default();
    for key in 0..100 {
        origin.read(numbers.at(&key.to_string()).unwrap()).await.unwrap();
    }
    origin.read(letters.at("1").unwrap()).await.unwrap();
    sleep(SECOND).await;
    let before = one.level.calls();
    one.cache.clear_namespace("numbers").await.unwrap();
    assert_eq!(one.level.calls(), before + 1);
    sleep(SECOND * 3).await;
    for (loaded, key) in (0..100).enumerate() {
        let value = origin.read(elsewhere.at(&key.to_string()).unwrap()).await.unwrap();
        assert_eq!(*value, 102 + loaded as u64);
    }
    assert_eq!(*origin.read(letters.at("1").unwrap()).await.unwrap(), 101);
    assert_eq!(one.cache.metrics().invalidations, 1);
}

#[tokio::test(start_paused = true)]
async fn tags_may_come_from_the_value_itself() {
    let world = World::ideal();
    let (one, other) = (world.instance(0), world.instance(0));
    let (numbers, elsewhere) = (namespace(&one, |n| n), namespace(&other, |n| n));
    let tag = Tag::new("author#7").unwrap();
    let entry = Entry::new(1).tag(tag.clone()).ttl(SECOND * 30);
    let loader = move || async move { Ok::<_, std::io::Error>(entry) };
    numbers.at("a").unwrap().get_or_load(loader).await.unwrap();
    sleep(SECOND).await;
    other.cache.invalidate_tag(&tag).await.unwrap();
    sleep(SECOND * 3).await;
    let origin = Origin(Arc::new(AtomicU64::new(10)));
    assert_eq!(*origin.read(numbers.at("a").unwrap()).await.unwrap(), 11);
    sleep(SECOND).await;
    assert_eq!(*origin.read(elsewhere.at("a").unwrap()).await.unwrap(), 11);
    // And a shorter life; a longer one has no effect.
    for (own, after) in [(SECOND * 30, 29), (TTL * 5, 59)] {
        let loader = move || async move { Ok::<_, std::io::Error>(Entry::new(1).ttl(own)) };
        let key = format!("{own:?}");
        numbers.at(&key).unwrap().get_or_load(loader).await.unwrap();
        sleep(SECOND * after).await;
        assert!(numbers.at(&key).unwrap().get().await.is_some());
        sleep(SECOND).await;
        assert!(numbers.at(&key).unwrap().get().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_with_too_many_tags_is_served_and_not_cached() {
    let numbers = namespace(&World::ideal().instance(0), |n| n);
    let tags: Vec<Tag> = (0..=MAX_TAGS).map(|tag| Tag::new(tag.to_string()).unwrap()).collect();
    let origin = Origin::default();
    for expected in 1..4 {
        let value = origin.read(numbers.at("a").unwrap().tags(&tags)).await.unwrap();
        assert_eq!(*value, expected);
        settle().await;
    }
    assert_eq!(numbers.metrics().overtagged, 3);
    origin.read(numbers.at("a").unwrap().tags(&tags[1..])).await.unwrap();
    assert!(numbers.at("a").unwrap().get().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_is_inserted_replaces_what_is_there_and_what_is_on_its_way() {
    let world = World::ideal();
    let (one, other) = (world.instance(0), world.instance(0));
    let (numbers, elsewhere) = (namespace(&one, |n| n), namespace(&other, |n| n));
    let origin = Origin(Arc::new(AtomicU64::new(10)));
    for is_removal in [false, true] {
        let key = format!("{is_removal}");
        let slow = {
            let (elsewhere, origin, key) = (elsewhere.clone(), origin.clone(), key.clone());
            tokio::spawn(async move {
                *origin.read_slowly(elsewhere.at(&key).unwrap(), SECOND).await.unwrap()
            })
        };
        sleep(SECOND / 2).await;
        let lookup = numbers.at(&key).unwrap();
        if is_removal {
            lookup.remove().await
        } else {
            lookup.insert(1).await
        }
        // The caller from before gets what they loaded, and nobody else does.
        assert!(slow.await.unwrap() > 10);
        settle().await;
        let found = numbers.at(&key).unwrap().get().await.map(|value| *value);
        assert_eq!(found, (!is_removal).then_some(1));
        let third = namespace(&world.instance(0), |n| n);
        let found = third.at(&key).unwrap().get().await.map(|value| *value);
        assert_eq!(found, (!is_removal).then_some(1));
        assert_eq!(elsewhere.metrics().outdated_writes, 1 + u64::from(is_removal));
    }
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
async fn levels_are_skipped_where_told_and_tags_still_reach_both() {
    let world = World::ideal();
    for levels in [Levels::Memory, Levels::Shared] {
        let (one, other) = (world.instance(0), world.instance(0));
        let set = |n: NamespaceBuilder| n.levels(levels);
        let (numbers, elsewhere) = (namespace(&one, set), namespace(&other, set));
        let origin = Origin::default();
        let key = format!("{levels:?}");
        origin.read(numbers.at(&key).unwrap()).await.unwrap();
        settle().await;
        let is_shared = levels == Levels::Shared;
        assert_eq!(world.store.item(&format!("entry#numbers#{key}")).is_some(), is_shared);
        let expected = if is_shared { Source::Shared } else { Source::Memory };
        assert_eq!(origin.read(numbers.at(&key).unwrap()).await.unwrap().source(), expected);
        assert_eq!(numbers.metrics().entries > 0, !is_shared);
        let loads = origin.loads();
        origin.read(elsewhere.at(&key).unwrap()).await.unwrap();
        assert_eq!(origin.loads(), loads + u64::from(!is_shared));
        sleep(SECOND).await;
        other.cache.clear_namespace("numbers").await.unwrap();
        sleep(SECOND * 3).await;
        let loads = origin.loads();
        origin.read(numbers.at(&key).unwrap()).await.unwrap();
        assert_eq!(origin.loads(), loads + 1, "{levels:?}");
    }
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

#[tokio::test(start_paused = true)]
async fn memory_is_bounded_by_weight() {
    let one = World::ideal().instance(0);
    let texts = one.cache.namespace("texts", TTL).levels(Levels::Memory).max_memory(100_000);
    let texts = texts.build::<String>().unwrap();
    for key in 0..2_000 {
        let loader = || async { Ok::<_, std::io::Error>("x".repeat(1_000)) };
        texts.at(&key.to_string()).unwrap().get_or_load(loader).await.unwrap();
    }
    let metrics = texts.metrics();
    assert!(metrics.weight <= 110_000, "{metrics:?}");
    assert!(metrics.entries <= 100, "{metrics:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_loaded_together_does_not_expire_together() {
    let one = World::ideal().instance(0);
    let numbers = one.cache.namespace("numbers", TTL).jitter(0.5).build::<u64>().unwrap();
    let origin = Origin::default();
    for key in 0..200 {
        origin.read(numbers.at(&key.to_string()).unwrap()).await.unwrap();
    }
    let mut left = Vec::new();
    for _ in 0..4 {
        let mut fresh = 0;
        for key in 0..200 {
            fresh += u32::from(numbers.at(&key.to_string()).unwrap().get().await.is_some());
        }
        left.push(fresh);
        sleep(SECOND * 15).await;
    }
    assert!(left[..2] == [200, 200], "{left:?}: never under half");
    assert!(left[2] == 200 && (60..140).contains(&left[3]), "{left:?}");
    for key in 0..200 {
        assert!(numbers.at(&key.to_string()).unwrap().get().await.is_none(), "never over");
    }
}

#[tokio::test(start_paused = true)]
async fn stamps_are_read_once_for_a_crowd() {
    let world = World::ideal();
    let one = world.instance(0);
    let numbers = namespace(&one, |n| n);
    let origin = Origin::default();
    origin.read(numbers.at("a").unwrap()).await.unwrap();
    sleep(SECOND * 10).await;
    let before = one.level.calls();
    let readers: Vec<_> = (0..200)
        .map(|_| {
            let (numbers, origin) = (numbers.clone(), origin.clone());
            tokio::spawn(async move { *origin.read(numbers.at("a").unwrap()).await.unwrap() })
        })
        .collect();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 1);
    }
    assert_eq!(one.level.calls() - before, 1);
}

#[test]
fn handles_go_where_they_are_needed() {
    fn is_shareable<T: Clone + Send + Sync + 'static>() {}
    is_shareable::<Cache>();
    is_shareable::<Namespace<String>>();
    is_shareable::<Cached<String>>();
}
