//! What is asked of the table, as data.
//!
//! One request is one conditional update of one small item, or a read or a removal of it. A
//! [`Table`](crate::Table) renders the data for its store; [`Update::apply`] says what it means,
//! and the simulation runs on that.

/// One cell of an item as the table holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// The number, if there is one. A rate's cell holds its theoretical arrival time in
    /// microseconds since the Unix epoch, a quota's the number of the window times 10^9 plus the
    /// count.
    pub value: Option<i64>,
    /// Whether tokens may be in use that were taken up to a hold ago (see the crate's
    /// documentation): takers then keep the policy's slack.
    pub is_flagged: bool,
}

/// An item as the table holds it: the cells that an update names, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The cells.
    pub cells: Vec<Cell>,
    /// The stamp of the last refund.
    pub refunded_at: Option<i64>,
}

/// What must hold of a cell for an update to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is no value, or a smaller one.
    AbsentOrBelow(i64),
    /// The value lies between both, ends included.
    Between {
        /// The least value.
        low: i64,
        /// The greatest value.
        high: i64,
        /// The greatest value while the cell has no flag, where that is more.
        high_unflagged: Option<i64>,
    },
    /// The value is this one.
    Is(i64),
    /// The value is this one or greater.
    AtLeast(i64),
}

/// What an update does to a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Replaces the value.
    Set(i64),
    /// Adds to the value, or subtracts from it.
    Add(i64),
}

/// What an update does to a cell's flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// Nothing.
    Keep,
    /// Sets it.
    Raise,
    /// Removes it.
    Clear,
}

/// The part of an update that concerns one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellUpdate {
    /// The cell's attribute. Its flag is the attribute of that name with `!` at its end.
    pub attribute: String,
    /// What must hold.
    pub condition: Condition,
    /// What becomes of the value.
    pub change: Change,
    /// What becomes of the flag.
    pub flag: Flag,
}

/// One conditional update of one item: all of it happens, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The item's key.
    pub key: String,
    /// The cells, at least one and each attribute once.
    pub cells: Vec<CellUpdate>,
    /// When the item may be deleted, in seconds since the Unix epoch.
    pub expires_at: i64,
    /// A refund's stamp, in microseconds since the Unix epoch. The update does not happen unless
    /// the item's last refund has an earlier one: no refund is ever applied twice.
    pub refund_stamp: Option<i64>,
}

/// What became of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It happened; the item as it is now.
    Updated(Image),
    /// A condition did not hold; the item as it was found.
    Refused(Image),
}

impl Condition {
    fn holds(self, cell: Cell) -> bool {
        match (self, cell.value) {
            (Self::AbsentOrBelow(bound), value) => value.is_none_or(|value| value < bound),
            (_, None) => false,
            (Self::Between { low, high, high_unflagged }, Some(value)) => {
                let high_unflagged = high_unflagged.filter(|_| !cell.is_flagged);
                (low..=high.max(high_unflagged.unwrap_or(high))).contains(&value)
            }
            (Self::Is(wanted), Some(value)) => value == wanted,
            (Self::AtLeast(least), Some(value)) => value >= least,
        }
    }
}

impl Update {
    /// What a table must make of this update, given the item's cells as they are.
    #[must_use]
    pub fn apply(&self, found: &Image) -> Outcome {
        let is_stale = |stamp| found.refunded_at.is_some_and(|last| last >= stamp);
        let cells = self.cells.iter().zip(&found.cells);
        if self.refund_stamp.is_some_and(is_stale)
            || !cells.clone().all(|(update, cell)| update.condition.holds(*cell))
        {
            return Outcome::Refused(found.clone());
        }
        let changed = cells.map(|(update, cell)| Cell {
            value: match update.change {
                Change::Set(value) => Some(value),
                Change::Add(difference) => cell.value.map(|value| value + difference),
            },
            is_flagged: match update.flag {
                Flag::Keep => cell.is_flagged,
                Flag::Raise => true,
                Flag::Clear => false,
            },
        });
        Outcome::Updated(Image {
            cells: changed.collect(),
            refunded_at: self.refund_stamp.or(found.refunded_at),
        })
    }
}
