//! The limiter: decides from memory where it can, and asks the table where it must.

mod builder;
mod inner;
mod returns;

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use futures_util::future::join_all;

pub use self::builder::LimiterBuilder;
use self::inner::state_of;
use crate::{
    Clock, Decision, Metrics, Mode, Reason, State,
    memory::{Batch, ItemKey, Memory, Return},
    policy::Limit,
    table::{Table, TableError},
    update::{Outcome, Update},
};

/// The most calls for one item of one request. A call fails only when somebody else changed the
/// item since it was last seen, so that many failures mean a storm of them.
const MAX_CALLS: usize = 16;
/// How often [`Limiter::release_idle`] looks at all keys.
const RELEASE_PAUSE_MICROS: i64 = 100_000;

/// A rate limiter that shares its limits with every other one on the same table.
///
/// Create one per process. It starts no tasks and has no timers. Building it makes no call.
///
/// Its futures are cancel-safe: units in flight are lost, never spent twice.
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
    /// Where it stands in the request.
    place: usize,
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

impl<T: Table> Limiter<T> {
    /// Checks a request against one policy.
    pub async fn check(&self, limit: Limit<'_>) -> Decision {
        self.check_all(&[limit]).await
    }

    /// Checks a request against several policies, all or nothing: a refused request takes no units.
    ///
    /// Policies on the same key share a call, and calls for different keys run concurrently, so a request
    /// waits for one call. A policy that is repeated with the same key counts once, with the greater weight.
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
        let mut parts = self.decide_with_table(parts).await;
        if parts.iter().any(Part::is_refused) {
            self.take_back(&mut parts).await;
        }
        let now = self.clock.unix_micros();
        self.with(|inner| inner.decision(now, parts))
    }

    /// Reads the state of a limit without taking units, in one call. Leased units count as taken.
    ///
    /// # Errors
    /// [`TableError`] if the table is unavailable.
    pub async fn peek(&self, limit: Limit<'_>) -> Result<State, TableError> {
        let key = ItemKey::of(&limit).in_table();
        let read = self.table.read(&key, &[&limit.policy.0.attribute]).await;
        let now = self.clock.unix_micros();
        self.with(|inner| inner.count_call(now, read.is_ok()));
        let cell = read?.cells.first().copied().unwrap_or_default();
        Ok(state_of(now, limit.policy, cell, 0, i64::from(limit.weight)))
    }

    /// Returns the units of a request that turned out to be free. Leased units return to the lease, others to
    /// the table, with one call per key.
    ///
    /// All units return if nobody else has used the key since. Otherwise, for a rate, those that have
    /// not come back by themselves.
    pub async fn refund(&self, decision: Decision) {
        let claims = decision.claims.into_iter().map(|claim| claim.0).collect();
        self.put_back(claims).await;
    }

    /// Resets all policies on the key of this limit by deleting the item. Other instances keep their leases,
    /// and may repeat a remembered denial until its `retry_after`.
    ///
    /// # Errors
    /// [`TableError`] if the table is unavailable.
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

    /// Returns leases that were idle for a quarter of their duration, and those of evicted keys. Call it
    /// after responses, or about every second. It scans at most every 100 ms, and is a no-op otherwise.
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

    /// Returns all leases. Call it before the process ends. The limiter stays usable.
    pub async fn shutdown(&self) {
        self.release(|_, _| 0).await;
    }

    /// The counters so far.
    pub fn metrics(&self) -> Metrics {
        self.with(|inner| inner.metrics)
    }

    /// The number of keys in memory.
    pub fn keys(&self) -> usize {
        self.with(|inner| inner.memory.len())
    }

    /// Works on the state, which nobody may hold while waiting.
    fn with<R>(&self, work: impl FnOnce(&mut Inner) -> R) -> R {
        // Nothing in here panics half way through a change.
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Settles the limits of all items, each item on its own.
    async fn decide_with_table<'a>(&self, parts: Vec<Part<'a>>) -> Vec<Part<'a>> {
        let settling = by_item(parts).into_iter().map(async |mut parts| {
            self.take_turn(&mut parts).await;
            parts
        });
        let mut parts: Vec<_> = join_all(settling).await.into_iter().flatten().collect();
        parts.sort_unstable_by_key(|part| part.place);
        parts
    }

    /// Settles the limits of one item, once nobody else in this process asks for it.
    async fn take_turn(&self, parts: &mut [Part<'_>]) {
        let Some(limit) = parts.iter().find(|part| part.is_open()).map(|part| part.limit) else {
            return;
        };
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
}

/// An answer of the table and what was asked.
struct Answer {
    outcome: Outcome,
    taken: Vec<Taken>,
    asked_at: i64,
    now: i64,
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
        None => parts.push(Part { place: parts.len(), limit, weight, status: Status::Open }),
    }
}

/// The limits of a request by the item that keeps them.
fn by_item(parts: Vec<Part<'_>>) -> Vec<Vec<Part<'_>>> {
    let mut items: Vec<Vec<Part<'_>>> = Vec::new();
    for part in parts {
        let item = ItemKey::of(&part.limit);
        match items.iter_mut().find(|parts| parts[0].is_of(&item)) {
            Some(parts) => parts.push(part),
            None => items.push(vec![part]),
        }
    }
    items
}
