//! Requests that must pass several policies, some of them in shadow mode, some refunded: over random
//! schedules of several instances on one table.

use std::{sync::Arc, time::Duration};

use minigate_limiter::{Limiter, MemoryTable, Mode, Policy};

use crate::{
    bed::FakeClock,
    simulator::{Random, micros, unit},
};

const MINUTE: Duration = Duration::from_secs(60);
const REQUESTS: usize = 2_000;

/// A bucket that sees what was admitted, when it happens.
#[derive(Clone, Copy, Default)]
struct Strict {
    arrival: i64,
}

struct World {
    clock: FakeClock,
    now: i64,
    random: Random,
    instances: Vec<Limiter<Arc<MemoryTable>>>,
    /// Per user and per address, and one that refuses nobody.
    policies: [Policy; 3],
    /// By policy and key; the shadow's counts what it would have taken.
    strict: [[Strict; 3]; 2],
}

impl World {
    fn new(seed: u64) -> Self {
        let (mut random, clock) = (Random::new(seed), FakeClock::new());
        let table = Arc::new(MemoryTable::default());
        let limiter =
            |seed| Limiter::builder(Arc::clone(&table), clock.reader()).seed(seed).build();
        let instances = (0..random.pick(&[1, 2, 5])).map(limiter).collect();
        let rate = |name: &str, limit: u32| Policy::rate(name, limit, MINUTE);
        let policies = [
            rate("user", random.pick(&[5, 100, 6_000])),
            rate("address", random.pick(&[20, 60, 600])),
            rate("shadow", 3).mode(Mode::Shadow),
        ];
        let policies = policies.map(|policy| policy.build().unwrap());
        Self { clock, now: 0, random, instances, policies, strict: Default::default() }
    }

    fn wait(&mut self) {
        // So many that both limits bind.
        let mean = 3e6 / f64::from(self.policies[0].limit().min(self.policies[1].limit()));
        let wait = self.random.wait(mean);
        self.now += wait;
        self.clock.advance(Duration::from_micros(wait.unsigned_abs()));
    }

    fn room(&self, policy: usize, key: usize, cost: i64) -> i64 {
        let size = unit(&self.policies[policy]) * i64::from(self.policies[policy].burst());
        self.now + size - cost - self.strict[policy][key].arrival.max(self.now)
    }

    async fn request(&mut self, counts: &mut [u32; 3]) {
        self.wait();
        let keys = [self.random.below(3), self.random.below(3)].map(|key| key as usize);
        let names = [format!("user#{}", keys[0]), format!("address#{}", keys[1])];
        let weight = self.random.pick(&[1, 1, 1, 3]);
        let costs = [0, 1].map(|policy| unit(&self.policies[policy]) * i64::from(weight));
        let limits = [
            self.policies[0].on(&names[0]).unwrap().weight(weight).unwrap(),
            self.policies[2].on(&names[0]).unwrap(),
            self.policies[1].on(&names[1]).unwrap().weight(weight).unwrap(),
        ];
        let instance = self.random.below(self.instances.len() as i64) as usize;
        let limiter = &self.instances[instance];
        let decision = limiter.check_all(&limits).await;
        if !decision.is_allowed() {
            counts[1] += 1;
            assert!(decision.violated().all(|state| state.policy().mode() == Mode::Enforce));
            assert!(decision.retry_after().is_some_and(|wait| wait > Duration::ZERO));
            if self.instances.len() == 1 && self.policies.iter().all(|one| one.lease().is_zero()) {
                // What was given back looks like the work of others, on whose account a twentieth is
                // kept back.
                let fits = |policy: usize| {
                    let size =
                        unit(&self.policies[policy]) * i64::from(self.policies[policy].burst());
                    self.room(policy, keys[policy], costs[policy]) > size / 20 + 1
                };
                assert!(!(fits(0) && fits(1)), "denied although both have room");
            }
            return;
        }
        counts[0] += 1;
        let is_refunded = self.random.one_in(5);
        if is_refunded {
            counts[2] += 1;
            limiter.refund(decision).await;
        } else {
            for policy in [0, 1] {
                let strict = &mut self.strict[policy][keys[policy]];
                strict.arrival = strict.arrival.max(self.now) + costs[policy];
                let ahead = -self.room(policy, keys[policy], 0);
                assert!(ahead <= 0, "{ahead} us ahead of {}", self.policies[policy].name());
            }
        }
    }
}

/// All or nothing, whatever the order and the weight; what is refunded can be spent again; a policy
/// in shadow mode refuses nobody.
#[tokio::test]
async fn no_policy_is_exceeded_and_a_denied_request_takes_from_none() {
    for seed in 1..=60 {
        let mut world = World::new(seed);
        let mut counts = [0; 3];
        println!("seed {seed}");
        for _ in 0..REQUESTS {
            world.request(&mut counts).await;
        }
        assert!(counts.iter().all(|count| *count > 10), "seed {seed}: {counts:?} prove little");
        let shadow: u64 = world.instances.iter().map(|one| one.metrics().shadow_denied).sum();
        assert!(shadow > 0, "seed {seed}: the shadow never had anything to say");
    }
}

/// The tiers of one policy share its state, with and without leases: a user who pays more in the
/// middle of a minute keeps what was spent, and never gets more than the greater limit.
#[tokio::test]
async fn a_key_may_go_from_a_tier_without_leases_to_one_with_them_and_back() {
    let tier = |limit: u32| Policy::rate("api", limit, MINUTE).build().unwrap();
    let (free, pro) = (tier(100), tier(500));
    assert!(free.lease().is_zero());
    assert!(!pro.lease().is_zero(), "from 120 units a minute on");
    for seed in 1..=20 {
        println!("seed {seed}");
        let (mut random, clock) = (Random::new(seed), FakeClock::new());
        let table = Arc::new(MemoryTable::default());
        let limiter =
            |seed| Limiter::builder(Arc::clone(&table), clock.reader()).seed(seed).build();
        let instances: Vec<_> = (0..3).map(limiter).collect();
        let (mut now, mut strict, mut admitted) = (0_i64, Strict::default(), 0);
        for request in 0..3_000_usize {
            let wait = random.wait(60_000.0);
            now += wait;
            clock.advance(Duration::from_micros(wait.unsigned_abs()));
            let policy = if request / 700 % 2 == 0 { &free } else { &pro };
            let decision = instances[request % 3].check(policy.on("user").unwrap()).await;
            if decision.is_allowed() {
                admitted += 1;
                // In any window at most what the greater limit allows.
                strict.arrival = strict.arrival.max(now) + unit(&pro);
                let ahead = strict.arrival - now - unit(&pro) * i64::from(pro.burst());
                assert!(ahead <= 0, "{ahead} us ahead");
            }
            if request % 7 == 0 {
                instances[request % 3].release_idle().await;
            }
        }
        let least = now / micros(MINUTE) * 60;
        assert!(admitted > least, "{admitted} of 3000 in {now} us");
    }
}
