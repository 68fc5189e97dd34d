//! What is refused, and what the refusal says.

use std::time::Duration;

use minigate_cache::{
    BuildError, Cache, MAX_ITEM_BYTES, MAX_KEY_BYTES, MAX_TAG_BYTES, MAX_TAG_WINDOW, MAX_TTL,
    MIN_TTL, MemoryLevel, NamespaceBuilder, Tag,
};

use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);
const MILLISECOND: Duration = Duration::from_millis(1);

fn refusal(set: impl Fn(NamespaceBuilder) -> NamespaceBuilder) -> String {
    refusal_of(MINUTE, set)
}

fn refusal_of(ttl: Duration, set: impl Fn(NamespaceBuilder) -> NamespaceBuilder) -> String {
    let cache = World::ideal().instance(0).cache;
    set(cache.namespace("n", ttl))
        .build::<u64>()
        .map_or_else(|error| error.to_string(), |_| String::new())
}

#[tokio::test]
async fn durations_that_are_zero_or_absurd_are_refused_by_name() {
    for (refusal, names) in [
        (refusal_of(Duration::ZERO, |n| n), "the TTL"),
        (refusal_of(MIN_TTL - MILLISECOND, |n| n), "the TTL"),
        (refusal_of(MAX_TTL + MILLISECOND, |n| n), "the TTL"),
        (refusal_of(Duration::MAX, |n| n), "the TTL"),
        (refusal(|n| n.grace(MAX_TTL + MILLISECOND)), "the grace"),
        (refusal(|n| n.grace(Duration::MAX)), "the grace"),
        (refusal(|n| n.negative_ttl(MINUTE + MILLISECOND)), "the negative TTL"),
        (refusal(|n| n.hard_timeout(Duration::ZERO)), "the hard timeout"),
        (refusal(|n| n.hard_timeout(MINUTE + MILLISECOND)), "the hard timeout"),
        (refusal(|n| n.soft_timeout(MINUTE)), "the soft timeout"),
        (refusal(|n| n.retry_pause(Duration::ZERO)), "the retry pause"),
        (refusal(|n| n.lease(Duration::ZERO)), "the lease"),
        (refusal(|n| n.lease(Duration::MAX)), "the lease"),
        (refusal(|n| n.tag_window(MAX_TAG_WINDOW + MILLISECOND)), "the tag window"),
        (refusal(|n| n.outage_window(Duration::MAX)), "the outage window"),
        (refusal(|n| n.clear_window(Duration::MAX)), "the clear window"),
        (refusal(|n| n.refresh_ahead(1.0)), "refresh-ahead"),
        (refusal(|n| n.refresh_ahead(0.0)), "refresh-ahead"),
        (refusal(|n| n.refresh_ahead(f64::NAN)), "refresh-ahead"),
        (refusal(|n| n.jitter(-0.1)), "the jitter"),
        (refusal(|n| n.jitter(0.6)), "the jitter"),
        (refusal(|n| n.max_memory(0)), "the memory"),
        (refusal(|n| n.max_memory(u64::MAX)), "the memory"),
        (refusal(|n| n.max_item(0)), "the largest item"),
        (refusal(|n| n.max_item(MAX_ITEM_BYTES + 1)), "the largest item"),
    ] {
        assert!(refusal.starts_with(&format!("namespace n: {names} of ")), "{names}: {refusal:?}");
    }
    for accepted in [
        refusal_of(MIN_TTL, |n| n),
        refusal_of(MAX_TTL, |n| n.grace(MAX_TTL).hard_timeout(MINUTE)),
        refusal(|n| n.tag_window(Duration::ZERO).jitter(0.0).lease(None)),
        refusal(|n| n.negative_ttl(MINUTE).hard_timeout(MINUTE).soft_timeout(MINUTE)),
    ] {
        assert_eq!(accepted, "");
    }
}

#[tokio::test]
async fn a_cache_with_absurd_settings_is_refused() {
    let clock = || std::time::UNIX_EPOCH;
    for (timeout, skew, names) in [
        (Duration::ZERO, MILLISECOND, "the level timeout"),
        (Duration::MAX, MILLISECOND, "the level timeout"),
        (MILLISECOND, Duration::MAX, "the clock skew"),
    ] {
        let builder = Cache::builder(MemoryLevel::default(), clock);
        let refused = builder.level_timeout(timeout).max_clock_skew(skew).build();
        let message = refused.unwrap_err().to_string();
        assert!(message.starts_with(&format!("the cache: {names} of ")), "{message}");
    }
}

#[tokio::test]
async fn names_that_are_empty_too_long_or_odd_are_refused() {
    let cache = World::ideal().instance(0).cache;
    for name in ["", "Upper", "a#b", "a b", "\u{e4}", &"n".repeat(65)] {
        let refused = cache.namespace(name, MINUTE).build::<u64>().unwrap_err();
        assert!(matches!(&refused, BuildError::Name(_)), "{refused}");
    }
    let namespace = cache.namespace(&"n".repeat(64), MINUTE).build::<u64>().unwrap();
    for length in [0, MAX_KEY_BYTES + 1] {
        let error = namespace.at(&"k".repeat(length)).unwrap_err();
        assert_eq!(error.to_string(), format!("a key of {length} bytes; it must have 1 to 1024"));
    }
    assert!(namespace.at(&"k".repeat(MAX_KEY_BYTES)).is_ok());
    for length in [0, MAX_TAG_BYTES + 1] {
        let error = Tag::new("t".repeat(length)).unwrap_err();
        assert_eq!(error.to_string(), format!("a tag of {length} bytes; it must have 1 to 255"));
    }
    assert_eq!(Tag::new("a#b").unwrap().name(), "a#b");
}

#[tokio::test]
async fn a_namespace_has_one_type() {
    let cache = World::ideal().instance(0).cache;
    let _numbers = cache.namespace("n", MINUTE).build::<u64>().unwrap();
    let refused = cache.namespace("n", MINUTE).build::<String>().unwrap_err();
    assert_eq!(
        refused.to_string(),
        "namespace n: built twice, for u64 and for alloc::string::String; clone the first handle \
         instead"
    );
    let refused = cache.namespace("n", MINUTE).build::<u64>();
    assert!(matches!(refused, Err(BuildError::Taken { .. })));
}
