//! What the limiter costs: calls per request and admitted share in virtual time, on the simulator
//! of the tests, and real times on the embedded DynamoDB. With Node.js and the packages of
//! `tests/peers` it runs the npm package `rate-limiter-flexible` on the same DynamoDB as well.
//!
//! `cargo bench -p minigate-limiter`; the medians and shares are printed beside their targets.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints, or fails, and goes by the real clock"
)]

#[path = "../tests/it/bed.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod bed;
#[path = "../tests/it/simulator/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod simulator;

use std::{
    hint::black_box,
    path::Path,
    pin::pin,
    process::Command,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant, SystemTime},
};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use bed::Bed;
use minigate_limiter::{Leases, Limiter, MemoryTable, Policy};
use simulator::{Arrivals, Network, Report, Scenario, Simulator};

const SIMULATED_REQUESTS: usize = 30_000;

fn main() {
    // Outside of the runtime, whose budget for one task would end inside the simulation.
    simulated();
    in_memory();
    measured();
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn measured() {
    one_call().await;
    crowd().await;
}

fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "NOT met" }
}

/// Calls, delays and shares, with limits of twice and of half the load, burst of a minute.
fn simulated() {
    println!("Virtual time, answers after about 4 ms, {SIMULATED_REQUESTS} requests per line:\n");
    println!(
        "| limit         | requests/s | instances | calls per request | calls per allowed | of the ideal | wasted | p50 ms | p99 ms |"
    );
    println!(
        "|---------------|-----------:|----------:|------------------:|------------------:|-------------:|-------:|-------:|-------:|"
    );
    let (mut hot, mut calls_of_16, mut offered_by_16) = (0.0_f64, 0, 0.0);
    let mut worst_of_16 = 0.0_f64;
    for (name, factor) in [("twice the load", 2.0), ("half the load", 0.5)] {
        for per_second in [5.0, 50.0, 500.0] {
            for instances in [1, 16, 64] {
                let limit = (per_second * factor * 60.0) as u32;
                let policy = Policy::rate("bench", limit, Duration::from_secs(60));
                let report = run(policy.build().unwrap(), instances, per_second);
                let Report { offered, admitted, ideal, metrics, mut delays, .. } = report;
                delays.sort_unstable();
                let at = |share: f64| delays[(delays.len() as f64 * share) as usize] as f64 / 1e3;
                let per_request = metrics.calls as f64 / offered as f64;
                let per_allowed = metrics.calls as f64 / admitted as f64;
                println!(
                    "| {name} | {per_second:>10} | {instances:>9} | {per_request:>17.3} | \
                     {per_allowed:>17.3} | {:>11.1}% | {:>5.1}% | {:>6.1} | {:>6.1} |",
                    100.0 * admitted as f64 / ideal as f64,
                    100.0 * metrics.wasted_units as f64 / metrics.taken_units as f64,
                    at(0.5),
                    at(0.99)
                );
                if per_second / instances as f64 >= 50.0 {
                    hot = hot.max(per_allowed);
                }
                if instances == 16 && factor < 1.0 {
                    // Each rate for the same time, so that the busier counts for more.
                    calls_of_16 += (per_request * per_second * 1e6) as u64;
                    offered_by_16 += per_second * 1e6;
                    worst_of_16 = worst_of_16.max(per_request);
                }
            }
        }
    }
    let over_all = calls_of_16 as f64 / offered_by_16;
    println!(
        "\ncalls per allowed request, >= 50/s per instance, at worst: {hot:.3} (target 0.1: {})",
        verdict(hot <= 0.1)
    );
    println!(
        "calls per request over all, 16 instances, saturated: {over_all:.3} (target 0.35: {}); \
         at worst, one of the three rates: {worst_of_16:.3}",
        verdict(over_all <= 0.35)
    );
}

fn run(policy: Policy, instances: usize, per_second: f64) -> Report {
    Simulator::new(Scenario {
        seed: 1,
        policy,
        instances,
        requests: SIMULATED_REQUESTS,
        per_second,
        arrivals: Arrivals::Poisson,
        network: Network::Healthy,
        is_chaotic: false,
        skew: 0,
        weight: 1,
        keys: 1,
    })
    .run()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Decides at once or fails.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("a table in memory answers at once"),
    }
}

/// Decisions without a call, among 10,000 keys in memory, with the system's clock.
fn in_memory() {
    const ROUNDS: usize = 101;
    const CALLS: usize = 2_000;
    let leased = Policy::rate("leased", 10_000, Duration::from_secs(1)).burst(10_000_000);
    let leased = leased.leases(Leases::For(Duration::from_secs(200))).build().unwrap();
    let denied = Policy::rate("denied", 1, Duration::from_secs(3_600)).build().unwrap();
    let limiter =
        Limiter::builder(MemoryTable::default(), SystemTime::now).max_keys(10_000).build();
    let keys: Vec<String> = (0..10_000).map(|key| format!("user#{key}")).collect();
    for key in &keys {
        drop(now(limiter.check(denied.on(key).unwrap())));
    }
    for _ in 0..100_000 {
        drop(now(limiter.check(leased.on("route").unwrap())));
    }
    println!("\nIn-memory decisions, 10,000 keys, medians of {ROUNDS} rounds (target 1 us):");
    for (name, policy, is_allowed) in [("denied", &denied, false), ("from a lease", &leased, true)]
    {
        let calls = limiter.metrics().calls;
        let mut key = 0;
        let times = (0..ROUNDS).map(|_| {
            let start = Instant::now();
            for _ in 0..CALLS {
                key = (key + 7_919) % keys.len();
                let key = if is_allowed { "route" } else { &keys[key] };
                let decision = now(limiter.check(policy.on(key).unwrap()));
                assert_eq!(black_box(decision).is_allowed(), is_allowed);
            }
            start.elapsed().as_secs_f64() * 1e9 / CALLS as f64
        });
        let time = median(times.collect());
        println!(
            "- {name}: {time:.0} ns ({}), {} calls in all of them",
            verdict(time <= 1_000.0),
            limiter.metrics().calls - calls
        );
    }
}

/// A decision of one call beside a bare `UpdateItem` on the same item, by turns.
async fn one_call() {
    const ROUNDS: usize = 400;
    let bed = Bed::start().await;
    let policy = Policy::rate("one-call", 10_000, Duration::from_secs(1));
    let policy = policy.leases(Leases::Off).build().unwrap();
    let limiter = Limiter::builder(bed.table(), SystemTime::now).build();
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let start = Instant::now();
        assert!(limiter.check(policy.on("user#1").unwrap()).await.is_allowed());
        let decided = Instant::now();
        update_item(&bed).await;
        if round >= ROUNDS / 4 {
            ours.push((decided - start).as_secs_f64() * 1e6);
            bare.push(decided.elapsed().as_secs_f64() * 1e6);
        }
    }
    let calls = bed.calls();
    ours.sort_by(f64::total_cmp);
    bare.sort_by(f64::total_cmp);
    let at = |times: &[f64], share: f64| times[(times.len() as f64 * share) as usize];
    println!(
        "\nOne call on the embedded DynamoDB, {calls} calls for {ROUNDS} decisions and as many bare ones:"
    );
    println!("- decision: p50 {:.0} us, p99 {:.0} us", at(&ours, 0.5), at(&ours, 0.99));
    println!("- bare UpdateItem: p50 {:.0} us, p99 {:.0} us", at(&bare, 0.5), at(&bare, 0.99));
    let ratio = at(&ours, 0.5) / at(&bare, 0.5);
    println!("- ratio of the medians: {ratio:.2} (target 1.10: {})", verdict(ratio <= 1.1));
}

/// The least that such an update is: an addition under a condition, with the values before and
/// after.
async fn update_item(bed: &Bed) {
    let number = |number: i64| AttributeValue::N(number.to_string());
    let _ = bed
        .client
        .update_item()
        .table_name("limits")
        .key("PK", AttributeValue::S("LIMIT#bare".to_owned()))
        .update_expression("SET tat = if_not_exists(tat, :zero) + :inc")
        .condition_expression("attribute_not_exists(tat) OR tat < :high")
        .expression_attribute_values(":zero", number(0))
        .expression_attribute_values(":inc", number(100))
        .expression_attribute_values(":high", number(1_000_000_000))
        .return_values(ReturnValue::UpdatedNew)
        .send()
        .await
        .unwrap();
}

/// 64 consumers at once, 10 requests each, on a limit of 100 per minute.
async fn crowd() {
    let bed = Bed::start().await;
    let policy = Policy::rate("crowd", 100, Duration::from_secs(60)).build().unwrap();
    println!("\n64 consumers x 10 on 100 per minute, embedded DynamoDB:\n");
    println!("|                          | admitted | calls | p50 ms | p99 ms |");
    println!("|--------------------------|---------:|------:|-------:|-------:|");
    for instances in [1, 4, 16, 64] {
        let key = format!("crowd of {instances}");
        bed.faults.reset_counts();
        let limiters: Vec<_> = (0..instances)
            .map(|_| Arc::new(Limiter::builder(bed.table(), SystemTime::now).build()))
            .collect();
        let consumers: Vec<_> = (0..64)
            .map(|consumer| {
                let limiter = Arc::clone(&limiters[consumer % instances]);
                let (policy, key) = (policy.clone(), key.clone());
                tokio::spawn(async move {
                    let mut results = Vec::new();
                    for _ in 0..10 {
                        let start = Instant::now();
                        let decision = limiter.check(policy.on(&key).unwrap()).await;
                        results.push((decision.is_allowed(), start.elapsed().as_secs_f64() * 1e3));
                    }
                    results
                })
            })
            .collect();
        let mut results = Vec::new();
        for consumer in consumers {
            results.extend(consumer.await.unwrap());
        }
        let admitted = results.iter().filter(|(is_allowed, _)| *is_allowed).count();
        let mut times: Vec<f64> = results.iter().map(|(_, time)| *time).collect();
        times.sort_by(f64::total_cmp);
        let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
        let calls = bed.calls();
        println!(
            "| minigate, {instances:>2} instances   | {admitted:>8} | {calls:>5} | {p50:>6.2} | {p99:>6.2} |"
        );
    }
    bed.faults.reset_counts();
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers");
    let endpoint = bed.faults.endpoint_url();
    let peer = tokio::task::spawn_blocking(move || {
        Command::new("node").arg("limiter.mjs").arg(endpoint).current_dir(peers).output()
    });
    match peer.await.unwrap() {
        Ok(output) if output.status.success() => {
            let calls: usize = bed
                .faults
                .calls()
                .iter()
                .filter(|(call, _)| ["UpdateItem", "GetItem"].contains(&&*call.operation))
                .map(|(_, count)| count)
                .sum();
            let line = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [admitted, p50, p99] = fields[..] else { panic!("the peer printed {line:?}") };
            println!(
                "| rate-limiter-flexible    | {admitted:>8} | {calls:>5} | {p50:>6} | {p99:>6} |"
            );
        }
        Ok(output) => println!(
            "| rate-limiter-flexible    | did not run; `npm ci` in tests/peers: {}",
            String::from_utf8_lossy(&output.stderr)
                .lines()
                .find(|line| line.contains("Error"))
                .unwrap_or_default()
        ),
        Err(_) => println!("| rate-limiter-flexible    | not run: there is no Node.js"),
    }
}
