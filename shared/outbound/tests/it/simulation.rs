//! An outage of a minute, in virtual time: what reaches the provider, and when it is found again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use minigate_outbound::{
    BreakerPolicy, Builder, Cause, Effect, Failed, Policy, Progress, Reply, Request, Transport,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    bed::{PROVIDER, keyed},
    retries::never_opens,
    scripted::virtual_time,
};

const PROCESSES: u64 = 50;
const CALL_EVERY: Duration = Duration::from_millis(200);
const OUTAGE: Duration = Duration::from_secs(60);

/// How a provider is down.
#[derive(Clone, Copy, Debug)]
enum Down {
    Refuses,
    Answers503,
    SaysNothing,
}

/// The provider, and what reaches it while it is down.
struct Provider {
    down: Down,
    is_down: AtomicBool,
    attempts: AtomicUsize,
}

#[derive(Clone)]
struct Wire(Arc<Provider>);

impl Transport for Wire {
    async fn attempt(&self, _: &Request, progress: &Progress) -> Result<Reply, Failed> {
        let provider = &self.0;
        sleep(Duration::from_millis(20)).await;
        let status = if !provider.is_down.load(Ordering::Relaxed) {
            StatusCode::OK
        } else {
            provider.attempts.fetch_add(1, Ordering::Relaxed);
            match provider.down {
                Down::Refuses => return Err(Cause::Connect.into()),
                Down::SaysNothing => {
                    progress.sent();
                    std::future::pending().await
                }
                Down::Answers503 => StatusCode::SERVICE_UNAVAILABLE,
            }
        };
        progress.sent();
        Ok(Reply { status, headers: HeaderMap::new(), body: Bytes::new() })
    }
}

/// What a process saw.
struct Seen {
    calls_in_outage: usize,
    /// From the end of the outage to the first call that succeeded.
    recovered_after: Duration,
}

async fn process(provider: Arc<Provider>, policy: Policy, seed: u64, end: Instant) -> Seen {
    let builder = Builder::new(PROVIDER, virtual_time()).policy(policy).seed(seed);
    let client = builder.build_on(Wire(provider));
    sleep(CALL_EVERY.mul_f64(seed as f64 / PROCESSES as f64)).await;
    let mut calls_in_outage = 0;
    loop {
        let is_over = Instant::now() >= end;
        calls_in_outage += usize::from(!is_over);
        let outcome = client.call(&keyed()).await;
        if is_over && outcome.effect() == Effect::Done {
            return Seen { calls_in_outage, recovered_after: end.elapsed() };
        }
        sleep(CALL_EVERY).await;
    }
}

/// Attempts that reached the provider, calls that were made, and the longest recovery.
async fn outage(down: Down, breaker: BreakerPolicy) -> (usize, usize, Duration) {
    let policy = Policy { breaker, ..Policy::default() };
    let is_down = AtomicBool::new(true);
    let provider = Arc::new(Provider { down, is_down, attempts: AtomicUsize::new(0) });
    let end = Instant::now() + OUTAGE;
    let mut processes = JoinSet::new();
    for seed in 0..PROCESSES {
        processes.spawn(process(Arc::clone(&provider), policy, seed, end));
    }
    sleep(OUTAGE).await;
    provider.is_down.store(false, Ordering::Relaxed);
    let seen = processes.join_all().await;
    (
        provider.attempts.load(Ordering::Relaxed),
        seen.iter().map(|seen| seen.calls_in_outage).sum(),
        seen.iter().map(|seen| seen.recovered_after).max().unwrap(),
    )
}

/// Without the breaker: a tenth of the calls, and the reserve and the trickle of each process.
#[tokio::test(start_paused = true)]
async fn retries_do_not_multiply_an_outage() {
    for down in [Down::Refuses, Down::Answers503, Down::SaysNothing] {
        let (attempts, calls, _) = outage(down, never_opens()).await;
        let of_each = 10 + OUTAGE.as_secs() / 10;
        let bound = calls + calls / 10 + (PROCESSES * (of_each + 1)) as usize;
        println!("{down:?}: {attempts} attempts for {calls} calls, at most {bound}");
        assert!(calls > PROCESSES as usize * 5);
        assert!(attempts <= bound, "{down:?}: {attempts} > {bound}");
    }
}

/// With it: what opens the circuit, and a probe each 2.5, 5, 10 and then 15 seconds at the least.
#[tokio::test(start_paused = true)]
async fn a_provider_that_is_down_is_found_within_half_a_minute_of_its_return() {
    let policy = BreakerPolicy::default();
    for down in [Down::Refuses, Down::Answers503, Down::SaysNothing] {
        let (attempts, calls, recovered_after) = outage(down, policy).await;
        let probes = 6;
        let bound = PROCESSES as usize * (policy.min_faults as usize + probes);
        println!("{down:?}: {attempts} attempts for {calls} calls, back after {recovered_after:?}");
        assert!(attempts <= bound, "{down:?}: {attempts} > {bound}");
        // The last probe may have been under way, silently, when the provider came back.
        let latest = policy.max_open + Policy::default().call_timeout + CALL_EVERY;
        assert!(recovered_after <= latest, "{down:?}: {recovered_after:?}");
    }
}
