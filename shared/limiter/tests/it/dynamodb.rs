//! On the embedded DynamoDB over HTTP, every call counted.

use std::{sync::Arc, time::Duration};

use minigate_limiter::{
    DynamoTable, Leases, MemoryTable, Mode, OnStoreFailure, Policy, PolicyBuilder, Reason, Table,
    update::{CellUpdate, Change, Condition, Flag, Update},
};
use minigate_testkit::faults::Fault;

use crate::{bed::Bed, simulator::Random};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

fn rate(limit: u32) -> PolicyBuilder {
    Policy::rate("api", limit, MINUTE)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_of_several_instances_get_the_limit_exactly() {
    let bed = Bed::start().await;
    let policy = rate(100).build().unwrap();
    let instances: Vec<_> = (0..4).map(|_| Arc::new(bed.limiter())).collect();
    let consumers = (0..64).map(|consumer: usize| {
        let (limiter, policy) = (Arc::clone(&instances[consumer % 4]), policy.clone());
        tokio::spawn(async move {
            let mut admitted = 0;
            for _ in 0..10 {
                let decision = limiter.check(policy.on("user#1").unwrap()).await;
                admitted += u32::from(decision.is_allowed());
            }
            admitted
        })
    });
    let mut admitted = 0;
    for consumer in consumers.collect::<Vec<_>>() {
        admitted += consumer.await.unwrap();
    }
    println!("64 x 10 on 100: {admitted} admitted, {} calls", bed.calls());
    assert_eq!(admitted, 100);
    assert!(bed.calls() < 200, "{} calls", bed.calls());
    // A minute later, no more and no less.
    bed.clock.advance(MINUTE);
    let mut admitted = 0;
    for request in 0..150 {
        let decision = instances[request % 4].check(policy.on("user#1").unwrap()).await;
        admitted += u32::from(decision.is_allowed());
    }
    assert_eq!(admitted, 100);
}

#[tokio::test]
async fn an_allowed_request_is_one_call_and_a_denied_one_none() {
    let bed = Bed::start().await;
    let policy = rate(5).build().unwrap();
    let limiter = bed.limiter();
    let limit = policy.on("user#1").unwrap();
    assert_eq!(bed.calls(), 0, "construction calls nothing");
    for request in 1..=5 {
        let decision = limiter.check(limit).await;
        assert!(decision.is_allowed());
        assert_eq!(decision.states()[0].remaining(), 5 - request);
        assert_eq!(bed.calls(), request as usize);
        bed.clock.advance(Duration::from_millis(1));
    }
    for _ in 0..10 {
        let decision = limiter.check(limit).await;
        assert!(!decision.is_allowed());
        assert_eq!(decision.retry_after(), Some(Duration::from_millis(12_000 - 5)));
    }
    assert_eq!(bed.calls(), 5, "denied from memory");
    // Another instance learns it with one call, and to the microsecond.
    let other = bed.limiter();
    for _ in 0..10 {
        let decision = other.check(limit).await;
        assert_eq!(decision.retry_after(), Some(Duration::from_millis(12_000 - 5)));
    }
    assert_eq!(bed.calls(), 6);
    bed.clock.advance(Duration::from_micros(12_000_000 - 5_001));
    assert!(!other.check(limit).await.is_allowed(), "a microsecond early");
    bed.clock.advance(Duration::from_micros(1));
    assert!(other.check(limit).await.is_allowed());
    assert_eq!(bed.calls(), 7);
}

#[tokio::test]
async fn policies_on_one_key_are_one_call_and_all_or_nothing() {
    let bed = Bed::start().await;
    let limiter = bed.limiter();
    let minute = rate(10).build().unwrap();
    let day = Policy::quota("daily", 3, DAY).build().unwrap();
    let limits = [minute.on("user#1").unwrap(), day.on("user#1").unwrap()];
    for calls in 1..=3 {
        assert!(limiter.check_all(&limits).await.is_allowed());
        assert_eq!(bed.calls(), calls);
    }
    let decision = limiter.check_all(&limits).await;
    let violated: Vec<&str> = decision.violated().map(|state| state.policy().name()).collect();
    assert_eq!((violated, bed.calls()), (vec!["daily"], 3));
    // The same as an instance that does not know yet: one call, and nothing taken from the minute.
    let other = bed.limiter();
    assert!(!other.check_all(&limits).await.is_allowed());
    assert_eq!(bed.calls(), 4);
    assert_eq!(limiter.peek(limits[0]).await.unwrap().remaining(), 7);
    assert_eq!(limiter.peek(limits[1]).await.unwrap().remaining(), 0);
    // The next day there are three again.
    bed.clock.advance(decision.retry_after().unwrap());
    for _ in 0..3 {
        assert!(other.check_all(&limits).await.is_allowed());
    }
    assert!(!other.check_all(&limits).await.is_allowed());
}

#[tokio::test]
async fn a_request_refused_under_one_key_takes_nothing_under_another() {
    let bed = Bed::start().await;
    let limiter = bed.limiter();
    let address = Policy::rate("address", 20, MINUTE).build().unwrap();
    let user = Policy::rate("user", 2, MINUTE).build().unwrap();
    let limits = [address.on("address#1").unwrap(), user.on("user#1").unwrap()];
    for _ in 0..2 {
        assert!(limiter.check_all(&limits).await.is_allowed());
    }
    let stranger = bed.limiter();
    for _ in 0..5 {
        assert!(!stranger.check_all(&limits).await.is_allowed());
    }
    assert_eq!(limiter.peek(limits[0]).await.unwrap().remaining(), 18);
    assert_eq!(stranger.metrics().denied, 5);
    // Address taken, user refused, address given back; then denied from memory.
    assert_eq!(stranger.metrics().denied_from_memory, 4);
}

#[tokio::test]
async fn weights_are_taken_whole_or_not_at_all() {
    let bed = Bed::start().await;
    let limiter = bed.limiter();
    let policy = rate(10).build().unwrap();
    let limit = |weight| policy.on("user#1").unwrap().weight(weight).unwrap();
    assert!(limiter.check(limit(7)).await.is_allowed());
    for _ in 0..5 {
        let decision = limiter.check(limit(7)).await;
        assert_eq!(decision.retry_after(), Some(Duration::from_secs(24)));
    }
    assert!(limiter.check(limit(3)).await.is_allowed(), "refused weights burnt nothing");
    assert!(!limiter.check(limit(1)).await.is_allowed());
}

#[tokio::test]
async fn a_refund_gives_back_what_was_taken() {
    let bed = Bed::start().await;
    let (limiter, other) = (bed.limiter(), bed.limiter());
    let policy = rate(10).build().unwrap();
    let limit = policy.on("user#1").unwrap().weight(4).unwrap();
    let decision = limiter.check(limit).await;
    limiter.refund(decision).await;
    assert_eq!(limiter.peek(limit).await.unwrap().remaining(), 10);
    // Others in between: less what came back by itself since.
    let decision = limiter.check(limit).await;
    assert!(other.check(limit).await.is_allowed());
    bed.clock.advance(Duration::from_secs(6));
    limiter.refund(decision).await;
    assert_eq!(limiter.peek(limit).await.unwrap().remaining(), 10 - 8 + 1 + 3);
}

#[tokio::test]
async fn leases_are_taken_when_busy_and_given_back() {
    let bed = Bed::start().await;
    let limiter = bed.limiter();
    let policy = Policy::rate("api", 100, Duration::from_secs(1))
        .burst(1_000)
        .leases(Leases::For(Duration::from_secs(1)))
        .build()
        .unwrap();
    let limit = policy.on("route").unwrap();
    for _ in 0..300 {
        assert!(limiter.check(limit).await.is_allowed());
        bed.clock.advance(Duration::from_millis(10));
    }
    println!("300 requests at 100 per second: {} calls", bed.calls());
    assert!(bed.calls() <= 30, "{} calls", bed.calls());
    let held = limiter.metrics().taken_units - 300 - limiter.metrics().wasted_units;
    let before = limiter.peek(limit).await.unwrap().remaining();
    limiter.shutdown().await;
    let after = limiter.peek(limit).await.unwrap().remaining();
    assert_eq!(u64::from(after - before), held, "nobody else was there: all of it comes back");
    assert_eq!(limiter.metrics().returned_units, held);
}

#[tokio::test]
async fn the_least_recently_used_lease_is_given_back() {
    let bed = Bed::start().await;
    let limiter =
        minigate_limiter::Limiter::builder(bed.table(), bed.clock.reader()).max_keys(64).build();
    let policy = Policy::rate("api", 1_000, Duration::from_secs(1)).burst(10_000).build().unwrap();
    for _ in 0..50 {
        assert!(limiter.check(policy.on("first").unwrap()).await.is_allowed());
        bed.clock.advance(Duration::from_millis(1));
    }
    let metrics = limiter.metrics();
    let held = metrics.taken_units - 50;
    assert!(held > 0);
    for key in 0..1_000 {
        assert!(limiter.check(policy.on(&format!("{key}")).unwrap()).await.is_allowed());
    }
    assert_eq!(limiter.keys(), 64);
    limiter.release_idle().await;
    assert_eq!(limiter.metrics().returned_units, held);
}

#[tokio::test]
async fn shadow_mode_counts_and_refuses_nothing() {
    let bed = Bed::start().await;
    let limiter = bed.limiter();
    let shadow = Policy::rate("shadow", 2, MINUTE).mode(Mode::Shadow).build().unwrap();
    let enforced = rate(4).build().unwrap();
    let limits = [shadow.on("user#1").unwrap(), enforced.on("user#1").unwrap()];
    for request in 0..4 {
        let decision = limiter.check_all(&limits).await;
        assert!(decision.is_allowed());
        assert_eq!(decision.states()[0].is_within(), request < 2);
    }
    assert!(!limiter.check_all(&limits).await.is_allowed());
    assert_eq!(limiter.metrics().shadow_denied, 2);
}

#[tokio::test]
async fn a_reset_fills_the_bucket() {
    let bed = Bed::start().await;
    let limiter = bed.limiter();
    let policy = rate(2).build().unwrap();
    let limit = policy.on("user#1").unwrap();
    for allowed in [true, true, false] {
        assert_eq!(limiter.check(limit).await.is_allowed(), allowed);
    }
    limiter.reset(limit).await.unwrap();
    assert_eq!(limiter.peek(limit).await.unwrap().remaining(), 2);
    assert!(limiter.check(limit).await.is_allowed());
}

#[tokio::test]
async fn a_failing_store_is_asked_once_and_the_policy_decides() {
    let bed = Bed::start().await;
    let late = Duration::from_secs(5);
    let faults = [
        Fault::Refuse,
        Fault::SwallowAnswer,
        Fault::Throttle,
        Fault::ServerError,
        Fault::DelayRequest(late),
        Fault::DelayAnswer(late),
    ];
    for (index, fault) in faults.into_iter().enumerate() {
        for behaviour in [OnStoreFailure::Open, OnStoreFailure::Closed] {
            let table =
                DynamoTable::new(bed.client.clone(), "limits").timeout(Duration::from_millis(300));
            let limiter = bed.limiter_on(table);
            let key = format!("{index} {behaviour:?}");
            let policy = rate(5).on_store_failure(behaviour).build().unwrap();
            let limit = policy.on(&key).unwrap();
            bed.faults.reset_counts();
            let guard = bed.faults.inject("UpdateItem", fault);
            let decision = limiter.check(limit).await;
            assert_eq!(bed.calls(), 1, "{fault:?}: no retries");
            assert_eq!(decision.states()[0].reason(), Reason::StoreFailure);
            let is_open = behaviour == OnStoreFailure::Open;
            assert_eq!(decision.is_allowed(), is_open, "{fault:?}");
            // The outage goes on: the backstop keeps the policy, and the calls pause.
            let mut admitted = u32::from(decision.is_allowed());
            for _ in 0..10 {
                admitted += u32::from(limiter.check(limit).await.is_allowed());
            }
            assert_eq!(admitted, if is_open { 5 } else { 0 }, "{fault:?}");
            assert_eq!(bed.calls(), 3, "{fault:?}: the pause begins after three failures");
            drop(guard);
            bed.clock.advance(MINUTE * 2);
            let decision = limiter.check(limit).await;
            assert!(decision.is_allowed(), "{fault:?}");
        }
    }
}

/// The simulation stands on what [`Update::apply`] says; here DynamoDB says the same.
#[tokio::test]
async fn dynamodb_does_what_an_update_says() {
    let bed = Bed::start().await;
    let (dynamo, memory) = (bed.table(), MemoryTable::default());
    let mut random = Random::new(42);
    for round in 0..1_500 {
        let (key, cells) = (format!("{}", round / 100), 1 + random.below(2));
        let cells = (0..cells).map(|cell| {
            let number = |random: &mut Random| random.below(20);
            let condition = match random.below(7) {
                0..2 => Condition::AbsentOrBelow(number(&mut random)),
                2..5 => Condition::Between {
                    low: number(&mut random) / 2,
                    high: number(&mut random),
                    high_unflagged: random.one_in(2).then(|| number(&mut random)),
                },
                5 => Condition::Is(number(&mut random)),
                _ => Condition::AtLeast(number(&mut random) / 2),
            };
            let is_cold = matches!(condition, Condition::AbsentOrBelow(_));
            let change = if is_cold {
                Change::Set(number(&mut random))
            } else {
                Change::Add(number(&mut random) - 8)
            };
            let flag = random.pick(&[Flag::Keep, Flag::Raise, Flag::Clear]);
            CellUpdate { attribute: format!("r:{cell}"), condition, change, flag }
        });
        let update = Update {
            key,
            cells: cells.collect(),
            expires_at: 1,
            refund_stamp: random.one_in(4).then(|| random.below(round + 1)),
        };
        let (ours, theirs) =
            (memory.update(&update).await.unwrap(), dynamo.update(&update).await.unwrap());
        assert_eq!(ours, theirs, "{update:?}");
        let names = ["r:0", "r:1"];
        let read = dynamo.read(&update.key, &names).await.unwrap();
        assert_eq!(memory.read(&update.key, &names).await.unwrap(), read);
    }
}

#[tokio::test]
async fn units_taken_for_waiting_requests_are_not_given_back_as_idle() {
    let bed = Bed::start().await;
    let limiter = Arc::new(bed.limiter());
    let policy = Policy::rate("api", 20, Duration::from_secs(3_600)).build().unwrap();
    let requests = (0..20).map(|_| {
        let (limiter, policy, clock) = (Arc::clone(&limiter), policy.clone(), bed.clock.clone());
        tokio::spawn(async move {
            let decision = limiter.check(policy.on("user").unwrap()).await;
            // What a server does after each answer.
            clock.advance(Duration::from_millis(15));
            limiter.release_idle().await;
            decision.is_allowed()
        })
    });
    for request in requests.collect::<Vec<_>>() {
        assert!(request.await.unwrap());
    }
    assert!(bed.calls() <= 3, "{} calls", bed.calls());
}
