//! The entries of a board, in their order.

use minigate_domain::{
    Timestamp, UserId,
    leaderboards::{Board, BoardScore, EntryPage, Place},
};
use serde::Deserialize;

use crate::{
    Store, StoreError,
    call::{Item, decoded, failed, string},
    keys::{self, PARTITION_KEY, SORT_KEY},
};

/// A user on a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// The user.
    #[serde(rename = "user")]
    pub user_id: UserId,
    /// Their score.
    pub score: BoardScore,
    /// When they reached it.
    pub at: Timestamp,
}

impl Entry {
    /// Its place.
    pub const fn place(&self) -> Place {
        Place { score: self.score, at: self.at }
    }

    fn key(&self) -> String {
        keys::board_entry(self.user_id, self.place())
    }
}

/// Which entries of a page are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryRange {
    /// The first ones, the best first.
    Top,
    /// The ones with this score that was reached at this moment, and all behind them, the best first.
    From(BoardScore, Timestamp),
    /// The ones after an entry, which need not be there any more, the best first.
    After(Entry),
    /// The ones before an entry, the nearest first.
    Before(Entry),
    /// The last ones, the last first.
    Bottom,
}

impl EntryRange {
    const fn is_downwards(self) -> bool {
        matches!(self, Self::Top | Self::From(..) | Self::After(_))
    }
}

impl Store {
    /// Entries of one page of a board, at most `limit`: one query.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn entries(
        &self,
        board: &Board,
        page: EntryPage,
        range: EntryRange,
        limit: u8,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut condition = "#pk = :page".to_owned();
        let mut query = self
            .client
            .query()
            .table_name(&self.tables.main)
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_values(":page", string(keys::board_page(board, page)));
        let bound = match range {
            EntryRange::Top | EntryRange::Bottom => None,
            EntryRange::From(score, at) => {
                Some((" AND #sk >= :bound", keys::board_place(Place { score, at })))
            }
            EntryRange::After(entry) => Some((" AND #sk > :bound", entry.key())),
            EntryRange::Before(entry) => Some((" AND #sk < :bound", entry.key())),
        };
        if let Some((bounded, bound)) = bound {
            condition += bounded;
            query = query
                .expression_attribute_names("#sk", SORT_KEY)
                .expression_attribute_values(":bound", string(bound));
        }
        let query = query.key_condition_expression(condition);
        let query = query.scan_index_forward(range.is_downwards()).limit(i32::from(limit));
        let output = query.send().await.map_err(|error| failed("Query", error))?;
        let decode = |item: Item| decoded("entry of a leaderboard", item);
        output.items.unwrap_or_default().into_iter().map(decode).collect()
    }
}
