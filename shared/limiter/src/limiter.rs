//! The limiter: decides from memory where it can, and asks the table where it must.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

use crate::{
    Clock, Decision, Metrics, Mode, OnStoreFailure, Policy, Reason, State,
    decision::Claim,
    memory::{Batch, ItemKey, Memory, Remembered, Return, Verdict},
    meter::{Plan, Seen},
    policy::Limit,
    table::{Table, TableError},
    update::{Cell, CellUpdate, Change, Outcome, Update},
};

/// The most calls for one item of one request. A call fails only when somebody else changed the
/// item since it was last seen, so that many failures mean a storm of them.
const MAX_CALLS: usize = 16;
/// How long the answer to a call may take before what it brought is no longer spent, unless told
/// otherwise: the process was frozen meanwhile.
const DEFAULT_MAX_DELAY: Duration = Duration::from_millis(500);
const DEFAULT_MAX_KEYS: usize = 10_000;
/// The memory never holds fewer keys: all of one request's must fit.
const MIN_KEYS: usize = 64;
/// A request with more limits than this goes the longer way, which looks at one at a time.
const MAX_FAST_LIMITS: usize = 8;
/// After so many calls in a row without an answer, calls pause, at first for so long.
const FAILURES_BEFORE_PAUSE: u32 = 3;
const FIRST_PAUSE_MICROS: i64 = 100_000;
const MAX_PAUSE_DOUBLINGS: u32 = 5;
/// What a policy that is closed on store failure tells a client to wait.
const CLOSED_RETRY_MICROS: i64 = 1_000_000;
/// Calls made side by side when many leases are given back.
const RETURNS_AT_ONCE: usize = 16;
/// How often [`Limiter::release_idle`] looks at all keys.
const RELEASE_PAUSE_MICROS: i64 = 100_000;
const MICROS_PER_DAY: i64 = 86_400_000_000;

/// A rate limiter that shares its limits with every other one on the same table.
///
/// Make one per process. It starts no tasks and keeps no timers: it works while it is asked. Making
/// it calls nothing.
///
/// Dropping the future of a call to it is safe at any point; units that were on their way are lost,
/// never spent twice.
pub struct Limiter<T> {
    table: T,
    clock: Box<dyn Clock>,
    max_delay: i64,
    state: Mutex<Inner>,
}

struct Inner {
    memory: Memory,
    metrics: Metrics,
    random: u64,
    serial: u64,
    failures: u32,
    paused_until: i64,
    released_at: i64,
}

impl<T> fmt::Debug for Limiter<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Limiter").finish_non_exhaustive()
    }
}

/// What becomes of one limit of a request.
struct Part<'a> {
    limit: Limit<'a>,
    weight: i64,
    status: Status,
}

enum Status {
    Open,
    Claimed(Batch),
    /// The store did not answer, and the policy lets the request pass.
    Passed,
    Denied {
        retry_at: i64,
        reason: Reason,
    },
}

impl Part<'_> {
    fn is_open(&self) -> bool {
        matches!(self.status, Status::Open)
    }

    /// Denied by a policy that is enforced.
    fn is_refused(&self) -> bool {
        matches!(self.status, Status::Denied { .. }) && self.limit.policy.mode() == Mode::Enforce
    }

    fn is_of(&self, item: &ItemKey) -> bool {
        self.limit.policy.0.retention == item.retention && self.limit.key == &*item.key
    }
}

/// What to do next for an item.
enum Step {
    /// Every limit is settled.
    Settled,
    /// One refuses the request.
    Refused,
    /// Ask the table. The indices say which part each cell of the update is for; the units what
    /// each takes, and whether to hold. No units: the cell is healed.
    Call { update: Update, taken: Vec<Taken>, asked_at: i64 },
}

#[derive(Clone, Copy)]
struct Taken {
    part: usize,
    units: i64,
    is_lease: bool,
}

/// Settings of a [`Limiter`].
pub struct LimiterBuilder<T> {
    table: T,
    clock: Box<dyn Clock>,
    seed: u64,
    max_keys: usize,
    max_delay: Duration,
}

impl<T> fmt::Debug for LimiterBuilder<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LimiterBuilder").finish_non_exhaustive()
    }
}

impl<T: Table> LimiterBuilder<T> {
    /// Where the random waits of a saturated key begin. It should differ between instances; it
    /// need not be secret. 0 unless told otherwise.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many keys are remembered, 64 or more: the bound on memory, at some 300 bytes each and
    /// the key. 10,000 unless told otherwise.
    #[must_use]
    pub fn max_keys(mut self, max_keys: usize) -> Self {
        self.max_keys = max_keys.max(MIN_KEYS);
        self
    }

    /// How long after asking, by the wall clock, units that are not leased may still be spent.
    /// Half a second unless told otherwise; it should exceed the table's timeout.
    ///
    /// A process that was frozen between a call and its answer asks again, because the units
    /// belong to a time that is over.
    #[must_use]
    pub fn max_delay(mut self, max_delay: Duration) -> Self {
        self.max_delay = max_delay;
        self
    }

    /// The limiter. Makes no call.
    #[must_use]
    pub fn build(self) -> Limiter<T> {
        Limiter {
            table: self.table,
            clock: self.clock,
            max_delay: i64::try_from(self.max_delay.as_micros()).unwrap_or(i64::MAX / 4),
            state: Mutex::new(Inner {
                memory: Memory::new(self.max_keys),
                metrics: Metrics::default(),
                random: self.seed,
                serial: 0,
                failures: 0,
                paused_until: 0,
                released_at: 0,
            }),
        }
    }
}

impl<T: Table> Limiter<T> {
    /// A limiter on `table` that goes by `clock`, such as `SystemTime::now`.
    pub fn builder(table: T, clock: impl Clock + 'static) -> LimiterBuilder<T> {
        LimiterBuilder {
            table,
            clock: Box::new(clock),
            seed: 0,
            max_keys: DEFAULT_MAX_KEYS,
            max_delay: DEFAULT_MAX_DELAY,
        }
    }

    /// Decides on a request that must pass one policy.
    pub async fn check(&self, limit: Limit<'_>) -> Decision {
        self.check_all(&[limit]).await
    }

    /// Decides on a request that must pass several policies: all or nothing. A request that one of
    /// them refuses takes nothing from any.
    ///
    /// Policies on the same key are asked in one call, others one after the other in this order. A
    /// policy that is named twice with the same key counts once, with the greater weight.
    pub async fn check_all(&self, limits: &[Limit<'_>]) -> Decision {
        let mut parts = Vec::with_capacity(limits.len());
        for limit in limits {
            add_part(&mut parts, *limit);
        }
        let now = self.clock.unix_micros();
        let (parts, decision) = self.with(|inner| {
            if inner.decide_from_memory(&mut parts, now) {
                (Vec::new(), Some(inner.decision(now, parts)))
            } else {
                (parts, None)
            }
        });
        if let Some(decision) = decision {
            return decision;
        }
        let mut parts = parts;
        self.decide_with_table(&mut parts).await;
        if parts.iter().any(Part::is_refused) {
            self.take_back(&mut parts).await;
        }
        let now = self.clock.unix_micros();
        self.with(|inner| inner.decision(now, parts))
    }

    /// What a policy would say, without taking anything: reads the table, one call. Units that
    /// instances hold in memory count as taken.
    ///
    /// # Errors
    /// [`TableError`] if the table does not answer.
    pub async fn peek(&self, limit: Limit<'_>) -> Result<State, TableError> {
        let key = ItemKey::of(&limit).in_table();
        let read = self.table.read(&key, &[&limit.policy.0.attribute]).await;
        let now = self.clock.unix_micros();
        self.with(|inner| inner.count_call(now, read.is_ok()));
        let cell = read?.cells.first().copied().unwrap_or_default();
        Ok(state_of(now, limit.policy, cell, 0, i64::from(limit.weight)))
    }

    /// Gives back what a request took, for one that turned out to cost nothing. Units from a lease
    /// go back to it; others to the table, one call per key.
    ///
    /// If nobody else has used the key meanwhile, all of it comes back; otherwise, of a rate, what
    /// has not come back by itself since it was taken.
    pub async fn refund(&self, decision: Decision) {
        let claims = decision.claims.into_iter().map(|claim| claim.0).collect();
        self.put_back(claims).await;
    }

    /// Makes all units of every policy that shares this limit's key available again, by removing
    /// the item. Units that other instances hold stay theirs, and what they remember of a full
    /// bucket holds until its time.
    ///
    /// # Errors
    /// [`TableError`] if the table does not answer.
    pub async fn reset(&self, limit: Limit<'_>) -> Result<(), TableError> {
        let item = ItemKey::of(&limit);
        let removed = self.table.remove(&item.in_table()).await;
        let now = self.clock.unix_micros();
        self.with(|inner| {
            inner.count_call(now, removed.is_ok());
            inner.memory.forget(&item);
        });
        removed
    }

    /// Gives back the leases that have not been used for a quarter of their time, and those of
    /// forgotten keys. Worth calling after a response is out, or every second or so; it looks at
    /// all keys once in 100 ms at most, and otherwise does nothing.
    pub async fn release_idle(&self) {
        let now = self.clock.unix_micros();
        let is_due = self.with(|inner| {
            let is_due = (now - inner.released_at).abs() >= RELEASE_PAUSE_MICROS;
            if is_due {
                inner.released_at = now;
            }
            is_due
        });
        if !is_due {
            return;
        }
        // Units that are no lease were taken for requests that are waiting for them.
        self.release(
            |policy, batch| {
                if batch.is_lease { policy.0.meter.hold / 4 } else { i64::MAX }
            },
        )
        .await;
    }

    /// Gives back every lease. To be called before the process ends; the limiter can be used
    /// afterwards.
    pub async fn shutdown(&self) {
        self.release(|_, _| 0).await;
    }

    /// The counts so far.
    pub fn metrics(&self) -> Metrics {
        self.with(|inner| inner.metrics)
    }

    /// How many keys are remembered at present.
    pub fn keys(&self) -> usize {
        self.with(|inner| inner.memory.len())
    }

    /// Works on the state, which nobody may hold while waiting.
    fn with<R>(&self, work: impl FnOnce(&mut Inner) -> R) -> R {
        // Nothing in here panics half way through a change.
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn decide_with_table(&self, parts: &mut [Part<'_>]) {
        while let Some(open) = parts.iter().position(Part::is_open) {
            let limit = parts[open].limit;
            let item = ItemKey::of(&limit);
            let now = self.clock.unix_micros();
            let turn = self.with(|inner| {
                let (slot, _) = inner.memory.find(&limit, now);
                inner.memory.turn(slot)
            });
            let place = turn.join(i64::from(limit.weight));
            let _turn = turn.lock.lock().await;
            drop(place);
            self.settle_item(parts, &item, || turn.waiting()).await;
            if parts.iter().any(Part::is_refused) {
                return;
            }
        }
    }

    /// Settles every limit of a request on one item.
    async fn settle_item(&self, parts: &mut [Part<'_>], item: &ItemKey, waiting: impl Fn() -> i64) {
        for _ in 0..MAX_CALLS {
            let now = self.clock.unix_micros();
            let step = self.with(|inner| inner.step(parts, item, now, waiting()));
            let Step::Call { update, taken, asked_at } = step else { return };
            let outcome = self.table.update(&update).await;
            let now = self.clock.unix_micros();
            let is_answered = self.with(|inner| {
                inner.count_call(now, outcome.is_ok());
                let Ok(outcome) = outcome else { return false };
                let answer = Answer { outcome, taken, asked_at, now };
                inner.absorb(parts, &update, answer, self.max_delay);
                true
            });
            if !is_answered {
                break;
            }
        }
        // No answer, or too many races.
        let now = self.clock.unix_micros();
        self.with(|inner| inner.decide_without_table(parts, item, now));
    }

    /// Takes nothing for a request that is refused.
    async fn take_back(&self, parts: &mut [Part<'_>]) {
        let mut claims = Vec::new();
        for part in parts {
            if let Status::Claimed(batch) = part.status {
                part.status = Status::Open;
                let item = ItemKey::of(&part.limit);
                claims.push(Return { item, policy: part.limit.policy.clone(), batch });
            }
        }
        self.put_back(claims).await;
    }

    async fn put_back(&self, claims: Vec<Return>) {
        let now = self.clock.unix_micros();
        let claims = self
            .with(|inner| claims.into_iter().filter(|one| !inner.hold_again(one, now)).collect());
        self.give_back(claims).await;
    }

    async fn release(&self, idle_for: impl Fn(&Policy, &Batch) -> i64) {
        let now = self.clock.unix_micros();
        let returns = self.with(|inner| inner.memory.take_idle(now, idle_for, &mut inner.metrics));
        self.give_back(returns).await;
    }

    /// Gives units back to the table, one call per item, or two if others use it as well.
    async fn give_back(&self, mut returns: Vec<Return>) {
        let mut items: Vec<Vec<Return>> = Vec::new();
        while let Some(next) = returns.pop() {
            let same = items.iter_mut().find(|item| item[0].item == next.item);
            match same {
                Some(item) => item.push(next),
                None => items.push(vec![next]),
            }
        }
        for chunk in items.chunks(RETURNS_AT_ONCE) {
            join_all(chunk.iter().map(|item| self.give_back_item(item))).await;
        }
    }

    async fn give_back_item(&self, returns: &[Return]) {
        for is_untouched in [true, false] {
            let now = self.clock.unix_micros();
            let Some(update) = refund_update(returns, now, is_untouched) else { continue };
            if self.with(|inner| now < inner.paused_until) {
                break;
            }
            let outcome = self.table.update(&update).await;
            let now = self.clock.unix_micros();
            self.with(|inner| {
                inner.count_call(now, outcome.is_ok());
                if let Ok(Outcome::Updated(image)) = &outcome {
                    inner.returned(returns, &update, &image.cells, now);
                }
            });
            match outcome {
                Ok(Outcome::Updated(_)) => return,
                Ok(Outcome::Refused(_)) => {}
                // It may have happened: repeating it could give back twice.
                Err(_) => break,
            }
        }
        let units: i64 = returns.iter().map(|one| one.batch.units).sum();
        self.with(|inner| inner.metrics.wasted_units += units.unsigned_abs());
    }
}

/// An answer of the table and what was asked.
struct Answer {
    outcome: Outcome,
    taken: Vec<Taken>,
    asked_at: i64,
    now: i64,
}

impl Inner {
    /// Settles the whole request if no call is needed for it, or if none would help.
    fn decide_from_memory(&mut self, parts: &mut [Part<'_>], now: i64) -> bool {
        let mut needs_table = parts.len() > MAX_FAST_LIMITS;
        let mut is_refused = false;
        for part in parts.iter_mut() {
            let random = self.random();
            let at = self.memory.find(&part.limit, now);
            let cell = self.memory.cell(at);
            cell.arrive(now, part.weight);
            match cell.judge(now, part.weight, random, &mut self.metrics) {
                Verdict::Have => {}
                Verdict::Ask => needs_table = true,
                Verdict::Denied(retry_at) => {
                    part.status = Status::Denied { retry_at, reason: Reason::NoRoom };
                    is_refused |= part.is_refused();
                }
            }
        }
        if is_refused {
            self.metrics.denied_from_memory += 1;
            return true;
        }
        if needs_table {
            return false;
        }
        for part in parts.iter_mut().filter(|part| part.is_open()) {
            let at = self.memory.find(&part.limit, now);
            part.status = Status::Claimed(self.memory.cell(at).claim(part.weight));
        }
        true
    }

    /// Settles what memory can settle of one item, and says what to ask for the rest.
    fn step(&mut self, parts: &mut [Part<'_>], item: &ItemKey, now: i64, waiting: i64) -> Step {
        let mut cells = Vec::new();
        let mut taken = Vec::new();
        let is_paused = now < self.paused_until;
        for (index, part) in parts.iter_mut().enumerate() {
            if !part.is_open() || !part.is_of(item) {
                continue;
            }
            let random = self.random();
            let at = self.memory.find(&part.limit, now);
            let cell = self.memory.cell(at);
            let retry_at = match cell.judge(now, part.weight, random, &mut self.metrics) {
                Verdict::Have => {
                    part.status = Status::Claimed(cell.claim(part.weight));
                    continue;
                }
                Verdict::Ask if is_paused => {
                    part.status = without_store(part, cell, now, &mut self.metrics);
                    if part.is_refused() {
                        return Step::Refused;
                    }
                    continue;
                }
                Verdict::Ask => {
                    let rules = &part.limit.policy.0;
                    let want = cell.want(now, part.weight, waiting);
                    let (shape, units, is_lease) = match rules.meter.plan(now, cell.seen, want) {
                        Plan::Take { units, is_lease, shape } => (shape, units, is_lease),
                        Plan::Heal(shape) => (shape, 0, false),
                        // `judge` has seen that there is room, so this does not happen.
                        Plan::NoRoom => {
                            let reason = Reason::NoRoom;
                            part.status = Status::Denied { retry_at: now, reason };
                            continue;
                        }
                    };
                    cells.push(CellUpdate {
                        attribute: rules.attribute.clone(),
                        condition: shape.condition,
                        change: shape.change,
                        flag: shape.flag,
                    });
                    taken.push(Taken { part: index, units, is_lease });
                    continue;
                }
                Verdict::Denied(retry_at) => retry_at,
            };
            part.status = Status::Denied { retry_at, reason: Reason::NoRoom };
            if part.is_refused() {
                return Step::Refused;
            }
        }
        if taken.is_empty() {
            return Step::Settled;
        }
        // A damaged number is healed alone: taking from the others may have to wait.
        if let Some(damaged) = taken.iter().position(|taken| taken.units == 0) {
            cells = vec![cells.swap_remove(damaged)];
            taken = vec![taken.swap_remove(damaged)];
        }
        let update = Update {
            key: item.in_table(),
            cells,
            expires_at: expiry(item, now),
            refund_stamp: None,
        };
        Step::Call { update, taken, asked_at: now }
    }

    /// Takes note of an answer. What it brought is in memory afterwards.
    fn absorb(&mut self, parts: &mut [Part<'_>], update: &Update, answer: Answer, max_delay: i64) {
        let Answer { outcome, taken, asked_at, now } = answer;
        let (image, is_updated) = match outcome {
            Outcome::Updated(image) => (image, true),
            Outcome::Refused(image) => (image, false),
        };
        for ((taken, update), found) in taken.iter().zip(&update.cells).zip(image.cells) {
            let part = &parts[taken.part];
            let at = self.memory.find(&part.limit, now);
            let random = self.random();
            let cell = self.memory.cell(at);
            if !is_updated {
                cell.see(asked_at, found, found.value);
                continue;
            }
            let before = match (update.change, found.value) {
                (Change::Add(added), Some(value)) => Some(value - added),
                // What it replaced is not known; that it lay below the floor is no news.
                _ => cell.seen.and_then(|Seen { cell, .. }| cell.value),
            };
            cell.see(asked_at, found, before);
            if taken.units == 0 {
                continue;
            }
            cell.took(now, taken.units, random);
            let meter = cell.policy.0.meter;
            let duration = if taken.is_lease { meter.hold } else { max_delay };
            self.serial += 1;
            cell.batches.push(Batch {
                units: taken.units,
                taken_at: asked_at,
                until: meter.hold_until(asked_at, duration),
                after: found.value.unwrap_or_default(),
                is_lease: taken.is_lease,
                serial: self.serial,
            });
            self.metrics.taken_units += taken.units.unsigned_abs();
            // Another request must not spend it first.
            if let Verdict::Have = cell.judge(now, part.weight, random, &mut self.metrics) {
                parts[taken.part].status = Status::Claimed(cell.claim(parts[taken.part].weight));
            }
        }
    }

    fn decide_without_table(&mut self, parts: &mut [Part<'_>], item: &ItemKey, now: i64) {
        for part in parts.iter_mut().filter(|part| part.is_open() && part.is_of(item)) {
            let at = self.memory.find(&part.limit, now);
            part.status = without_store(part, self.memory.cell(at), now, &mut self.metrics);
        }
    }

    /// Puts units of a lease back into it, if it is still there to be used.
    fn hold_again(&mut self, claim: &Return, now: i64) -> bool {
        let Batch { units, is_lease, serial, until, .. } = claim.batch;
        if units == 0 || !is_lease || now > until {
            return units == 0;
        }
        let Ok(limit) = claim.policy.on(&claim.item.key) else { return false };
        let at = self.memory.find(&limit, now);
        let cell = self.memory.cell(at);
        match cell.batches.iter_mut().find(|batch| batch.serial == serial) {
            Some(batch) => batch.units += units,
            None => cell.batches.insert(0, claim.batch),
        }
        true
    }

    fn returned(&mut self, returns: &[Return], update: &Update, cells: &[Cell], now: i64) {
        for (cell_update, found) in update.cells.iter().zip(cells) {
            let of_cell = |one: &&Return| one.policy.0.attribute == cell_update.attribute;
            let Some(one) = returns.iter().find(of_cell) else { continue };
            if let Ok(limit) = one.policy.on(&one.item.key) {
                let at = self.memory.find(&limit, now);
                let cell = self.memory.cell(at);
                cell.see(now, *found, cell.seen.and_then(|seen| seen.cell.value));
            }
            let Change::Add(difference) = cell_update.change else { continue };
            let units = -difference / one.policy.0.meter.unit;
            self.metrics.returned_units += units.unsigned_abs();
        }
    }

    fn count_call(&mut self, now: i64, is_answered: bool) {
        self.metrics.calls += 1;
        if is_answered {
            self.failures = 0;
            return;
        }
        self.metrics.store_errors += 1;
        self.failures = self.failures.saturating_add(1);
        if let Some(more) = self.failures.checked_sub(FAILURES_BEFORE_PAUSE) {
            let pause = FIRST_PAUSE_MICROS << more.min(MAX_PAUSE_DOUBLINGS);
            let spread = i64::try_from(self.random() % 1024).unwrap_or(0);
            self.paused_until = now + pause / 2 + pause * spread / 1024;
        }
    }

    fn decision(&mut self, now: i64, parts: Vec<Part<'_>>) -> Decision {
        let is_refused = parts.iter().any(Part::is_refused);
        let mut claims = Vec::new();
        let mut states = Vec::with_capacity(parts.len());
        for part in parts {
            let at = self.memory.find(&part.limit, now);
            let cell = self.memory.cell(at);
            let (held, seen) = (cell.held(), cell.seen);
            let seen = seen.map(|seen| seen.cell).unwrap_or_default();
            let mut state = state_of(now, part.limit.policy, seen, held, 0);
            match part.status {
                Status::Claimed(batch) => {
                    let item = self.memory.item(at.0).clone();
                    claims.push(Claim(Return { item, policy: part.limit.policy.clone(), batch }));
                }
                Status::Passed => state.reason = Reason::StoreFailure,
                Status::Open => state.reason = Reason::Unasked,
                Status::Denied { retry_at, reason } => {
                    state.is_within = false;
                    state.reason = reason;
                    state.retry_after = micros(retry_at - now);
                    if !is_refused {
                        self.metrics.shadow_denied += 1;
                    }
                }
            }
            states.push(state);
        }
        if is_refused {
            self.metrics.denied += 1;
        } else {
            self.metrics.admitted += 1;
        }
        Decision { states, claims }
    }

    /// SplitMix64. Source: Steele, Lea, Flood: Fast splittable pseudorandom number generators,
    /// 2014.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn add_part<'a>(parts: &mut Vec<Part<'a>>, limit: Limit<'a>) {
    let same = parts.iter_mut().find(|part| {
        part.limit.key == limit.key
            && part.limit.policy.0.attribute == limit.policy.0.attribute
            && part.limit.policy.0.retention == limit.policy.0.retention
    });
    let weight = i64::from(limit.weight);
    match same {
        Some(part) => part.weight = part.weight.max(weight),
        None => parts.push(Part { limit, weight, status: Status::Open }),
    }
}

/// What a policy decides while the table does not answer.
fn without_store(
    part: &Part<'_>,
    cell: &mut Remembered,
    now: i64,
    metrics: &mut Metrics,
) -> Status {
    metrics.without_store += 1;
    let reason = Reason::StoreFailure;
    match part.limit.policy.on_store_failure() {
        OnStoreFailure::Closed => Status::Denied { retry_at: now + CLOSED_RETRY_MICROS, reason },
        OnStoreFailure::Open => match cell.backstop(now, part.weight) {
            Ok(()) => Status::Passed,
            Err(retry_at) => Status::Denied { retry_at, reason },
        },
    }
}

fn state_of(now: i64, policy: &Policy, cell: Cell, held: i64, weight: i64) -> State {
    let meter = &policy.0.meter;
    let room = meter.room(now, cell).saturating_add(held);
    let is_within = room >= weight;
    let retry_at = if is_within { now } else { meter.retry_at(now, cell, weight - held) };
    State {
        policy: policy.clone(),
        reason: if is_within { Reason::Room } else { Reason::NoRoom },
        is_within,
        remaining: u32::try_from(room).unwrap_or(u32::MAX).min(policy.burst()),
        full_after: micros(meter.full_at(now, cell) - now),
        retry_after: micros(retry_at - now),
    }
}

fn refund_update(returns: &[Return], now: i64, is_untouched: bool) -> Option<Update> {
    let item = &returns.first()?.item;
    let mut cells: Vec<CellUpdate> = Vec::new();
    for one in returns {
        let (rules, batch) = (&one.policy.0, &one.batch);
        let attribute = &rules.attribute;
        if cells.iter().any(|cell| cell.attribute == *attribute) {
            // A second batch of one cell is left to expire: it is what others' weights left over.
            continue;
        }
        let shape = rules.meter.refund(now, batch.units, batch.taken_at, batch.after, is_untouched);
        if let Some(shape) = shape {
            let (condition, change, flag) = (shape.condition, shape.change, shape.flag);
            cells.push(CellUpdate { attribute: attribute.clone(), condition, change, flag });
        }
    }
    let key = item.in_table();
    (!cells.is_empty()).then(|| Update {
        key,
        cells,
        expires_at: expiry(item, now),
        refund_stamp: Some(now),
    })
}

/// All that share an item keep it for the same time, so that none shortens another's.
fn expiry(item: &ItemKey, now: i64) -> i64 {
    (now + (MICROS_PER_DAY << item.retention)) / 1_000_000 + 3_600
}

fn micros(duration: i64) -> Duration {
    Duration::from_micros(u64::try_from(duration).unwrap_or(0))
}

/// Runs futures side by side on this task.
async fn join_all<F: Future<Output = ()>>(futures: impl Iterator<Item = F>) {
    let mut futures: Vec<Pin<Box<F>>> = futures.map(Box::pin).collect();
    poll_fn(|context| {
        futures.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if futures.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
