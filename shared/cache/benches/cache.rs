//! What the cache costs, beside bare moka, a bare `GetItem`, and, with Node.js and the packages of
//! `tests/peers`, the npm package `@epic-web/cachified` on the same DynamoDB.
//!
//! `cargo bench -p minigate-cache`; the medians are printed beside their targets. With `-- memory`
//! only hits in memory are measured.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints, or fails, and goes by the real clock"
)]

#[path = "../tests/it/bed.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod bed;

use std::{
    alloc::System,
    convert::Infallible,
    hint::black_box,
    path::Path,
    pin::pin,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant, SystemTime},
};

use aws_sdk_dynamodb::types::AttributeValue;
use bed::{Bed, PATIENCE, TABLE};
use minigate_cache::{Cache, Levels, MAX_TAG_WINDOW, MemoryLevel, Namespace, Source, Tag};
use serde::{Deserialize, Serialize};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::time::sleep;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// From what stays in a processor's own memory to what does not.
const KEYS: [usize; 3] = [100, 1_000, 10_000];
const ROUNDS: usize = 101;
const CALLS: usize = 2_000;
const HOUR: Duration = Duration::from_secs(3_600);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Value {
    id: u64,
    name: String,
    tags: Vec<String>,
}

fn value() -> Value {
    let tags = (0..100).map(|number| format!("tag number {number}")).collect();
    Value { id: 42, name: "a name".to_owned(), tags }
}

fn main() {
    for keys in KEYS {
        in_memory(keys);
    }
    if !std::env::args().any(|argument| argument == "memory") {
        measured();
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn measured() {
    shared_hit().await;
    stampede().await;
    peer().await;
}

fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "NOT met" }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Answers at once or fails.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("a hit in memory waits for nothing"),
    }
}

/// Median of the time of a call for one of so many keys in nanoseconds, and allocations per call.
fn time(keys: usize, mut call: impl FnMut(usize)) -> (f64, f64) {
    let mut key = 0;
    let region = Region::new(ALLOCATOR);
    let rounds = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        for _ in 0..CALLS {
            key = (key + 7_919) % keys;
            call(key);
        }
        start.elapsed().as_secs_f64() * 1e9 / CALLS as f64
    });
    let time = median(rounds.collect());
    (time, region.change().allocations as f64 / (ROUNDS * CALLS) as f64)
}

fn hit(values: &Namespace<Value>, key: &str) {
    let loader = || async { Err::<Value, _>("a hit loads nothing") };
    let found = now(values.at(key).unwrap().get_or_load(loader)).unwrap();
    assert_eq!(black_box(found).source(), Source::Memory);
}

/// Hits among so many keys in memory, with the system's clock.
fn in_memory(count: usize) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cache = Cache::builder(MemoryLevel::default(), SystemTime::now).build().unwrap();
    let build = |name| {
        let namespace = cache.namespace(name, HOUR * 24).levels(Levels::Memory);
        namespace.tag_window(MAX_TAG_WINDOW).max_memory(1 << 30).build::<Value>().unwrap()
    };
    let (plain, tagged) = (build("plain"), build("tagged"));
    let keys: Vec<String> = (0..count).map(|key| format!("user#{key}")).collect();
    let bare = moka::sync::Cache::<Arc<str>, Arc<Value>>::new(100_000);
    let hasher = foldhash::quality::RandomState::default();
    let hashed = moka::sync::Cache::builder().max_capacity(100_000).build_with_hasher(hasher);
    runtime.block_on(async {
        for key in &keys {
            let tags = [Tag::new(key).unwrap(), Tag::new("all").unwrap()];
            let load = || async { Ok::<_, Infallible>(value()) };
            plain.at(key).unwrap().get_or_load(load).await.unwrap();
            tagged.at(key).unwrap().tags(&tags).get_or_load(load).await.unwrap();
            bare.insert(key.as_str().into(), Arc::new(value()));
            hashed.insert(Arc::<str>::from(key.as_str()), Arc::new(value()));
        }
    });
    println!("A hit in memory, {count} keys, medians of {ROUNDS} rounds:");
    let (clock, _) = time(count, |_| {
        black_box(SystemTime::now());
    });
    let (moka, _) = time(count, |key| drop(black_box(bare.get(keys[key].as_str()))));
    let (moka_hashed, _) = time(count, |key| drop(black_box(hashed.get(keys[key].as_str()))));
    let (hit_time, allocations) = time(count, |key| hit(&plain, &keys[key]));
    println!(
        "- without tags: {hit_time:.0} ns (target 500: {}), {allocations:.2} allocations",
        verdict(hit_time <= 500.0)
    );
    let (tagged_time, allocations) = time(count, |key| hit(&tagged, &keys[key]));
    println!(
        "- with two tags: {tagged_time:.0} ns (target 500: {}), {allocations:.2} allocations",
        verdict(tagged_time <= 500.0)
    );
    println!(
        "- bare moka::sync::Cache: {moka:.0} ns, with the hasher of ours {moka_hashed:.0} ns; reading \
         the clock: {clock:.0} ns"
    );
    for threads in [1, 2] {
        let per_second = throughput(&plain, &keys, threads);
        println!("- {threads} threads: {:.1} million hits per second", per_second / 1e6);
    }
}

fn throughput(values: &Namespace<Value>, keys: &[String], threads: usize) -> f64 {
    const EACH: usize = 1_000_000;
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                let mut key = thread;
                for _ in 0..EACH {
                    key = (key + 7_919) % keys.len();
                    hit(values, &keys[key]);
                }
            });
        }
    });
    (EACH * threads) as f64 / start.elapsed().as_secs_f64()
}

/// A hit in the second level beside a bare `GetItem` with the same decoding, by turns.
async fn shared_hit() {
    const ROUNDS: usize = 1_200;
    let bed = Bed::start().await;
    let cache = Cache::builder(bed.level(), SystemTime::now).level_timeout(PATIENCE);
    let cache = cache.build().unwrap();
    let values = cache.namespace("values", HOUR).levels(Levels::Shared);
    let values = values.tag_window(MAX_TAG_WINDOW).build::<Value>().unwrap();
    let load = || async { Ok::<_, Infallible>(value()) };
    values.at("key").unwrap().insert(value()).await;
    put_bare(&bed).await;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let start = Instant::now();
        let found = values.at("key").unwrap().get_or_load(load).await.unwrap();
        let answered = Instant::now();
        assert_eq!((found.source(), found.tags.len()), (Source::Shared, 100));
        assert_eq!(get_bare(&bed).await.tags.len(), 100);
        if round >= ROUNDS / 4 {
            ours.push((answered - start).as_secs_f64() * 1e6);
            bare.push(answered.elapsed().as_secs_f64() * 1e6);
        }
    }
    let at = |times: &mut Vec<f64>, share: f64| {
        times.sort_by(f64::total_cmp);
        times[(times.len() as f64 * share) as usize]
    };
    println!("\nA hit in the second level on the embedded DynamoDB, {ROUNDS} by turns:");
    println!("- ours: p50 {:.0} us, p99 {:.0} us", at(&mut ours, 0.5), at(&mut ours, 0.99));
    println!(
        "- bare GetItem and decode: p50 {:.0} us, p99 {:.0} us",
        at(&mut bare, 0.5),
        at(&mut bare, 0.99)
    );
    let ratio = at(&mut ours, 0.5) / at(&mut bare, 0.5);
    println!("- ratio of the medians: {ratio:.2} (target 1.15: {})", verdict(ratio <= 1.15));
}

fn bare_key() -> AttributeValue {
    AttributeValue::S("bare".to_owned())
}

async fn put_bare(bed: &Bed) {
    let bytes = zstd::bulk::compress(&rmp_serde::to_vec_named(&value()).unwrap(), 1).unwrap();
    let call = bed.client.put_item().table_name(TABLE).item("PK", bare_key());
    call.item("v", AttributeValue::B(bytes.into())).send().await.unwrap();
}

async fn get_bare(bed: &Bed) -> Value {
    let call = bed.client.get_item().table_name(TABLE).key("PK", bare_key());
    let item = call.send().await.unwrap().item.unwrap();
    let bytes = zstd::bulk::decompress(item["v"].as_b().unwrap().as_ref(), 1 << 16).unwrap();
    rmp_serde::from_slice(&bytes).unwrap()
}

/// 1,000 readers of a cold key over 8 instances, whose load takes 200 ms.
async fn stampede() {
    let bed = Bed::start().await;
    let namespaces: Vec<Namespace<Value>> = (0..8)
        .map(|_| {
            let cache = Cache::builder(bed.level(), SystemTime::now).level_timeout(PATIENCE);
            let cache = cache.build().unwrap();
            cache.namespace("values", HOUR).hard_timeout(PATIENCE).build().unwrap()
        })
        .collect();
    let loads = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let readers: Vec<_> = (0..1_000)
        .map(|reader: usize| {
            let (values, loads) = (namespaces[reader % 8].clone(), Arc::clone(&loads));
            tokio::spawn(async move {
                let load = move || async move {
                    loads.fetch_add(1, Ordering::Relaxed);
                    sleep(Duration::from_millis(200)).await;
                    Ok::<_, Infallible>(value())
                };
                values.at("cold").unwrap().get_or_load(load).await.unwrap().tags.len()
            })
        })
        .collect();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), 100);
    }
    let took = start.elapsed().as_millis();
    let (loads, calls) = (loads.load(Ordering::Relaxed), bed.calls());
    println!("\n1,000 readers of a cold key over 8 instances, a load of 200 ms:");
    println!("- {loads} loads (target 1: {}), {calls} calls, {took} ms", verdict(loads == 1));
}

async fn peer() {
    let bed = Bed::start().await;
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers");
    let endpoint = bed.faults.endpoint_url();
    let run = tokio::task::spawn_blocking(move || {
        Command::new("node").arg("cache.mjs").arg(endpoint).current_dir(peers).output()
    });
    println!("\n@epic-web/cachified on a Map and on the embedded DynamoDB:");
    match run.await.unwrap() {
        Ok(output) if output.status.success() => {
            let line = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [hit, shared, loads, took] = fields[..] else { panic!("it printed {line:?}") };
            println!("- a hit in memory: {hit} ns; in DynamoDB: p50 {shared} us");
            println!(
                "- 1,000 readers over 8 instances: {loads} loads, {} calls, {took} ms",
                bed.calls()
            );
        }
        Ok(output) => println!(
            "- did not run; `npm ci` in tests/peers: {}",
            String::from_utf8_lossy(&output.stderr)
                .lines()
                .find(|line| line.contains("Error"))
                .unwrap_or_default()
        ),
        Err(_) => println!("- not run: there is no Node.js"),
    }
}
