//! On the embedded DynamoDB over HTTP, every call counted.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use minigate_cache::{
    Cache, Cached, DynamoLevel, MemoryLevel, Namespace, Source, Tag,
    level::{Consistency, Item, Lease, Overwrite, SecondLevel},
};
use minigate_testkit::faults::{Fault, Target};
use tokio::time::{Instant, sleep};

use crate::{
    bed::{Bed, PATIENCE, TABLE},
    world::Random,
};

const TTL: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

fn texts(cache: &Cache) -> Namespace<String> {
    cache.namespace("texts", TTL).hard_timeout(PATIENCE).build().unwrap()
}

async fn read(texts: &Namespace<String>, loads: &Arc<AtomicU64>, time: Duration) -> Cached<String> {
    let loads = Arc::clone(loads);
    let tags = [Tag::new("a tag").unwrap()];
    texts
        .at("key")
        .unwrap()
        .tags(&tags)
        .get_or_load(move || async move {
            let load = loads.fetch_add(1, Ordering::Relaxed) + 1;
            sleep(time).await;
            Ok::<_, std::io::Error>(format!("{load} ").repeat(2_000))
        })
        .await
        .unwrap()
}

/// Writes go on when the caller has its value.
async fn until_written(texts: &Namespace<String>, writes: u64) {
    let deadline = Instant::now() + PATIENCE;
    while texts.metrics().bytes_written < writes {
        assert!(Instant::now() < deadline, "{:?}", texts.metrics());
        tokio::task::yield_now().await;
    }
}

fn named(calls: &[(&str, usize)]) -> Vec<(String, usize)> {
    calls.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[tokio::test]
async fn each_way_to_a_value_costs_what_is_written() {
    let bed = Bed::start().await;
    let (one, other) = (bed.cache(), bed.cache());
    let (here, there) = (texts(&one), texts(&other));
    let loads = Arc::default();
    assert_eq!(bed.calls(), 0, "construction calls nothing");
    assert_eq!(read(&here, &loads, Duration::ZERO).await.source(), Source::Loader);
    until_written(&here, 1).await;
    // The entry; the stamps of its tag and namespace; the lease; the entry.
    let loaded = named(&[("BatchGetItem", 1), ("GetItem", 1), ("PutItem", 1), ("UpdateItem", 1)]);
    assert_eq!(bed.take_calls(), loaded);
    assert_eq!(read(&here, &loads, Duration::ZERO).await.source(), Source::Memory);
    assert_eq!(bed.calls(), 0);
    assert_eq!(read(&there, &loads, Duration::ZERO).await.source(), Source::Shared);
    assert_eq!(bed.take_calls(), named(&[("BatchGetItem", 1), ("GetItem", 1)]));
    // After the window: the stamps, in one call.
    bed.clock.advance(SECOND * 10);
    assert_eq!(read(&there, &loads, Duration::ZERO).await.source(), Source::Memory);
    assert_eq!(bed.take_calls(), named(&[("BatchGetItem", 1)]));
    other.invalidate_tag(&Tag::new("a tag").unwrap()).await.unwrap();
    assert_eq!(bed.take_calls(), named(&[("UpdateItem", 1)]));
    bed.clock.advance(SECOND * 10);
    assert_eq!(read(&here, &loads, Duration::ZERO).await.source(), Source::Loader);
    until_written(&here, here.metrics().bytes_read + 1).await;
    other.clear_namespace("texts").await.unwrap();
    bed.clock.advance(SECOND * 10);
    assert_eq!(read(&here, &loads, Duration::ZERO).await.source(), Source::Loader);
    assert_eq!(loads.load(Ordering::Relaxed), 3);
    // 4,000 bytes and more, compressed.
    let metrics = there.metrics();
    assert!(metrics.bytes_read > 0 && metrics.bytes_read < 1_000, "{metrics:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_over_eight_instances_costs_one_load() {
    let bed = Bed::start().await;
    let caches: Vec<Cache> = (0..8).map(|_| bed.cache()).collect();
    let namespaces: Vec<_> = caches.iter().map(texts).collect();
    let loads = Arc::new(AtomicU64::new(0));
    let readers: Vec<_> = (0..400)
        .map(|reader| {
            let (texts, loads) = (namespaces[reader % 8].clone(), Arc::clone(&loads));
            // The clock stands still, so that the lease does not end.
            tokio::spawn(async move { read(&texts, &loads, SECOND / 2).await.len() })
        })
        .collect();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 4_000);
    }
    println!("400 readers over 8 instances: {:?}", bed.take_calls());
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    let invalidated = caches[0].invalidate_tag(&Tag::new("a tag").unwrap()).await;
    assert!(invalidated.is_ok());
}

#[tokio::test]
async fn a_failing_table_is_asked_once_a_call_and_becomes_a_load() {
    let bed = Bed::start().await;
    let late = Duration::from_secs(5);
    for fault in [
        Fault::Refuse,
        Fault::SwallowAnswer,
        Fault::Throttle,
        Fault::ServerError,
        Fault::DelayRequest(late),
        Fault::DelayAnswer(late),
    ] {
        let level = DynamoLevel::new(bed.client.clone(), TABLE).timeout(Duration::from_millis(300));
        let builder = Cache::builder(level, bed.clock.reader());
        let cache = builder.level_timeout(PATIENCE).build().unwrap();
        let texts = texts(&cache);
        let loads = Arc::default();
        bed.faults.reset_counts();
        let guard = bed.faults.inject(Target::Any, fault);
        assert_eq!(read(&texts, &loads, Duration::ZERO).await.source(), Source::Loader);
        // The next is from memory: what was loaded is good.
        assert_eq!(read(&texts, &loads, Duration::ZERO).await.source(), Source::Memory);
        let metrics = texts.metrics();
        assert_eq!(metrics.level_errors, 3, "{fault:?}: entry, stamps, lease, then a pause");
        assert_eq!(bed.calls(), 3, "{fault:?}: no retries");
        let refused = cache.invalidate_tag(&Tag::new("a tag").unwrap()).await;
        assert!(refused.is_err(), "{fault:?}: an invalidation tells");
        drop(guard);
        cache.invalidate_tag(&Tag::new("a tag").unwrap()).await.unwrap();
        bed.clock.advance(SECOND * 10);
        assert_eq!(read(&texts, &loads, Duration::ZERO).await.source(), Source::Loader);
        assert_eq!(texts.metrics().level_errors, metrics.level_errors, "{fault:?}");
        until_written(&texts, 1).await;
        bed.clock.advance(TTL * 2);
    }
}

#[tokio::test]
async fn an_item_of_somebody_else_is_a_miss() {
    let bed = Bed::start().await;
    let key = ("PK".to_owned(), AttributeValue::S("CACHE#entry#texts#key".to_owned()));
    for attributes in [
        vec![],
        vec![("v".to_owned(), AttributeValue::S("text".to_owned()))],
        vec![
            ("v".to_owned(), AttributeValue::B(Blob::new(vec![9; 10]))),
            ("started".to_owned(), AttributeValue::N("1.5e3".to_owned())),
            ("ttl".to_owned(), AttributeValue::N("1".to_owned())),
        ],
    ] {
        let item: HashMap<_, _> = attributes.into_iter().chain([key.clone()]).collect();
        bed.client.put_item().table_name(TABLE).set_item(Some(item)).send().await.unwrap();
        let (texts, loads) = (texts(&bed.cache()), Arc::default());
        assert_eq!(read(&texts, &loads, Duration::ZERO).await.source(), Source::Loader);
        let metrics = texts.metrics();
        assert_eq!(metrics.level_errors + metrics.undecodable, 1);
        // Its lease must not keep the next one waiting.
        bed.clock.advance(TTL);
    }
}

/// The simulation stands on the level in memory; here DynamoDB does the same.
#[tokio::test]
async fn dynamodb_does_what_the_level_in_memory_does() {
    let bed = Bed::start().await;
    let (dynamo, memory) = (bed.level(), MemoryLevel::default());
    let mut random = Random::new(42);
    for round in 0..1_200 {
        let key = format!("key{}", random.below(4));
        let other = format!("key{}", random.below(4));
        match random.below(6) {
            0 => {
                let item = Item {
                    started: random.below(20) as i64,
                    expires: random.below(100) as i64,
                    blob: vec![round as u8; 1 + random.below(30) as usize],
                };
                let overwrite = if random.percent(20) {
                    Overwrite::Always
                } else {
                    Overwrite::IfOlder { believed_until: random.below(20) as i64 }
                };
                let ours = memory.write(&key, &item, overwrite).await.unwrap();
                assert_eq!(dynamo.write(&key, &item, overwrite).await.unwrap(), ours, "{round}");
            }
            1 => {
                let ours = memory.read(&key, Consistency::Strong).await.unwrap();
                let theirs = dynamo.read(&key, Consistency::Strong).await.unwrap();
                assert_eq!(theirs, ours, "{round}");
            }
            2 => {
                let (stamp, key) = (random.below(1_000) as i64, format!("tag#{key}"));
                memory.raise_stamp(&key, stamp, 7).await.unwrap();
                dynamo.raise_stamp(&key, stamp, 7).await.unwrap();
            }
            3 => {
                let mut keys = vec![format!("tag#{key}"), format!("tag#{other}")];
                keys.dedup();
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                let ours = memory.read_stamps(&keys).await.unwrap();
                assert_eq!(dynamo.read_stamps(&keys).await.unwrap(), ours, "{round}");
            }
            4 => {
                let now = random.below(30) as i64;
                let lease = Lease {
                    owner: format!("owner{}", random.below(3)),
                    now,
                    until: now + random.below(10) as i64,
                    floor: if random.percent(50) { i64::MIN } else { random.below(30) as i64 },
                };
                let key = format!("lease#{key}");
                let ours = memory.take_lease(&key, &lease).await.unwrap();
                assert_eq!(dynamo.take_lease(&key, &lease).await.unwrap(), ours, "{round}");
            }
            _ => {
                let (key, owner) = (format!("lease#{key}"), format!("owner{}", random.below(3)));
                memory.release_lease(&key, &owner).await.unwrap();
                dynamo.release_lease(&key, &owner).await.unwrap();
            }
        }
    }
}
