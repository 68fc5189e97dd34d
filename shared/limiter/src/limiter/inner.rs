//! The state of a limiter: what it decides from memory, what it asks the table for, and what it makes
//! of an answer. Nothing here waits.

use std::time::Duration;

use super::{Answer, Inner, Part, Status, Step, Taken};
use crate::{
    Decision, Metrics, OnStoreFailure, Policy, Reason, State,
    decision::Claim,
    memory::{Batch, ItemKey, Remembered, Return, Verdict},
    meter::{Plan, Seen},
    update::{Cell, CellUpdate, Change, Outcome, Update},
};

/// A request with more limits than this goes the longer way, which looks at one at a time.
const MAX_FAST_LIMITS: usize = 8;
/// After so many calls in a row without an answer, calls pause, at first for so long.
const FAILURES_BEFORE_PAUSE: u32 = 3;
const FIRST_PAUSE_MICROS: i64 = 100_000;
const MAX_PAUSE_DOUBLINGS: u32 = 5;
/// What a policy that is closed on store failure tells a client to wait.
const CLOSED_RETRY_MICROS: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400_000_000;

impl Inner {
    /// Settles the whole request if no call is needed for it, or if none would help.
    pub(super) fn decide_from_memory(&mut self, parts: &mut [Part<'_>], now: i64) -> bool {
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
    pub(super) fn step(
        &mut self,
        parts: &mut [Part<'_>],
        item: &ItemKey,
        now: i64,
        waiting: i64,
    ) -> Step {
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
    pub(super) fn absorb(
        &mut self,
        parts: &mut [Part<'_>],
        update: &Update,
        answer: Answer,
        max_delay: i64,
    ) {
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

    pub(super) fn decide_without_table(
        &mut self,
        parts: &mut [Part<'_>],
        item: &ItemKey,
        now: i64,
    ) {
        for part in parts.iter_mut().filter(|part| part.is_open() && part.is_of(item)) {
            let at = self.memory.find(&part.limit, now);
            part.status = without_store(part, self.memory.cell(at), now, &mut self.metrics);
        }
    }

    /// Puts units of a lease back into it, if it is still there to be used.
    pub(super) fn hold_again(&mut self, claim: &Return, now: i64) -> bool {
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

    pub(super) fn returned(
        &mut self,
        returns: &[Return],
        update: &Update,
        cells: &[Cell],
        now: i64,
    ) {
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

    pub(super) fn count_call(&mut self, now: i64, is_answered: bool) {
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

    pub(super) fn decision(&mut self, now: i64, parts: Vec<Part<'_>>) -> Decision {
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
    pub(super) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
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

pub(super) fn state_of(now: i64, policy: &Policy, cell: Cell, held: i64, weight: i64) -> State {
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

/// All that share an item keep it for the same time, so that none shortens another's.
pub(super) fn expiry(item: &ItemKey, now: i64) -> i64 {
    (now + (MICROS_PER_DAY << item.retention)) / 1_000_000 + 3_600
}

fn micros(duration: i64) -> Duration {
    Duration::from_micros(u64::try_from(duration).unwrap_or(0))
}
