//! The arithmetic: a policy as a meter over one number, and the conditional updates it asks for.
//!
//! A rate is a generic cell rate algorithm (GCRA) in whole microseconds of wall-clock time. The
//! number is the theoretical arrival time; a unit adds `unit` to it, and it may run ahead of the
//! clock by `size`. A quota is the same machine with other numbers: the window's number times
//! [`QUOTA_BASE`] plus the count, where a unit adds 1 and the window's base stands for the clock.
//!
//! DynamoDB cannot compute `max(value, floor)`, so taking has two shapes, chosen by the value last
//! seen: COLD sets a value that lies below the floor, WARM adds to one that does not. A wrong guess
//! is refused with the item as it is, and the next attempt is right.
//!
//! # The flag
//!
//! Two things let a bucket give out more than its size: a WARM on a value that lies a little below
//! the floor, which spares instances that share a key most wrong guesses (by `lag` at most), and
//! units that are spent later than they were taken (by `hold` at most). Both mean that the stored
//! number runs behind the one that the spendings alone would have made, by `lag + hold` at most,
//! until the bucket has been full for that long. Whoever does either raises the cell's flag, and
//! while it stands everybody keeps that much of the bucket back. A key that needs neither has its
//! whole burst.

use crate::update::{Cell, Change, Condition, Flag};

/// What a quota's window number is multiplied by: nine decimal digits for the count, to be read in
/// a console.
pub(crate) const QUOTA_BASE: i64 = 1_000_000_000;
/// How far beyond what the policy allows a stored number may lie before it is taken for damage: a
/// clock that was wrong, or a policy that was much longer. In time for rates, in windows of that
/// length for quotas. Clocks that differ by more are not supported.
pub(crate) const MARGIN_MICROS: i64 = 60_000_000;

/// A policy's numbers. Times are in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meter {
    pub(crate) is_quota: bool,
    /// What one unit adds.
    pub(crate) unit: i64,
    /// How far the number may run ahead of the floor.
    pub(crate) size: i64,
    /// How far below the floor a WARM may find the number.
    pub(crate) lag: i64,
    /// How long units may be held; zero without leases.
    pub(crate) hold: i64,
    pub(crate) period: i64,
}

/// What an instance knows of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) cell: Cell,
    pub(crate) at: i64,
    /// Whether others were found to change it too.
    pub(crate) is_shared: bool,
}

/// What a taker wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Want {
    /// Units without which it takes none.
    pub(crate) least: i64,
    /// Units it spends at once, if there are as many.
    pub(crate) now: i64,
    /// Units it would hold.
    pub(crate) lease: i64,
}

/// How to get them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// There is no room, for all that is known.
    NoRoom,
    /// Take so many.
    Take { units: i64, is_lease: bool, shape: Shape },
    /// The stored number is damaged. Empty the bucket, which is the safe side, and go on.
    Heal(Shape),
}

/// A conditional change of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) condition: Condition,
    pub(crate) change: Change,
    pub(crate) flag: Flag,
}

impl Meter {
    /// What `units` add.
    pub(crate) fn cost(&self, units: i64) -> i64 {
        self.unit.saturating_mul(units)
    }

    /// How many units come back within `duration`.
    pub(crate) fn units_within(&self, duration: i64) -> i64 {
        if self.is_quota {
            i64::try_from(i128::from(self.size) * i128::from(duration) / i128::from(self.period))
                .unwrap_or(i64::MAX)
        } else {
            duration / self.unit
        }
    }

    /// The number of a full bucket.
    fn floor(&self, now: i64, value: Option<i64>) -> i64 {
        if !self.is_quota {
            return now;
        }
        // An instance whose clock is ahead may have begun the next window already.
        let window = now / self.period;
        let is_next = value.is_some_and(|value| value / QUOTA_BASE == window + 1);
        (window + i64::from(is_next)) * QUOTA_BASE
    }

    /// How much of the bucket is kept back while the flag stands.
    fn slack(&self) -> i64 {
        if self.is_quota { 0 } else { self.lag + self.hold }
    }

    /// How far beyond the ceiling a number may lie.
    fn margin(&self) -> i64 {
        if self.is_quota { (MARGIN_MICROS / self.period + 1) * QUOTA_BASE } else { MARGIN_MICROS }
    }

    /// How far the number may run ahead of the floor, given the flag.
    fn reach(&self, is_flagged: bool) -> i64 {
        if is_flagged { self.size - self.slack() } else { self.size }
    }

    /// Whether the number is beyond anything the policy allows.
    pub(crate) fn is_damaged(&self, now: i64, cell: Cell) -> bool {
        let most = self.floor(now, cell.value) + self.size + self.margin();
        cell.value.is_some_and(|value| value > most)
    }

    /// How many units the bucket has, for all that is known.
    pub(crate) fn room(&self, now: i64, cell: Cell) -> i64 {
        let floor = self.floor(now, cell.value);
        let ahead = cell.value.map_or(0, |value| (value - floor).max(0));
        // A bucket that has been full for long enough loses its flag with the next unit.
        let is_flagged =
            cell.is_flagged && cell.value.is_some_and(|value| value >= floor - self.slack());
        ((self.reach(is_flagged) - ahead) / self.unit).max(0)
    }

    /// When there will be `units`, if nobody takes any.
    pub(crate) fn retry_at(&self, now: i64, cell: Cell, units: i64) -> i64 {
        let Some(value) = cell.value.filter(|_| self.room(now, cell) < units) else { return now };
        if self.is_quota {
            return (self.floor(now, cell.value) / QUOTA_BASE + 1) * self.period;
        }
        let cost = self.cost(units);
        let reach = self.reach(cell.is_flagged);
        // More than a flagged bucket ever holds must wait until it loses its flag.
        if cost > reach { value + self.slack() + 1 } else { value + cost - reach }
    }

    /// When the bucket is full again, if nobody takes any.
    pub(crate) fn full_at(&self, now: i64, cell: Cell) -> i64 {
        match cell.value {
            Some(value) if self.is_quota && value >= self.floor(now, cell.value) => {
                (self.floor(now, cell.value) / QUOTA_BASE + 1) * self.period
            }
            Some(value) if !self.is_quota => value.max(now),
            _ => now,
        }
    }

    /// The moment until which units taken at `now` may be held: `duration` later, but not in the
    /// next window of a quota.
    pub(crate) fn hold_until(&self, now: i64, duration: i64) -> i64 {
        let end = now + duration;
        if self.is_quota { end.min((now / self.period + 1) * self.period - 1) } else { end }
    }

    /// Chooses a shape and a number of units.
    pub(crate) fn plan(&self, now: i64, seen: Option<Seen>, want: Want) -> Plan {
        let cell = seen.map(|seen| seen.cell).unwrap_or_default();
        let floor = self.floor(now, cell.value);
        let ceiling = floor + self.size;
        if self.is_damaged(now, cell) {
            return Plan::Heal(Shape {
                condition: Condition::AtLeast(ceiling + self.margin() + 1),
                change: Change::Set(ceiling),
                flag: Flag::Raise,
            });
        }
        let room = self.room(now, cell);
        if room < want.least {
            return Plan::NoRoom;
        }
        // Holding raises the flag, so a lease must fit what the flag leaves; and near empty it
        // leaves half for others.
        let slack_units = (self.slack() + self.unit - 1) / self.unit;
        let flagged_room = if cell.is_flagged { room } else { (room - slack_units).max(0) };
        let is_shared = seen.is_none_or(|seen| seen.is_shared);
        let share = if is_shared {
            flagged_room.min((flagged_room / 2).max(want.lease / 2))
        } else {
            flagged_room
        };
        let lease = want.lease.min(share);
        let is_lease = lease > want.now.max(want.least);
        let units = if is_lease { lease } else { want.now.min(room) }.max(want.least);
        let shape = self.shape(now, floor, seen, units, is_lease);
        Plan::Take { units, is_lease, shape }
    }

    fn shape(&self, now: i64, floor: i64, seen: Option<Seen>, units: i64, is_lease: bool) -> Shape {
        let (cost, slack) = (self.cost(units), self.slack());
        let raise_if_lease = if is_lease && slack > 0 { Flag::Raise } else { Flag::Keep };
        let value = seen.and_then(|seen| seen.cell.value);
        let cold = Change::Set(floor + cost);
        let Some((value, guess)) = value.map(|value| (value, self.guess(now, value, seen))) else {
            let flag = if is_lease { raise_if_lease } else { self.clear() };
            return Shape {
                condition: Condition::AbsentOrBelow(floor - slack),
                change: cold,
                flag,
            };
        };
        if guess < floor - slack {
            let flag = if is_lease { raise_if_lease } else { self.clear() };
            return Shape {
                condition: Condition::AbsentOrBelow(floor - slack),
                change: cold,
                flag,
            };
        }
        let is_lagging = guess >= floor - self.lag && cost <= self.size - slack - self.lag;
        if guess < floor && !(is_lagging && seen.is_some_and(|seen| seen.is_shared)) {
            // Not full for long: the flag stays if it stands.
            let condition = if cost <= self.size - slack {
                Condition::AbsentOrBelow(floor)
            } else {
                Condition::Between {
                    low: floor - slack,
                    high: floor - slack - 1,
                    high_unflagged: Some(floor),
                }
            };
            return Shape { condition, change: cold, flag: raise_if_lease };
        }
        // What was seen at or above the floor is there still: only a refund lowers it.
        let (low, flag) = if value >= floor || self.lag == 0 {
            (floor, raise_if_lease)
        } else {
            (floor - self.lag, Flag::Raise)
        };
        let full = floor + self.size - cost;
        let high_unflagged = (flag == Flag::Keep && slack > 0).then_some(full);
        let condition = Condition::Between { low, high: full - slack, high_unflagged };
        Shape { condition, change: Change::Add(cost), flag }
    }

    /// Where the number is by now. Others keep a shared rate's number about as far from the clock
    /// as it was, for as long as they are likely to be active.
    fn guess(&self, now: i64, value: i64, seen: Option<Seen>) -> i64 {
        match seen {
            Some(seen) if seen.is_shared && !self.is_quota && now - seen.at < self.size => {
                value + (now - seen.at).max(0)
            }
            _ => value,
        }
    }

    fn clear(&self) -> Flag {
        if self.slack() > 0 { Flag::Clear } else { Flag::Keep }
    }

    /// How to give `units` back that were taken at `taken_at`, when the number became `after`;
    /// `None` if nothing can be.
    ///
    /// If nobody has touched the cell since (`is_untouched`, which the condition checks), all of
    /// it. Otherwise less what has come back meanwhile, because a bucket that was full would have
    /// lost that; then the promise holds whatever others did.
    pub(crate) fn refund(
        &self,
        now: i64,
        units: i64,
        taken_at: i64,
        after: i64,
        is_untouched: bool,
    ) -> Option<Shape> {
        let keep = Flag::Keep;
        let cost = self.cost(units);
        if self.is_quota {
            let base = after / QUOTA_BASE * QUOTA_BASE;
            let condition = Condition::Between {
                low: base + cost,
                high: base + self.size,
                high_unflagged: None,
            };
            let is_current = now / self.period <= base / QUOTA_BASE;
            return is_current.then_some(Shape {
                condition,
                change: Change::Add(-cost),
                flag: keep,
            });
        }
        if is_untouched {
            let condition = Condition::Is(after);
            return (after > now).then_some(Shape {
                condition,
                change: Change::Add(-cost),
                flag: keep,
            });
        }
        let cost = cost - (now - taken_at).max(0);
        let condition = Condition::AtLeast(now + cost);
        (cost > 0).then_some(Shape { condition, change: Change::Add(-cost), flag: keep })
    }
}
