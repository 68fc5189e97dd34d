//! A deterministic simulator: the limiter as it is, many instances of it, on one table behind a
//! network that loses, delays and repeats, in virtual time.
//!
//! Nothing here waits and nothing depends on the machine: the same seed gives the same run.

mod random;
mod scenario;
mod wire;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap},
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use minigate_limiter::{
    Decision, Limiter, MemoryTable, Metrics, Policy, Reason, TableError,
    update::{Outcome, Update},
};

use self::wire::{Answer, SimulatedClock, SimulatedTable, TaskWaker, Wire};
pub(crate) use self::{
    random::Random,
    scenario::{Arrivals, Network, Report, Scenario},
};

/// How long after asking the simulated client gives up.
pub(crate) const TIMEOUT: i64 = 250_000;
/// The limiter's own limit on late answers, as set here.
pub(crate) const MAX_DELAY: i64 = 500_000;
/// The virtual day on which everything begins.
const START: i64 = 1_760_000_000_000_000;

enum Event {
    Arrive { instance: Option<usize>, key: usize },
    Apply { call: u64, update: Update, is_answered: bool },
    Fail { call: u64 },
    Deliver { call: u64, outcome: Outcome },
    Freeze,
    Thaw(usize),
    Kill,
    Release(usize),
}

struct Timed {
    at: i64,
    order: u64,
    event: Event,
}

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Timed {}
impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Timed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

type Running = Pin<Box<dyn Future<Output = Option<Decision>>>>;

struct Task {
    since: i64,
    instance: usize,
    key: usize,
    weight: u32,
    future: Running,
}

struct Instance {
    limiter: Arc<Limiter<SimulatedTable>>,
    skew: i64,
    frozen: bool,
    woken: Vec<u64>,
    /// The strict bucket of what it let pass without the store, by key.
    backstop: HashMap<usize, i64>,
}

/// A bucket that sees every admission when it happens.
#[derive(Clone, Copy, Default)]
struct Strict {
    arrival: i64,
    ideal: i64,
}

pub(crate) struct Simulator {
    scenario: Scenario,
    keys: Vec<String>,
    random: Random,
    now: Arc<AtomicI64>,
    queue: BinaryHeap<Reverse<Timed>>,
    order: u64,
    table: Arc<MemoryTable>,
    wire: Arc<Mutex<Wire>>,
    woken: Arc<Mutex<Vec<u64>>>,
    tasks: BTreeMap<u64, Task>,
    next_task: u64,
    instances: Vec<Instance>,
    strict: Vec<Strict>,
    windows: HashMap<(usize, i64), u64>,
    lost_metrics: Metrics,
    report: Report,
    arrived: usize,
    /// The requests of the present steady phase.
    steady: usize,
    is_lull: bool,
    is_healed: bool,
}

impl Simulator {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let mut simulator = Self {
            keys: (0..scenario.keys).map(|key| format!("user#{key}")).collect(),
            random: Random::new(scenario.seed),
            now: Arc::new(AtomicI64::new(START)),
            queue: BinaryHeap::new(),
            order: 0,
            table: Arc::default(),
            wire: Arc::default(),
            woken: Arc::default(),
            tasks: BTreeMap::new(),
            next_task: 0,
            instances: Vec::new(),
            strict: vec![Strict::default(); scenario.keys],
            windows: HashMap::new(),
            lost_metrics: Metrics::default(),
            report: Report { excess: i64::MIN, denied_with_room: i64::MIN, ..Report::default() },
            arrived: 0,
            steady: 0,
            is_lull: false,
            is_healed: false,
            scenario,
        };
        for _ in 0..simulator.scenario.instances {
            let instance = simulator.new_instance();
            simulator.instances.push(instance);
        }
        simulator
    }

    fn new_instance(&mut self) -> Instance {
        let reach = self.scenario.skew;
        let skew = self.random.below(2 * reach + 1) - reach;
        let table = SimulatedTable {
            network: self.scenario.network,
            table: Arc::clone(&self.table),
            wire: Arc::clone(&self.wire),
        };
        let clock = SimulatedClock { now: Arc::clone(&self.now), skew };
        let limiter = Limiter::builder(table, clock)
            .seed(self.random.next())
            .max_delay(Duration::from_micros(MAX_DELAY as u64))
            .build();
        Instance {
            limiter: Arc::new(limiter),
            skew,
            frozen: false,
            woken: Vec::new(),
            backstop: HashMap::new(),
        }
    }

    /// The time of so many requests, a second at least.
    fn pace(&self, requests: f64) -> f64 {
        (requests * 1e6 / self.scenario.per_second).max(1e6)
    }

    pub(crate) fn now(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    fn after(&mut self, delay: i64, event: Event) {
        self.order += 1;
        let timed = Timed { at: self.now() + delay.max(0), order: self.order, event };
        self.queue.push(Reverse(timed));
    }

    /// Runs until all requests are decided.
    pub(crate) fn run(mut self) -> Report {
        match self.scenario.arrivals {
            Arrivals::Poisson | Arrivals::Bursts | Arrivals::Lulls => {
                self.after(0, Event::Arrive { instance: None, key: 0 });
            }
            Arrivals::Greedy => {
                for instance in 0..self.scenario.instances {
                    let key = instance % self.scenario.keys;
                    self.after(0, Event::Arrive { instance: Some(instance), key });
                }
            }
        }
        for instance in 0..self.scenario.instances {
            let first = self.random.below(1_000_000);
            self.after(first, Event::Release(instance));
        }
        if self.scenario.is_chaotic {
            let first = self.random.wait(self.pace(30.0));
            self.after(first, Event::Freeze);
            let first = self.random.wait(self.pace(100.0));
            self.after(first, Event::Kill);
        }
        self.drain();
        self.is_healed = true;
        for instance in 0..self.instances.len() {
            self.thaw(instance);
        }
        self.drain();
        assert!(self.tasks.is_empty(), "requests without a decision");
        self.finish()
    }

    fn drain(&mut self) {
        while let Some(Reverse(Timed { at, event, .. })) = self.queue.pop() {
            self.now.store(at, Ordering::Relaxed);
            self.happen(event);
        }
    }

    fn is_over(&self) -> bool {
        self.arrived >= self.scenario.requests
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive { instance, key } => self.arrive(instance, key),
            Event::Apply { call, update, is_answered } => {
                let outcome = self.table.update_now(&update);
                if is_answered {
                    let delay = 500 + self.random.wait(1_500.0);
                    self.after(delay, Event::Deliver { call, outcome });
                }
            }
            Event::Deliver { call, outcome } => self.answer(call, Ok(outcome)),
            Event::Fail { call } => {
                let reason = "simulated".to_owned();
                self.answer(call, Err(TableError { operation: "UpdateItem", reason }));
            }
            Event::Freeze => {
                let instance = self.random.below(self.instances.len() as i64) as usize;
                self.instances[instance].frozen = true;
                let frozen = self.random.wait(2_000_000.0);
                self.after(frozen, Event::Thaw(instance));
                if !self.is_over() {
                    let next = self.random.wait(self.pace(30.0));
                    self.after(next, Event::Freeze);
                }
            }
            Event::Thaw(instance) => self.thaw(instance),
            Event::Kill => {
                let instance = self.random.below(self.instances.len() as i64) as usize;
                self.kill(instance);
                if !self.is_over() {
                    let next = self.random.wait(self.pace(100.0));
                    self.after(next, Event::Kill);
                }
            }
            Event::Release(instance) => {
                if !self.instances[instance].frozen {
                    let limiter = Arc::clone(&self.instances[instance].limiter);
                    let release = async move {
                        limiter.release_idle().await;
                        None
                    };
                    self.spawn(instance, 0, 0, Box::pin(release));
                }
                if !self.is_over() {
                    let next = self.pace(3.0 * self.instances.len() as f64) as i64;
                    self.after(next, Event::Release(instance));
                }
            }
        }
        self.poll_woken();
    }

    fn thaw(&mut self, instance: usize) {
        self.instances[instance].frozen = false;
        let woken = std::mem::take(&mut self.instances[instance].woken);
        self.woken.lock().unwrap().extend(woken);
        self.poll_woken();
    }

    fn kill(&mut self, index: usize) {
        let killed = self.tasks.iter().filter(|(_, task)| task.instance == index);
        let killed: Vec<u64> = killed.map(|(id, _)| *id).collect();
        for task in killed {
            let task = self.tasks.remove(&task).unwrap();
            if task.weight > 0 {
                self.again(index, task.key, 0);
            }
        }
        let fresh = self.new_instance();
        let dead = std::mem::replace(&mut self.instances[index], fresh);
        add(&mut self.lost_metrics, dead.limiter.metrics());
    }

    /// The next request of a greedy instance.
    fn again(&mut self, instance: usize, key: usize, delay: i64) {
        if self.scenario.arrivals == Arrivals::Greedy && !self.is_over() {
            self.after(delay, Event::Arrive { instance: Some(instance), key });
        }
    }

    fn arrive(&mut self, instance: Option<usize>, key: usize) {
        if self.is_over() {
            return;
        }
        match self.scenario.arrivals {
            Arrivals::Poisson => {
                let next = self.random.wait(1e6 / self.scenario.per_second);
                self.after(next, Event::Arrive { instance: None, key: 0 });
                self.request(None);
            }
            Arrivals::Bursts => {
                let crowd = 1 + self.random.below(3 * self.scenario.policy.burst() as i64);
                let crowd = crowd.min(2_000);
                let pause = self.random.wait(crowd as f64 * 1e6 / self.scenario.per_second);
                self.after(pause, Event::Arrive { instance: None, key: 0 });
                for _ in 0..crowd {
                    self.request(None);
                }
            }
            Arrivals::Lulls => {
                let unit = unit(&self.scenario.policy) as f64;
                let burst = i64::from(self.scenario.policy.burst());
                let hold = micros(self.scenario.policy.lease()).max(1_000);
                self.steady += 1;
                if self.steady as f64 * unit < 2.5 * hold as f64 {
                    let next = self.random.wait(unit / 0.8);
                    self.after(next, Event::Arrive { instance: None, key: 0 });
                    self.request(None);
                } else if !self.is_lull {
                    self.is_lull = true;
                    let lull = hold / 4 + self.random.below(hold * 3 / 4);
                    self.after(lull, Event::Arrive { instance: None, key: 0 });
                } else {
                    (self.steady, self.is_lull) = (0, false);
                    let refill = unit as i64 * burst + hold;
                    self.after(refill, Event::Arrive { instance: None, key: 0 });
                    for _ in 0..(2 * burst).min(2_000) {
                        self.request(None);
                    }
                }
            }
            Arrivals::Greedy => {
                let instance = instance.unwrap();
                if self.instances[instance].frozen {
                    self.after(100_000, Event::Arrive { instance: Some(instance), key });
                } else {
                    self.request(Some((instance, key)));
                }
            }
        }
    }

    fn request(&mut self, place: Option<(usize, usize)>) {
        let place = place.or_else(|| {
            let key = self.random.below(self.scenario.keys as i64) as usize;
            let first = self.random.below(self.instances.len() as i64) as usize;
            let all = self.instances.len();
            let mut from_first = (first..first + all).map(|instance| instance % all);
            from_first.find(|instance| !self.instances[*instance].frozen).map(|one| (one, key))
        });
        self.arrived += 1;
        let Some((instance, key)) = place else { return };
        let weight = 1 + self.random.below(i64::from(self.scenario.weight)) as u32;
        self.report.offered += u64::from(weight);
        self.offer_to_ideal(key, weight);
        let limiter = Arc::clone(&self.instances[instance].limiter);
        let (policy, name) = (self.scenario.policy.clone(), self.keys[key].clone());
        let request = async move {
            let limit = policy.on(&name).unwrap().weight(weight).unwrap();
            Some(limiter.check(limit).await)
        };
        self.spawn(instance, key, weight, Box::pin(request));
    }

    fn spawn(&mut self, instance: usize, key: usize, weight: u32, future: Running) {
        self.next_task += 1;
        let id = self.next_task;
        let since = self.now();
        self.poll(id, Task { since, instance, key, weight, future });
    }

    fn poll(&mut self, id: u64, mut task: Task) {
        let waker = Waker::from(Arc::new(TaskWaker { task: id, woken: Arc::clone(&self.woken) }));
        match task.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => {
                self.tasks.insert(id, task);
            }
            Poll::Ready(decision) => self.decided(&task, decision),
        }
        self.send();
    }

    fn poll_woken(&mut self) {
        loop {
            let woken = std::mem::take(&mut *self.woken.lock().unwrap());
            if woken.is_empty() {
                return;
            }
            for id in woken {
                let Some(task) = self.tasks.remove(&id) else { continue };
                if self.instances[task.instance].frozen {
                    self.instances[task.instance].woken.push(id);
                    self.tasks.insert(id, task);
                } else {
                    self.poll(id, task);
                }
            }
        }
    }

    /// Gives the calls that were made a fate.
    fn send(&mut self) {
        let outbox = std::mem::take(&mut self.wire.lock().unwrap().outbox);
        for (call, update) in outbox {
            let way = 500 + self.random.wait(1_500.0);
            let is_faulty = self.scenario.network == Network::Faulty && !self.is_healed;
            let fate = if is_faulty { self.random.below(100) } else { 99 };
            match fate {
                // The request is lost.
                0..4 => self.after(TIMEOUT, Event::Fail { call }),
                // The answer is lost.
                4..8 => {
                    self.after(way, Event::Apply { call, update, is_answered: false });
                    self.after(TIMEOUT, Event::Fail { call });
                }
                // The request arrives after the client has given up.
                8..10 => {
                    let late = TIMEOUT + self.random.below(2_000_000);
                    self.after(late, Event::Apply { call, update, is_answered: false });
                    self.after(TIMEOUT, Event::Fail { call });
                }
                // It arrives twice, and either is answered.
                10..15 => {
                    let again = way + self.random.wait(100_000.0);
                    let first = self.random.one_in(2);
                    let copy = update.clone();
                    self.after(way, Event::Apply { call, update: copy, is_answered: first });
                    self.after(again, Event::Apply { call, update, is_answered: !first });
                    self.after(TIMEOUT, Event::Fail { call });
                }
                // Throttled.
                15..18 => self.after(way, Event::Fail { call }),
                // Slow, but in time.
                18..23 => {
                    let slow = self.random.below(TIMEOUT - 50_000);
                    self.after(slow, Event::Apply { call, update, is_answered: true });
                    self.after(TIMEOUT, Event::Fail { call });
                }
                _ => self.after(way, Event::Apply { call, update, is_answered: true }),
            }
        }
    }

    fn answer(&mut self, call: u64, answer: Answer) {
        let waker = {
            let mut wire = self.wire.lock().unwrap();
            match wire.answers.get_mut(&call) {
                // The first answer counts; whoever waited may be gone.
                Some(place @ None) => *place = Some(answer),
                _ => return,
            }
            wire.wakers.remove(&call)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn decided(&mut self, task: &Task, decision: Option<Decision>) {
        let Some(decision) = decision else { return };
        self.report.delays.push(self.now() - task.since);
        let (now, policy) = (self.now(), &self.scenario.policy);
        let unit = unit(policy);
        let cost = unit * i64::from(task.weight);
        let size = unit * i64::from(policy.burst());
        let strict = &mut self.strict[task.key];
        if decision.is_allowed() {
            self.report.admitted += u64::from(task.weight);
            if decision.states()[0].reason() == Reason::StoreFailure {
                self.report.without_store += u64::from(task.weight);
                // The backstop's promise: each instance alone keeps the policy.
                let own = self.instances[task.instance].backstop.entry(task.key).or_default();
                *own = (*own).max(now) + cost;
                assert!(*own - now <= size, "the backstop admits beyond the policy");
            } else {
                strict.arrival = strict.arrival.max(now) + cost;
                self.report.excess = self.report.excess.max(strict.arrival - now - size);
                let clock = now + self.instances[task.instance].skew;
                let window = clock / micros(policy.period());
                let count = self.windows.entry((task.key, window)).or_default();
                *count += u64::from(task.weight);
                self.report.window = self.report.window.max(*count);
            }
            let pause = self.random.below(2_000);
            self.again(task.instance, task.key, pause);
        } else {
            let room = now + size - cost - strict.arrival.max(now);
            self.report.denied_with_room = self.report.denied_with_room.max(room);
            let wait = decision.retry_after().unwrap();
            assert!(wait <= policy.period() * 4 + Duration::from_secs(120), "wait {wait:?}");
            self.again(task.instance, task.key, micros(wait).max(1));
        }
    }

    fn offer_to_ideal(&mut self, key: usize, weight: u32) {
        let (now, unit) = (self.now(), unit(&self.scenario.policy));
        let strict = &mut self.strict[key];
        let after = strict.ideal.max(now) + unit * i64::from(weight);
        if after <= now + unit * i64::from(self.scenario.policy.burst()) {
            strict.ideal = after;
            self.report.ideal += u64::from(weight);
        }
    }

    fn finish(mut self) -> Report {
        // What no failure may break for good: with the network healed and the bucket refilled,
        // every instance admits.
        let refill = unit(&self.scenario.policy) * i64::from(self.scenario.policy.burst());
        let far = self.now() + 2 * refill + 2 * micros(self.scenario.policy.period()) + 70_000_000;
        self.now.store(far, Ordering::Relaxed);
        let before = self.report.admitted;
        self.scenario.arrivals = Arrivals::Poisson;
        for instance in 0..self.instances.len().min(self.scenario.policy.burst() as usize) {
            self.scenario.weight = 1;
            self.request(Some((instance, 0)));
            self.drain();
            let far = self.now() + unit(&self.scenario.policy) + 2 * self.scenario.skew;
            self.now.store(far, Ordering::Relaxed);
            let decided = self.report.admitted - before;
            assert_eq!(decided, instance as u64 + 1, "an instance denies for ever");
        }
        self.report.metrics = self.lost_metrics;
        for instance in &self.instances {
            add(&mut self.report.metrics, instance.limiter.metrics());
        }
        self.report
    }
}

/// What one unit of a rate costs in time.
pub(crate) fn unit(policy: &Policy) -> i64 {
    let limit = i64::from(policy.limit());
    (micros(policy.period()) + limit - 1) / limit
}

pub(crate) fn micros(duration: Duration) -> i64 {
    duration.as_micros() as i64
}

fn add(sum: &mut Metrics, more: Metrics) {
    sum.admitted += more.admitted;
    sum.denied += more.denied;
    sum.denied_from_memory += more.denied_from_memory;
    sum.without_store += more.without_store;
    sum.calls += more.calls;
    sum.store_errors += more.store_errors;
    sum.taken_units += more.taken_units;
    sum.returned_units += more.returned_units;
    sum.wasted_units += more.wasted_units;
}
