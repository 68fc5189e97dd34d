//! A deterministic simulator: the outbox as it is, several workers of it, on one table and one
//! receiver behind a network that loses, delays and repeats, in virtual time. Workers are killed in the
//! middle of anything.
//!
//! Nothing here waits and nothing depends on the machine: the same seed gives the same run.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use minigate_outbox::{
    Change, Clock, Effect, Key, Limits, MemoryTable, Outbox, Page, Performed, Policy, Receiver,
    Record, Repeat, Report, Table, TableError,
};

const START: u64 = 1_760_000_000_000;
/// By when everything must have ended: 30 days.
const END: u64 = START + 30 * 86_400_000;
/// How long a client waits for an answer.
const TIMEOUT: u64 = 4_000;
pub(crate) const LANE: &str = "lane";

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) effects: usize,
    pub(crate) workers: usize,
    pub(crate) policy: Policy,
    /// One call in so many is not what it should be; 0: none.
    pub(crate) faults: u64,
    /// One event in so many kills a worker; 0: none.
    pub(crate) kills: u64,
    /// How far each clock may be from the true time, in milliseconds.
    pub(crate) skew: u64,
    /// How long the receiver knows a key, and so is asked again with it.
    pub(crate) window: Duration,
    /// Until when there are faults and kills.
    pub(crate) chaos: Duration,
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn one_in(&mut self, bound: u64) -> bool {
        bound > 0 && self.below(bound) == 0
    }
}

/// What happens when a call arrives.
type Apply = Box<dyn FnMut() + Send>;

enum Event {
    /// A cause is committed, and with it an effect.
    Commit(usize),
    /// A worker starts to drain, because of a nudge or of the schedule.
    Wake(usize),
    /// The schedule of each minute.
    Sweep,
    Arrive {
        call: u64,
        is_answered: bool,
    },
    Answer(u64),
    GiveUp(u64),
}

struct Timed(u64, u64, Event);

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
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
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

/// Calls under way.
#[derive(Default)]
struct Wire {
    count: u64,
    /// Calls that have not been sent yet.
    fresh: Vec<u64>,
    calls: BTreeMap<u64, Call>,
}

struct Call {
    apply: Apply,
    /// Whether the network may deliver it twice, as the retries of a client do.
    is_repeatable: bool,
    outcome: Option<bool>,
    waker: Option<Waker>,
}

/// The world as a worker reaches it.
#[derive(Clone)]
struct Link {
    wire: Arc<Mutex<Wire>>,
    table: Arc<MemoryTable>,
    receiver: Arc<Mutex<Outside>>,
    now: Arc<AtomicU64>,
}

/// The receiver's side: what happened there, by id.
#[derive(Default)]
pub(crate) struct Outside {
    pub(crate) happened: BTreeMap<String, u32>,
    seen: BTreeMap<String, u64>,
    /// Which answers it gives besides "done", in turn.
    mood: u64,
}

impl Outside {
    /// An attempt arrives. A receiver that knows keys lets each happen once within the window.
    fn arrive(&mut self, effect: &Effect, now: u64) -> Performed {
        self.mood += 1;
        if let Repeat::ByKey(window) = effect.repeat
            && let Some(first) = self.seen.get(&effect.id)
            && now <= first + window.as_millis() as u64
        {
            return Performed::Done;
        }
        match self.mood % 11 {
            3 => return Performed::Retry { after: Duration::from_secs(2), reason: "500" },
            7 => return Performed::Busy { after: Duration::from_secs(1) },
            _ => {}
        }
        self.seen.insert(effect.id.clone(), now);
        *self.happened.entry(effect.id.clone()).or_default() += 1;
        Performed::Done
    }
}

impl Link {
    /// Sends a call over the network. `None`: there was no answer.
    async fn call<A: Send + 'static>(
        &self,
        is_repeatable: bool,
        mut apply: impl FnMut(&Self) -> A + Send + 'static,
    ) -> Option<A> {
        let slot = Arc::new(Mutex::new(None));
        let (filled, link) = (Arc::clone(&slot), self.clone());
        let apply: Apply = Box::new(move || {
            // A repeated request changes nothing of the answer to the first.
            let answer = apply(&link);
            filled.lock().unwrap().get_or_insert(answer);
        });
        let id = {
            let mut wire = self.wire.lock().unwrap();
            wire.count += 1;
            let id = wire.count;
            wire.fresh.push(id);
            wire.calls.insert(id, Call { apply, is_repeatable, outcome: None, waker: None });
            id
        };
        let is_answered = std::future::poll_fn(|context| {
            let mut wire = self.wire.lock().unwrap();
            let call = wire.calls.get_mut(&id).unwrap();
            call.waker = Some(context.waker().clone());
            call.outcome.map_or(Poll::Pending, Poll::Ready)
        })
        .await;
        let answer = slot.lock().unwrap().take();
        answer.filter(|_| is_answered)
    }
}

fn unanswered<A>(answer: Option<A>) -> Result<A, TableError> {
    answer.ok_or_else(|| TableError { operation: "call", reason: "simulated".to_owned() })
}

impl Table for Link {
    async fn due(
        &self,
        partition: &str,
        until: &str,
        after: Option<&str>,
        limit: u16,
    ) -> Result<Page, TableError> {
        let (partition, until) = (partition.to_owned(), until.to_owned());
        let after = after.map(str::to_owned);
        let due =
            move |link: &Self| link.table.due_now(&partition, &until, after.as_deref(), limit);
        unanswered(self.call(true, due).await)
    }

    async fn replace(&self, key: &Key, seen: &str, record: &Record) -> Result<Change, TableError> {
        let (key, seen, record) = (key.clone(), seen.to_owned(), record.clone());
        unanswered(self.call(true, move |link| link.table.replace_now(&key, &seen, &record)).await)
    }

    async fn remove(&self, key: &Key, seen: &str) -> Result<Change, TableError> {
        let (key, seen) = (key.clone(), seen.to_owned());
        unanswered(self.call(true, move |link| link.table.remove_now(&key, &seen)).await)
    }

    async fn shift(
        &self,
        from: &Key,
        seen: &str,
        to: &Key,
        record: &Record,
    ) -> Result<Change, TableError> {
        let (from, seen, to) = (from.clone(), seen.to_owned(), to.clone());
        let record = record.clone();
        unanswered(
            self.call(true, move |link| link.table.shift_now(&from, &seen, &to, &record)).await,
        )
    }
}

impl Receiver for Link {
    async fn perform(&self, effect: &Effect) -> Performed {
        let effect = effect.clone();
        // What knows no key must be sent by a client that does not retry.
        let is_repeatable = effect.repeat != Repeat::Never;
        let arrives = move |link: &Self| {
            let now = link.now.load(Ordering::Relaxed);
            link.receiver.lock().unwrap().arrive(&effect, now)
        };
        self.call(is_repeatable, arrives)
            .await
            .unwrap_or(Performed::Unanswered { reason: "timeout" })
    }
}

struct SkewedClock {
    now: Arc<AtomicU64>,
    skew: i64,
}

impl Clock for SkewedClock {
    fn unix_millis(&self) -> u64 {
        self.now.load(Ordering::Relaxed).saturating_add_signed(self.skew)
    }
}

struct Woken(AtomicU64);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(1, Ordering::Relaxed);
    }
}

type Draining = Pin<Box<dyn Future<Output = Report> + Send>>;

struct Worker {
    outbox: Arc<Outbox<Link, SkewedClock>>,
    draining: Option<Draining>,
    woken: Arc<Woken>,
}

/// What came of it.
pub(crate) struct Outcome {
    /// How often each effect happened.
    pub(crate) happened: BTreeMap<String, u32>,
    /// What is left in the table.
    pub(crate) left: Vec<(Key, Record)>,
    /// The ids of what was committed.
    pub(crate) committed: Vec<(String, Repeat)>,
    pub(crate) kills: usize,
    pub(crate) report: Report,
    /// The number of events: the same seed has the same.
    pub(crate) events: u64,
}

pub(crate) struct Simulator {
    scenario: Scenario,
    random: Random,
    link: Link,
    queue: BinaryHeap<Reverse<Timed>>,
    order: u64,
    workers: Vec<Worker>,
    committed: Vec<(String, Repeat)>,
    kills: usize,
    report: Report,
}

impl Simulator {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let link = Link {
            wire: Arc::default(),
            table: Arc::default(),
            receiver: Arc::default(),
            now: Arc::new(AtomicU64::new(START)),
        };
        let mut simulator = Self {
            random: Random(scenario.seed),
            link,
            queue: BinaryHeap::new(),
            order: 0,
            workers: Vec::new(),
            committed: Vec::new(),
            kills: 0,
            report: Report::default(),
            scenario,
        };
        for _ in 0..simulator.scenario.workers {
            let worker = simulator.new_worker();
            simulator.workers.push(worker);
        }
        simulator
    }

    fn new_worker(&mut self) -> Worker {
        let skew = self.random.below(2 * self.scenario.skew + 1) as i64 - self.scenario.skew as i64;
        let clock = SkewedClock { now: Arc::clone(&self.link.now), skew };
        let seed = self.random.next();
        let outbox = Outbox::new(self.link.clone(), clock, self.scenario.policy, seed);
        Worker {
            outbox: Arc::new(outbox),
            draining: None,
            woken: Arc::new(Woken(AtomicU64::new(0))),
        }
    }

    fn now(&self) -> u64 {
        self.link.now.load(Ordering::Relaxed)
    }

    fn after(&mut self, delay: u64, event: Event) {
        self.order += 1;
        self.queue.push(Reverse(Timed(self.now() + delay, self.order, event)));
    }

    fn is_chaotic(&self) -> bool {
        self.now() < START + self.scenario.chaos.as_millis() as u64
    }

    pub(crate) fn run(mut self) -> Outcome {
        for effect in 0..self.scenario.effects {
            let at = self.random.below(self.scenario.chaos.as_millis() as u64);
            self.after(at, Event::Commit(effect));
        }
        self.after(0, Event::Sweep);
        while let Some(Reverse(Timed(at, _, event))) = self.queue.pop() {
            assert!(at < END, "something stays pending for ever; {:?}", self.scenario);
            self.link.now.store(at, Ordering::Relaxed);
            self.happen(event);
            self.proceed();
            if self.is_chaotic() && self.random.one_in(self.scenario.kills) {
                let victim = self.random.below(self.workers.len() as u64) as usize;
                self.workers[victim] = self.new_worker();
                self.kills += 1;
            }
        }
        let happened = self.link.receiver.lock().unwrap().happened.clone();
        Outcome {
            happened,
            left: self.link.table.all(),
            committed: self.committed,
            kills: self.kills,
            report: self.report,
            events: self.order,
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Commit(number) => self.commit(number),
            Event::Wake(worker) => self.wake(worker),
            Event::Sweep => {
                let worker = self.random.below(self.workers.len() as u64) as usize;
                self.after(0, Event::Wake(worker));
                // Long enough for every wait and lease to end.
                let is_pending = self.link.table.all().iter().any(|(key, _)| !has_ended(key));
                if self.is_chaotic() || is_pending {
                    self.after(60_000, Event::Sweep);
                }
            }
            Event::Arrive { call, is_answered } => {
                let mut wire = self.link.wire.lock().unwrap();
                let Some(found) = wire.calls.get_mut(&call) else { return };
                let mut apply = std::mem::replace(&mut found.apply, Box::new(|| ()));
                drop(wire);
                apply();
                if let Some(found) = self.link.wire.lock().unwrap().calls.get_mut(&call) {
                    found.apply = apply;
                }
                if is_answered {
                    let delay = 1 + self.random.below(20);
                    self.after(delay, Event::Answer(call));
                }
            }
            Event::Answer(call) => self.decide(call, true),
            Event::GiveUp(call) => self.decide(call, false),
        }
    }

    /// A cause is committed: its effect is there, and a nudge is sent, which may be lost or doubled.
    fn commit(&mut self, number: usize) {
        let repeat =
            if self.random.one_in(2) { Repeat::ByKey(self.scenario.window) } else { Repeat::Never };
        let id = format!("effect-{number}");
        let effect = Effect::new(LANE, &id, "", repeat).unwrap();
        let committer = self.random.below(self.workers.len() as u64) as usize;
        let pending = self.workers[committer].outbox.pending(&effect, Duration::ZERO);
        self.link.table.put(pending);
        self.committed.push((id, repeat));
        for _ in 0..self.random.below(3) {
            let (worker, delay) =
                (self.random.below(self.workers.len() as u64), self.random.below(2_000));
            self.after(delay, Event::Wake(worker as usize));
        }
    }

    fn wake(&mut self, worker: usize) {
        let link = self.link.clone();
        let worker = &mut self.workers[worker];
        if worker.draining.is_some() {
            return;
        }
        let outbox = Arc::clone(&worker.outbox);
        worker.draining = Some(Box::pin(async move {
            let limits = Limits { at_once: 3, ..Limits::default() };
            outbox.drain(LANE, &link, &limits).await
        }));
        worker.woken.0.store(1, Ordering::Relaxed);
    }

    /// Lets whoever can go on do so, and sends what they ask for.
    fn proceed(&mut self) {
        for index in 0..self.workers.len() {
            let worker = &mut self.workers[index];
            if worker.woken.0.swap(0, Ordering::Relaxed) == 0 {
                continue;
            }
            let Some(draining) = &mut worker.draining else { continue };
            let waker = Waker::from(Arc::clone(&worker.woken));
            if let Poll::Ready(report) = draining.as_mut().poll(&mut Context::from_waker(&waker)) {
                worker.draining = None;
                self.report.attempts += report.attempts;
                self.report.unknown += report.unknown;
                self.report.parked += report.parked;
                self.report.contended += report.contended;
                self.report.table_errors += report.table_errors;
            }
        }
        let fresh = std::mem::take(&mut self.link.wire.lock().unwrap().fresh);
        for call in fresh {
            self.send(call);
        }
    }

    fn send(&mut self, call: u64) {
        let soon = 1 + self.random.below(20);
        let faults = if self.is_chaotic() { self.scenario.faults } else { 0 };
        self.after(TIMEOUT, Event::GiveUp(call));
        if !self.random.one_in(faults) {
            return self.after(soon, Event::Arrive { call, is_answered: true });
        }
        let is_repeatable = self.link.wire.lock().unwrap().calls[&call].is_repeatable;
        match self.random.below(5) {
            // The request is lost.
            0 => {}
            // The answer is lost.
            1 => self.after(soon, Event::Arrive { call, is_answered: false }),
            // The request comes after the client has given up, perhaps long after.
            2 => {
                let late = TIMEOUT + self.random.below(200_000);
                self.after(late, Event::Arrive { call, is_answered: false });
            }
            // The request comes twice, the second time late.
            3 if is_repeatable => {
                self.after(soon, Event::Arrive { call, is_answered: true });
                let late = self.random.below(100_000);
                self.after(late, Event::Arrive { call, is_answered: false });
            }
            // Slow, shortly before the client gives up.
            _ => self.after(TIMEOUT - 30, Event::Arrive { call, is_answered: true }),
        }
    }

    fn decide(&mut self, call: u64, is_answered: bool) {
        let mut wire = self.link.wire.lock().unwrap();
        if let Some(call) = wire.calls.get_mut(&call)
            && call.outcome.is_none()
        {
            call.outcome = Some(is_answered);
            if let Some(waker) = call.waker.take() {
                waker.wake();
            }
        }
    }
}

pub(crate) fn has_ended(key: &Key) -> bool {
    key.partition.ends_with("#unknown") || key.partition.ends_with("#parked")
}
