//! Rules that need no network: on a table in memory, with a clock that a test moves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use minigate_limiter::{
    Decision, Leases, Limiter, MemoryTable, Policy, Reason, Table, TableError,
    update::{CellUpdate, Change, Condition, Flag, Image, Outcome, Update},
};

use tokio::task::yield_now;

use crate::bed::FakeClock;

const MINUTE: Duration = Duration::from_secs(60);

fn minute_of(limit: u32) -> Policy {
    Policy::rate("api", limit, MINUTE).build().unwrap()
}

/// A table whose answers come after the clock has moved on by a freeze, while there is one.
struct FreezingTable {
    table: MemoryTable,
    clock: FakeClock,
    is_freezing: AtomicBool,
}

impl Table for FreezingTable {
    async fn update(&self, update: &Update) -> Result<Outcome, TableError> {
        let outcome = self.table.update_now(update);
        if self.is_freezing.swap(false, Ordering::Relaxed) {
            self.clock.advance(Duration::from_secs(600));
        }
        Ok(outcome)
    }

    async fn read(&self, key: &str, attributes: &[&str]) -> Result<Image, TableError> {
        Ok(self.table.read_now(key, attributes))
    }

    async fn remove(&self, _: &str) -> Result<(), TableError> {
        Ok(())
    }
}

#[tokio::test]
async fn units_from_before_a_freeze_are_not_spent() {
    let clock = FakeClock::new();
    let table = Arc::new(FreezingTable {
        table: MemoryTable::default(),
        clock: clock.clone(),
        is_freezing: AtomicBool::new(true),
    });
    let limiter = Limiter::builder(Arc::clone(&table), clock.reader()).build();
    let policy = minute_of(3);
    let decision = limiter.check(policy.on("user#1").unwrap()).await;
    assert!(decision.is_allowed());
    let metrics = limiter.metrics();
    assert_eq!((metrics.calls, metrics.taken_units, metrics.wasted_units), (2, 2, 1));
}

#[tokio::test]
async fn a_number_from_a_wrong_clock_is_healed() {
    let clock = FakeClock::new();
    let table = Arc::new(MemoryTable::default());
    let far = 1_760_000_000_000_000 + 10 * 365 * 86_400_000_000;
    let damage = CellUpdate {
        attribute: "r:api".to_owned(),
        condition: Condition::AbsentOrBelow(i64::MAX),
        change: Change::Set(far),
        flag: Flag::Keep,
    };
    table.update_now(&Update {
        key: "0#user#1".to_owned(),
        cells: vec![damage],
        expires_at: 0,
        refund_stamp: None,
    });
    let limiter = Limiter::builder(Arc::clone(&table), clock.reader()).build();
    let policy = minute_of(60);
    let decision = limiter.check(policy.on("user#1").unwrap()).await;
    assert!(!decision.is_allowed(), "the bucket counts as empty, which is the safe side");
    assert!(decision.retry_after().unwrap() <= Duration::from_secs(10));
    clock.advance(MINUTE * 2);
    assert!(limiter.check(policy.on("user#1").unwrap()).await.is_allowed());
}

#[tokio::test]
async fn a_changed_policy_holds_at_once() {
    let clock = FakeClock::new();
    let limiter = Limiter::builder(MemoryTable::default(), clock.reader()).build();
    let (tight, loose) = (minute_of(2), minute_of(10));
    let allowed =
        async |policy: &Policy| limiter.check(policy.on("user#1").unwrap()).await.is_allowed();
    assert!(allowed(&tight).await && allowed(&tight).await && !allowed(&tight).await);
    // A minute of debt is a minute of debt under either; half of it has passed then.
    clock.advance(MINUTE / 2);
    for _ in 0..5 {
        assert!(allowed(&loose).await);
    }
    assert!(!allowed(&loose).await);
    assert!(!allowed(&tight).await);
}

#[tokio::test]
async fn a_policy_named_twice_counts_once() {
    let clock = FakeClock::new();
    let limiter = Limiter::builder(MemoryTable::default(), clock.reader()).build();
    let policy = minute_of(10);
    let limit = policy.on("user#1").unwrap();
    let decision = limiter.check_all(&[limit, limit.weight(3).unwrap()]).await;
    assert_eq!((decision.states().len(), decision.states()[0].remaining()), (1, 7));
    let none: Decision = limiter.check_all(&[]).await;
    assert!(none.is_allowed());
}

#[tokio::test]
async fn a_decision_says_what_headers_need() {
    let clock = FakeClock::new();
    let limiter = Limiter::builder(MemoryTable::default(), clock.reader()).build();
    let policy = minute_of(6);
    let limit = policy.on("user#1").unwrap().weight(4).unwrap();
    let decision = limiter.check(limit).await;
    let state = &decision.states()[0];
    assert_eq!((state.policy().limit(), state.policy().period()), (6, MINUTE));
    assert_eq!((state.remaining(), state.full_after()), (2, Duration::from_secs(40)));
    assert_eq!((state.reason(), decision.retry_after()), (Reason::Room, None));
    let decision = limiter.check(limit).await;
    let state = &decision.states()[0];
    assert_eq!((state.reason(), state.remaining()), (Reason::NoRoom, 2));
    assert_eq!(decision.retry_after(), Some(Duration::from_secs(20)));
    let state = limiter.peek(limit).await.unwrap();
    assert_eq!((state.is_within(), state.remaining()), (false, 2));
    assert_eq!(state.retry_after(), Duration::from_secs(20));
}

#[tokio::test]
async fn a_quota_ends_with_its_window() {
    let clock = FakeClock::new();
    let table = Arc::new(MemoryTable::default());
    let limiters = [(); 2].map(|()| Limiter::builder(Arc::clone(&table), clock.reader()).build());
    let day = Policy::quota("daily", 4, Duration::from_secs(86_400)).build().unwrap();
    for day_number in 0..3 {
        for request in 0..10 {
            let decision = limiters[request % 2].check(day.on("user#1").unwrap()).await;
            assert_eq!(decision.is_allowed(), request < 4, "day {day_number}, request {request}");
            if let Some(wait) = decision.retry_after() {
                assert_eq!(wait, decision.states()[0].full_after());
            }
        }
        let decision = limiters[0].check(day.on("user#1").unwrap()).await;
        clock.advance(decision.retry_after().unwrap() - Duration::from_micros(1));
        assert!(!limiters[0].check(day.on("user#1").unwrap()).await.is_allowed());
        clock.advance(Duration::from_micros(1));
    }
}

/// A table to which every update comes twice.
struct RepeatingTable(MemoryTable);

impl Table for RepeatingTable {
    async fn update(&self, update: &Update) -> Result<Outcome, TableError> {
        let outcome = self.0.update_now(update);
        self.0.update_now(update);
        Ok(outcome)
    }

    async fn read(&self, key: &str, attributes: &[&str]) -> Result<Image, TableError> {
        Ok(self.0.read_now(key, attributes))
    }

    async fn remove(&self, _: &str) -> Result<(), TableError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_refund_that_arrives_twice_gives_back_once() {
    let clock = FakeClock::new();
    let limiter = Limiter::builder(RepeatingTable(MemoryTable::default()), clock.reader()).build();
    let policy = minute_of(60);
    let limit = policy.on("user#1").unwrap().weight(10).unwrap();
    // The first takes 10: its repetition finds the bucket in use. The second takes 20.
    let first = limiter.check(limit).await;
    let second = limiter.check(limit).await;
    assert_eq!(limiter.peek(limit).await.unwrap().remaining(), 30);
    limiter.refund(second).await;
    assert_eq!(limiter.peek(limit).await.unwrap().remaining(), 40);
    // At the same microsecond as another refund: not given back, which is the safe side.
    limiter.refund(first).await;
    assert_eq!(limiter.peek(limit).await.unwrap().remaining(), 40);
    assert!(limiter.metrics().wasted_units >= 10);
}

/// The case that the flag is for: units held by one instance while the bucket fills, and then a
/// crowd on instances that know nothing.
#[tokio::test]
async fn leased_units_and_a_full_bucket_are_not_spent_together() {
    let policy = Policy::rate("api", 100, Duration::from_secs(1))
        .leases(Leases::For(Duration::from_millis(250)))
        .build()
        .unwrap();
    let limit = policy.on("route").unwrap();
    let mut most_held = 0;
    for lull in (0..250).step_by(5) {
        let clock = FakeClock::new();
        let table = Arc::new(MemoryTable::default());
        let limiter = || Limiter::builder(Arc::clone(&table), clock.reader()).build();
        let busy = limiter();
        for _ in 0..100 + lull / 5 % 14 {
            assert!(busy.check(limit).await.is_allowed());
            clock.advance(Duration::from_millis(12));
        }
        clock.advance(Duration::from_millis(lull));
        let mut admitted = 0;
        for _ in 0..120 {
            admitted += u32::from(limiter().check(limit).await.is_allowed());
        }
        let before = admitted;
        let calls = busy.metrics().calls;
        for _ in 0..120 {
            admitted += u32::from(busy.check(limit).await.is_allowed());
        }
        if busy.metrics().calls == calls + 1 {
            most_held = most_held.max(admitted - before);
        }
        assert!(admitted <= 100, "{admitted} of 100 at one instant, {lull} ms after the last");
    }
    assert!(most_held >= 5, "nothing was held, so nothing was shown");
}

/// A table that takes its time, and sees how many updates are under way.
#[derive(Default)]
struct SlowTable {
    table: MemoryTable,
    under_way: AtomicUsize,
    most: AtomicUsize,
}

impl Table for SlowTable {
    async fn update(&self, update: &Update) -> Result<Outcome, TableError> {
        let under_way = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(under_way, Ordering::Relaxed);
        yield_now().await;
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        Ok(self.table.update_now(update))
    }

    async fn read(&self, key: &str, attributes: &[&str]) -> Result<Image, TableError> {
        Ok(self.table.read_now(key, attributes))
    }

    async fn remove(&self, _: &str) -> Result<(), TableError> {
        Ok(())
    }
}

/// And what the one admits is given back when the other refuses.
#[tokio::test]
async fn different_keys_are_asked_at_the_same_time() {
    let clock = FakeClock::new();
    let table = Arc::new(SlowTable::default());
    let limiter = || Limiter::builder(Arc::clone(&table), clock.reader()).build();
    let (limiters, policies) = ([limiter(), limiter()], [minute_of(1), minute_of(5)]);
    let limits = [policies[0].on("user#1").unwrap(), policies[1].on("address#1").unwrap()];
    for (limiter, is_allowed) in limiters.iter().zip([true, false]) {
        let decision = limiter.check_all(&limits).await;
        assert_eq!(decision.is_allowed(), is_allowed);
        assert_eq!(table.most.swap(0, Ordering::Relaxed), 2);
        // In the order of the request.
        let bursts = decision.states().iter().map(|state| state.policy().burst());
        assert_eq!(bursts.collect::<Vec<_>>(), [1, 5]);
    }
    assert_eq!(limiters[1].peek(limits[1]).await.unwrap().remaining(), 4);
}
