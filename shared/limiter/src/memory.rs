//! What an instance remembers: per key what it saw in the table, the units it holds and how busy
//! the key is. Bounded: the least recently used key goes first, and its units are given back.

use std::{
    collections::HashMap,
    mem,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use crate::{
    Metrics, Policy,
    meter::{Seen, Want},
    policy::Limit,
    update::Cell,
};

/// Leases of forgotten keys that wait to be given back. More are left to expire.
const MAX_RETURNS: usize = 256;
/// The share of the measured rate that is taken in advance, in tenths: less than all of it, so that
/// a quieter moment leaves little unused.
const LEASE_TENTHS: i64 = 7;
/// How often the wait after a denial may double.
const MAX_BACKOFF_DOUBLINGS: u8 = 1;

/// The item that policies on one key share: the key, and how long the item is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ItemKey {
    pub(crate) retention: u8,
    pub(crate) key: Arc<str>,
}

impl ItemKey {
    pub(crate) fn of(limit: &Limit<'_>) -> Self {
        Self { retention: limit.policy.0.retention, key: limit.key.into() }
    }

    /// The item's key in the table.
    pub(crate) fn in_table(&self) -> String {
        format!("{}#{}", self.retention, self.key)
    }
}

/// Units taken at once and not yet spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) units: i64,
    /// When they were asked for.
    pub(crate) taken_at: i64,
    /// The last moment at which they may be spent.
    pub(crate) until: i64,
    /// What the cell's number became with them.
    pub(crate) after: i64,
    pub(crate) is_lease: bool,
    pub(crate) serial: u64,
}

/// Whether a request may spend on a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The units are in memory.
    Have,
    /// There are none before this moment.
    Denied(i64),
    /// The table knows.
    Ask,
}

/// The arrivals of about the last hold, in units.
#[derive(Clone, Copy, Debug, Default)]
struct Arrivals {
    start: i64,
    current: i64,
    previous: i64,
}

impl Arrivals {
    fn add(&mut self, now: i64, span: i64, units: i64) {
        self.turn(now, span);
        self.current += units;
    }

    fn turn(&mut self, now: i64, span: i64) {
        let elapsed = now - self.start;
        if (0..span).contains(&elapsed) {
            return;
        }
        let is_next = (span..2 * span).contains(&elapsed);
        self.previous = if is_next { self.current } else { 0 };
        self.start = if is_next { self.start + span } else { now };
        self.current = 0;
    }

    /// How many units arrive within `span`, going by the last one.
    fn within(&mut self, now: i64, span: i64) -> i64 {
        self.turn(now, span);
        let left = span - (now - self.start);
        // Rates beyond 2^31 units per hold do not occur: the policy bounds them.
        self.current + self.previous.min(1 << 31) * left / span.max(1)
    }
}

/// What is remembered of one policy on one key.
#[derive(Debug)]
pub(crate) struct Remembered {
    pub(crate) policy: Policy,
    pub(crate) seen: Option<Seen>,
    pub(crate) batches: Vec<Batch>,
    arrivals: Arrivals,
    /// Saturated and busy: no call before this moment.
    rests_until: i64,
    doublings: u8,
    /// The number of the in-process bucket that stands in while the table does not answer.
    backstop: i64,
}

impl Remembered {
    fn new(policy: &Policy) -> Self {
        Self {
            policy: policy.clone(),
            seen: None,
            batches: Vec::new(),
            arrivals: Arrivals::default(),
            rests_until: 0,
            doublings: 0,
            backstop: 0,
        }
    }

    /// Forgets batches whose time is over.
    fn expire(&mut self, now: i64, metrics: &mut Metrics) {
        self.batches.retain(|batch| {
            let is_valid = now <= batch.until && batch.units > 0;
            if !is_valid {
                metrics.wasted_units += batch.units.unsigned_abs();
            }
            is_valid
        });
    }

    pub(crate) fn held(&self) -> i64 {
        self.batches.iter().map(|batch| batch.units).sum()
    }

    /// `random` spreads the waits of instances that share a saturated key.
    pub(crate) fn judge(
        &mut self,
        now: i64,
        weight: i64,
        random: u64,
        metrics: &mut Metrics,
    ) -> Verdict {
        self.expire(now, metrics);
        let missing = weight - self.held();
        if missing <= 0 {
            return Verdict::Have;
        }
        let meter = &self.policy.0.meter;
        let cell = self.seen.map(|seen| seen.cell).unwrap_or_default();
        if meter.is_damaged(now, cell) {
            return Verdict::Ask;
        }
        if now < self.rests_until {
            return Verdict::Denied(self.rests_until.max(meter.retry_at(now, cell, missing)));
        }
        if meter.room(now, cell) < missing {
            self.saturate(now, random);
            let meter = &self.policy.0.meter;
            return Verdict::Denied(meter.retry_at(now, cell, missing).max(self.rests_until));
        }
        Verdict::Ask
    }

    /// Spends units that [`judge`](Self::judge) found, the oldest first. What it returns can be
    /// given back.
    pub(crate) fn claim(&mut self, weight: i64) -> Batch {
        let mut claimed: Option<Batch> = None;
        let mut missing = weight;
        for batch in &mut self.batches {
            let units = batch.units.min(missing);
            if units == 0 {
                continue;
            }
            batch.units -= units;
            missing -= units;
            claimed = Some(match claimed {
                None => Batch { units, ..*batch },
                // The older one's times: it is given back as if all of it were as old.
                Some(older) => Batch { units: older.units + units, ..older },
            });
        }
        self.batches.retain(|batch| batch.units > 0);
        claimed.unwrap_or(Batch {
            units: 0,
            taken_at: 0,
            until: 0,
            after: 0,
            is_lease: false,
            serial: 0,
        })
    }

    pub(crate) fn arrive(&mut self, now: i64, weight: i64) {
        let hold = self.policy.0.meter.hold;
        if hold > 0 {
            self.arrivals.add(now, hold, weight);
        }
    }

    /// What to ask the table for, with `waiting` further units wanted on this instance.
    pub(crate) fn want(&mut self, now: i64, weight: i64, waiting: i64) -> Want {
        let least = weight - self.held();
        Want { least, now: least + waiting, lease: self.lease_units(now) }
    }

    fn lease_units(&mut self, now: i64) -> i64 {
        let meter = self.policy.0.meter;
        if meter.hold == 0 {
            return 0;
        }
        let expected = self.arrivals.within(now, meter.hold) * LEASE_TENTHS / 10;
        if expected < 2 { 0 } else { expected.min(meter.units_within(meter.hold)) }
    }

    /// Takes note of what the table holds. `before` is the number that a change of ours found.
    pub(crate) fn see(&mut self, now: i64, cell: Cell, before: Option<i64>) {
        let memory = self.policy.0.meter.size.max(10_000_000);
        let is_shared = match self.seen {
            Some(seen) => {
                let is_changed = before.is_some_and(|before| seen.cell.value != Some(before));
                is_changed || (seen.is_shared && now - seen.at < memory)
            }
            None => before.is_some(),
        };
        self.seen = Some(Seen { cell, at: now, is_shared });
    }

    /// After the table had room for so many units. Few are a sign that others take the rest.
    pub(crate) fn took(&mut self, now: i64, units: i64, random: u64) {
        let wanted = self.lease_units(now);
        let room = self.seen.map_or(0, |seen| self.policy.0.meter.room(now, seen.cell));
        if units < wanted && room < wanted {
            self.saturate(now, random);
        } else {
            self.doublings = 0;
        }
    }

    /// When there is no room: a busy instance waits until a lease is worth while. It loses
    /// nothing by that, because the bucket fills meanwhile, and others find more in it. Alone on a
    /// key it waits for exactly that; among others for a random time.
    fn saturate(&mut self, now: i64, random: u64) {
        let meter = self.policy.0.meter;
        let units = self.lease_units(now);
        if units < 2 || meter.is_quota {
            return;
        }
        let longest = meter.hold / 2;
        let wait = if self.seen.is_some_and(|seen| seen.is_shared) {
            let longest = longest << self.doublings;
            self.doublings = (self.doublings + 1).min(MAX_BACKOFF_DOUBLINGS);
            let spread = i64::try_from(random % 1024).unwrap_or(0);
            longest / 2 + longest * spread / 1024
        } else {
            meter.cost(units).min(longest)
        };
        self.rests_until = now + wait;
    }

    /// Decides without the table. A quota is refilled evenly here.
    pub(crate) fn backstop(&mut self, now: i64, weight: i64) -> Result<(), i64> {
        let meter = &self.policy.0.meter;
        let (unit, size) = if meter.is_quota {
            (meter.period / meter.size.max(1) + 1, meter.period)
        } else {
            (meter.unit, meter.size)
        };
        let after = self.backstop.clamp(now, now + size) + unit * weight;
        if after > now + size {
            return Err(after - size);
        }
        self.backstop = after;
        Ok(())
    }
}

/// The queue for one item: one call at a time, which takes for all that wait.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub(crate) lock: tokio::sync::Mutex<()>,
    waiting: AtomicI64,
}

impl Turn {
    pub(crate) fn waiting(&self) -> i64 {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn join(self: &Arc<Self>, units: i64) -> Waiting {
        self.waiting.fetch_add(units, Ordering::Relaxed);
        Waiting { turn: Arc::clone(self), units }
    }
}

/// A place in the queue; dropping it leaves.
pub(crate) struct Waiting {
    turn: Arc<Turn>,
    units: i64,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.turn.waiting.fetch_sub(self.units, Ordering::Relaxed);
    }
}

/// Units to be given back to the table.
#[derive(Clone, Debug)]
pub(crate) struct Return {
    pub(crate) item: ItemKey,
    pub(crate) policy: Policy,
    pub(crate) batch: Batch,
}

#[derive(Debug)]
struct Slot {
    item: ItemKey,
    cells: Vec<Remembered>,
    turn: Arc<Turn>,
    used_at: i64,
    newer: usize,
    older: usize,
}

const NONE: usize = usize::MAX;

/// All keys that are remembered, in the order of their last use.
#[derive(Debug)]
pub(crate) struct Memory {
    capacity: usize,
    /// By retention, then by key.
    index: Vec<HashMap<Arc<str>, usize>>,
    slots: Vec<Slot>,
    newest: usize,
    oldest: usize,
    pub(crate) returns: Vec<Return>,
}

impl Memory {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            index: Vec::new(),
            slots: Vec::new(),
            newest: NONE,
            oldest: NONE,
            returns: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The slot and the cell for a limit, made if there are none. They stay where they are until
    /// the next call of this.
    pub(crate) fn find(&mut self, limit: &Limit<'_>, now: i64) -> (usize, usize) {
        let rules = &limit.policy.0;
        let retention = usize::from(rules.retention);
        let known = self.index.get(retention).and_then(|keys| keys.get(limit.key)).copied();
        let slot = known.unwrap_or_else(|| self.insert(ItemKey::of(limit), now));
        self.touch(slot, now);
        let cells = &mut self.slots[slot].cells;
        let position = cells.iter().position(|cell| {
            Arc::ptr_eq(&cell.policy.0, rules) || cell.policy.0.attribute == rules.attribute
        });
        let cell = position.unwrap_or_else(|| {
            cells.push(Remembered::new(limit.policy));
            cells.len() - 1
        });
        if !Arc::ptr_eq(&cells[cell].policy.0, rules) {
            // The policy was changed while running: the units were taken under the old one.
            cells[cell].policy = limit.policy.clone();
        }
        (slot, cell)
    }

    pub(crate) fn cell(&mut self, (slot, cell): (usize, usize)) -> &mut Remembered {
        &mut self.slots[slot].cells[cell]
    }

    pub(crate) fn item(&self, slot: usize) -> &ItemKey {
        &self.slots[slot].item
    }

    pub(crate) fn turn(&self, slot: usize) -> Arc<Turn> {
        Arc::clone(&self.slots[slot].turn)
    }

    /// Forgets an item and what is held of it.
    pub(crate) fn forget(&mut self, item: &ItemKey) {
        let keys = self.index.get(usize::from(item.retention));
        if let Some(&slot) = keys.and_then(|keys| keys.get(&item.key)) {
            for cell in &mut self.slots[slot].cells {
                *cell = Remembered::new(&cell.policy);
            }
        }
    }

    /// Takes units out of memory that nobody has used for as long as `idle_for` says, expired ones
    /// aside.
    pub(crate) fn take_idle(
        &mut self,
        now: i64,
        idle_for: impl Fn(&Policy, &Batch) -> i64,
        metrics: &mut Metrics,
    ) -> Vec<Return> {
        let mut taken = mem::take(&mut self.returns);
        taken.retain(|taken| now <= taken.batch.until);
        for slot in &mut self.slots {
            for cell in &mut slot.cells {
                cell.expire(now, metrics);
                let (idle, kept) = mem::take(&mut cell.batches)
                    .into_iter()
                    .partition(|batch| now - slot.used_at >= idle_for(&cell.policy, batch));
                cell.batches = kept;
                let idle: Vec<Batch> = idle;
                taken.extend(idle.into_iter().map(|batch| Return {
                    item: slot.item.clone(),
                    policy: cell.policy.clone(),
                    batch,
                }));
            }
        }
        taken
    }

    fn insert(&mut self, item: ItemKey, now: i64) -> usize {
        let turn = Arc::default();
        let (newer, older) = (NONE, NONE);
        let fresh = Slot {
            item: item.clone(),
            cells: Vec::with_capacity(1),
            turn,
            used_at: now,
            newer,
            older,
        };
        let slot = if self.slots.len() < self.capacity {
            self.slots.push(fresh);
            self.slots.len() - 1
        } else {
            let slot = self.oldest;
            self.unlink(slot);
            let forgotten = mem::replace(&mut self.slots[slot], fresh);
            self.index[usize::from(forgotten.item.retention)].remove(&forgotten.item.key);
            for cell in forgotten.cells {
                let batches = cell.batches.into_iter().filter(|batch| now <= batch.until);
                for batch in batches {
                    let (item, policy) = (forgotten.item.clone(), cell.policy.clone());
                    self.returns.push(Return { item, policy, batch });
                }
            }
            if self.returns.len() > MAX_RETURNS {
                let excess = self.returns.len() - MAX_RETURNS;
                self.returns.drain(..excess);
            }
            slot
        };
        let retention = usize::from(item.retention);
        if self.index.len() <= retention {
            self.index.resize_with(retention + 1, HashMap::new);
        }
        self.index[retention].insert(item.key, slot);
        self.link_newest(slot);
        slot
    }

    fn touch(&mut self, slot: usize, now: i64) {
        self.slots[slot].used_at = now;
        if self.newest != slot {
            self.unlink(slot);
            self.link_newest(slot);
        }
    }

    fn unlink(&mut self, slot: usize) {
        let (newer, older) = (self.slots[slot].newer, self.slots[slot].older);
        match self.slots.get_mut(newer) {
            Some(neighbour) => neighbour.older = older,
            None => self.newest = older,
        }
        match self.slots.get_mut(older) {
            Some(neighbour) => neighbour.newer = newer,
            None => self.oldest = newer,
        }
    }

    fn link_newest(&mut self, slot: usize) {
        let older = self.newest;
        self.slots[slot].newer = NONE;
        self.slots[slot].older = older;
        match self.slots.get_mut(older) {
            Some(neighbour) => neighbour.newer = slot,
            None => self.oldest = slot,
        }
        self.newest = slot;
    }
}
