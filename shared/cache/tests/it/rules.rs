//! The rules one by one, in virtual time on a second level that answers at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use minigate_cache::{
    Cache, Cached, Entry, Levels, LoadError, Lookup, MAX_TAGS, Namespace, NamespaceBuilder, Source,
    Tag,
};
use tokio::time::sleep;

use crate::world::{Instance, World};

pub(crate) const TTL: Duration = Duration::from_secs(60);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Numbers, each one higher than the last, and how often they were asked for.
#[derive(Clone, Default)]
pub(crate) struct Origin(pub(crate) Arc<AtomicU64>);

impl Origin {
    pub(crate) fn loads(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) async fn read(&self, lookup: Lookup<'_, u64>) -> Result<Cached<u64>, LoadError> {
        self.read_slowly(lookup, Duration::ZERO).await
    }

    pub(crate) async fn read_slowly(
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

pub(crate) async fn fail(lookup: Lookup<'_, u64>) -> Result<Cached<u64>, LoadError> {
    lookup.get_or_load(|| async { Err::<u64, _>(std::io::Error::other("down")) }).await
}

pub(crate) fn namespace(
    instance: &Instance,
    set: impl Fn(NamespaceBuilder) -> NamespaceBuilder,
) -> Namespace<u64> {
    // Without jitter, so that times are what they say.
    set(instance.cache.namespace("numbers", TTL).jitter(0.0)).build().unwrap()
}

pub(crate) fn seen(value: &Cached<u64>) -> (u64, Source, bool) {
    (**value, value.source(), value.is_stale())
}

/// Lets what was spawned run.
pub(crate) async fn settle() {
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
    let value = origin.read(numbers.at("a").unwrap()).await.unwrap();
    assert_eq!(seen(&value), (3, Source::Memory, false));
    // What was written with the wrong clock does not stay in the way.
    let elsewhere = namespace(&world.instance(0), |n| n);
    let value = origin.read(elsewhere.at("a").unwrap()).await.unwrap();
    assert_eq!(seen(&value), (3, Source::Shared, false));
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
async fn what_was_loaded_a_moment_ago_is_invalidated_too() {
    let world = World::ideal();
    let one = world.instance(0);
    let numbers = namespace(&one, |n| n);
    let (origin, moment) = (Origin::default(), SECOND / 10);
    let tags = [Tag::new("user#1").unwrap()];
    for expected in 1..4 {
        assert_eq!(*origin.read(numbers.at("a").unwrap().tags(&tags)).await.unwrap(), expected);
        sleep(moment).await;
        let value = origin.read(numbers.at("a").unwrap().tags(&tags)).await.unwrap();
        assert_eq!(seen(&value), (expected, Source::Memory, false));
        one.cache.invalidate_tag(&tags[0]).await.unwrap();
        sleep(moment).await;
    }
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
