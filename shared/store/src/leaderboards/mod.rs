//! Leaderboards: standings, entries, moves that wait, and counters.
//!
//! | item | who writes it |
//! |---|---|
//! | standing: a user's places in a scope | whoever changes it, if it still has the version that was read |
//! | entry: a user on a board, in a partition by score | the same transaction |
//! | pending: the moves of one change, in a lane of the scope | the same transaction puts it, a fold deletes it |
//! | counters: a node of the tree of a board and lane | folds of that lane only |
//!
//! So a result changes no item that others change: nothing is contended, however many users finish at one
//! moment. A *fold* reads what waits in a lane and, in one transaction, deletes it and adds its sums to the
//! lane's own counters. Each pending item must still be there, so it is counted exactly once, whether folds
//! race, are repeated or die half way. Until then the counters are that much behind; the entries are not.
//!
//! A user's moves are counted in their order, because they share a lane and their sort keys grow. So no
//! counter of a lane is ever below zero.

mod changes;
mod entries;
mod fold;
mod personal;
mod reading;
mod recount;
#[cfg(test)]
mod simulation;

use aws_sdk_dynamodb::types::AttributeValue;
use minigate_domain::leaderboards::{Board, BoardScore, Period, Scope};
use serde::{Deserialize, Serialize};

pub(crate) use self::changes::{Results, decode_standing, standing_key};
pub(crate) use self::personal::OfLeaderboards;
pub use self::{
    changes::StandingOutcome,
    entries::{Entry, EntryRange},
    fold::FoldOutcome,
    recount::{Difference, RecountOutcome, RecountStep, Recounted},
};
use crate::{call::number, keys::TIME_TO_LIVE};

/// A move on one board, as it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct WaitingMove {
    period: Period,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<BoardScore>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<BoardScore>,
}

fn board(scope: &Scope, period: Period) -> Board {
    Board { scope: scope.clone(), period }
}

/// When DynamoDB may delete what belongs to a period; `None` if never. Nothing is read by it.
fn time_to_live(period: Period) -> Option<(String, AttributeValue)> {
    let until = period.kept_until()?;
    Some((TIME_TO_LIVE.to_owned(), number(until.unix_seconds())))
}
