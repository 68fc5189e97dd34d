//! What a namespace of memory only costs with consistent lookups, and what it serves while nothing
//! can be checked.

use std::time::Duration;

use minigate_cache::{Levels, Namespace, NamespaceBuilder, Source, Tag};
use tokio::time::sleep;

use crate::{
    rules::{Origin, SECOND, TTL, fail, namespace, seen},
    world::{Instance, Weather, World},
};

const OUTAGE_WINDOW: Duration = Duration::from_secs(90);

fn in_memory(
    instance: &Instance,
    set: impl Fn(NamespaceBuilder) -> NamespaceBuilder,
) -> Namespace<u64> {
    namespace(instance, |n| set(n.levels(Levels::Memory).grace(TTL).soft_timeout(SECOND)))
}

#[tokio::test(start_paused = true)]
async fn a_miss_is_a_load_a_hit_one_read_and_what_is_known_to_be_invalid_a_load() {
    let world = World::ideal();
    let one = world.instance(0);
    let (numbers, origin) = (in_memory(&one, |n| n), Origin::default());
    let tags = [Tag::new("user#1").unwrap()];
    let read = async || {
        let before = one.level.calls();
        let value = origin.read(numbers.at("a").unwrap().tags(&tags).consistent()).await.unwrap();
        (*value, value.source(), one.level.calls() - before)
    };
    assert_eq!(read().await, (1, Source::Loader, 0));
    sleep(SECOND).await;
    assert_eq!(read().await, (1, Source::Memory, 1));
    one.cache.invalidate_tag(&tags[0]).await.unwrap();
    sleep(SECOND).await;
    assert_eq!(read().await, (2, Source::Loader, 0));
    sleep(SECOND).await;
    assert_eq!(read().await, (2, Source::Memory, 1));
}

#[tokio::test(start_paused = true)]
async fn a_clear_window_is_for_the_namespace_and_not_for_tags() {
    let world = World::ideal();
    let (one, other) = (world.instance(0), world.instance(0));
    let window = SECOND * 10;
    let (numbers, origin) = (in_memory(&one, |n| n.clear_window(window)), Origin::default());
    let tags = [Tag::new("user#1").unwrap()];
    let read = async || {
        let lookup = numbers.at("a").unwrap().tags(&tags).consistent();
        *origin.read(lookup).await.unwrap()
    };
    assert_eq!(read().await, 1);
    sleep(SECOND).await;
    assert_eq!(read().await, 1, "all stamps are read");
    other.cache.invalidate_tag(&tags[0]).await.unwrap();
    sleep(SECOND).await;
    assert_eq!(read().await, 2, "a tag at once");
    other.cache.clear_namespace("numbers").await.unwrap();
    sleep(SECOND).await;
    assert_eq!(read().await, 2, "within the window");
    sleep(window).await;
    assert_eq!(read().await, 3);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_checked_is_served_to_who_prefers_it_to_an_error_and_not_for_long() {
    let world = World::ideal();
    let one = world.instance(0);
    let numbers = in_memory(&one, |n| n.outage_window(OUTAGE_WINDOW).retry_pause(SECOND));
    let (origin, tags) = (Origin::default(), [Tag::new("user#1").unwrap()]);
    let strict = || numbers.at("a").unwrap().tags(&tags).consistent();
    origin.read(strict()).await.unwrap();
    sleep(SECOND).await;

    one.level.set(Weather::Down);
    assert!(fail(strict()).await.is_err());
    let value = fail(strict().tolerant()).await.unwrap();
    assert_eq!(seen(&value), (1, Source::Memory, false));
    sleep(SECOND * 2).await;
    // A load that works is better, also for who is tolerant.
    let value = origin.read(strict().tolerant()).await.unwrap();
    assert_eq!(seen(&value), (2, Source::Loader, false));
    sleep(TTL + SECOND).await;
    let value = fail(strict().tolerant()).await.unwrap();
    assert_eq!((*value, value.is_stale()), (2, true));
    sleep(OUTAGE_WINDOW - TTL).await;
    assert!(fail(strict().tolerant()).await.is_err(), "unchecked for too long");

    // What this instance itself has invalidated is not served, although nobody else could be told.
    origin.read(strict()).await.unwrap();
    assert!(fail(strict().tolerant()).await.is_ok());
    one.cache.invalidate_tag(&tags[0]).await.unwrap_err();
    assert!(fail(strict().tolerant()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_loaded_while_its_tag_is_held_is_not_kept() {
    const HOLD: Duration = SECOND.saturating_mul(5);
    let world = World::ideal();
    let (one, other) = (world.instance(0), world.instance(0));
    let (numbers, elsewhere) = (in_memory(&one, |n| n), in_memory(&other, |n| n));
    let (origin, tags) = (Origin::default(), [Tag::new("user#1").unwrap()]);
    let read = async |numbers: &Namespace<u64>| {
        *origin.read(numbers.at("a").unwrap().tags(&tags).consistent()).await.unwrap()
    };
    assert_eq!((read(&numbers).await, read(&elsewhere).await), (1, 2));
    sleep(SECOND).await;
    assert_eq!((read(&numbers).await, read(&elsewhere).await), (1, 2), "kept");
    let before = one.level.calls();
    one.cache.hold_tag(&tags[0], HOLD).await.unwrap();
    assert_eq!(one.level.calls(), before + 1, "one write");
    // Whenever the write is made within the hold, each instance loads after it.
    for loads in [3, 5, 7, 9] {
        assert_eq!((read(&numbers).await, read(&elsewhere).await), (loads, loads + 1));
        sleep(HOLD / 4).await;
    }
    sleep(SECOND / 10).await;
    assert_eq!((read(&numbers).await, read(&elsewhere).await), (11, 12));
    assert_eq!((read(&numbers).await, read(&elsewhere).await), (11, 12), "kept again");
}

#[tokio::test(start_paused = true)]
async fn a_hold_that_fails_takes_nothing_from_this_process() {
    let world = World::ideal();
    let one = world.instance(0);
    let numbers = in_memory(&one, |n| n.outage_window(OUTAGE_WINDOW));
    let (origin, tags) = (Origin::default(), [Tag::new("user#1").unwrap()]);
    let strict = || numbers.at("a").unwrap().tags(&tags).consistent();
    origin.read(strict()).await.unwrap();
    sleep(SECOND).await;
    one.level.set(Weather::Down);
    one.cache.hold_tag(&tags[0], SECOND).await.unwrap_err();
    assert_eq!(seen(&fail(strict().tolerant()).await.unwrap()), (1, Source::Memory, false));
}
