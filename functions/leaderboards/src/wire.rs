//! What is sent.

use minigate_domain::leaderboards::{Board, Period};
use minigate_platform::schemas;
use minigate_service::leaderboards::{List, OwnPlace, Row};
use serde::Serialize;
use utoipa::ToSchema;

/// Which scores count.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PeriodWire {
    /// Those of all time.
    All,
    /// Those of one ISO week.
    Week,
}

/// A board.
#[derive(Serialize, ToSchema)]
pub(crate) struct BoardOut {
    /// The id of a quiz, or `global`.
    #[schema(min_length = 3, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    board: String,
    /// Which scores count.
    period: PeriodWire,
    /// The ISO week, for `week`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        required = false,
        nullable = false,
        pattern = "^[0-9]{4}-W[0-9]{2}$",
        min_length = 8,
        max_length = 8
    )]
    week: Option<String>,
    /// How many users the board has.
    participants: u64,
}

impl BoardOut {
    /// The name of its scope.
    pub(crate) fn name(board: &Board) -> String {
        board.scope.to_string()
    }

    fn new(board: &Board, participants: u64) -> Self {
        let (period, week) = match board.period {
            Period::All => (PeriodWire::All, None),
            Period::Week(week) => (PeriodWire::Week, Some(week.to_string())),
        };
        Self { board: board.scope.to_string(), period, week, participants }
    }
}

/// A page of a leaderboard.
#[derive(Serialize, ToSchema)]
pub(crate) struct LeaderboardOut {
    #[serde(flatten)]
    board: BoardOut,
    /// The users, the best first.
    #[schema(max_items = 50)]
    entries: Vec<BoardEntryOut>,
    /// The cursor of the next page; absent from the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, max_length = 64, pattern = "^[A-Za-z0-9_-]+$")]
    next: Option<String>,
}

impl LeaderboardOut {
    pub(crate) fn new(board: &Board, list: &List, next: Option<String>) -> Self {
        let entries = list.rows.iter().map(BoardEntryOut::from).collect();
        Self { board: BoardOut::new(board, list.participants), entries, next }
    }
}

/// A user on a leaderboard.
#[derive(Serialize, ToSchema)]
pub(crate) struct BoardEntryOut {
    /// One more than there are users with a higher score; equal scores share it.
    #[schema(minimum = 1)]
    rank: u64,
    /// The score: basis points (0 to 10,000) on the board of a quiz, experience points on the global one.
    #[schema(maximum = 16_777_215)]
    score: u32,
    /// When it was reached, in Unix seconds.
    reached_at: u64,
    /// The display name, if the user wants it shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, value_type = schemas::DisplayName)]
    name: Option<String>,
}

impl From<&Row> for BoardEntryOut {
    fn from(Row { rank, score, at, name }: &Row) -> Self {
        let name = name.as_ref().map(|name| name.as_str().to_owned());
        Self { rank: *rank, score: score.get(), reached_at: at.unix_seconds(), name }
    }
}

/// The user's own place on a leaderboard.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnPlaceOut {
    #[serde(flatten)]
    board: BoardOut,
    /// Whether the user has left the boards of this quiz, or the global ones.
    has_left: bool,
    /// The user's own entry; absent if they have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    own: Option<BoardEntryOut>,
    /// At most three users above, the user, and at most three below; empty without `own`.
    #[schema(max_items = 7)]
    neighbours: Vec<NeighbourOut>,
}

impl OwnPlaceOut {
    pub(crate) fn new(board: &Board, place: OwnPlace) -> Self {
        let neighbours = place.neighbours.iter().map(|neighbour| NeighbourOut {
            entry: BoardEntryOut::from(&neighbour.row),
            is_self: neighbour.is_self,
        });
        Self {
            board: BoardOut::new(board, place.participants),
            has_left: place.has_left,
            own: place.own().map(BoardEntryOut::from),
            neighbours: neighbours.collect(),
        }
    }
}

/// A user near the user's own place.
#[derive(Serialize, ToSchema)]
pub(crate) struct NeighbourOut {
    #[serde(flatten)]
    entry: BoardEntryOut,
    /// Whether it is the user.
    is_self: bool,
}
