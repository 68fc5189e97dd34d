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
}

/// Which entries of a page are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryRange {
    /// The first ones, the best first.
    Top,
    /// The ones after an entry, which need not be there any more, the best first.
    After(Entry),
    /// The ones before an entry, the nearest first.
    Before(Entry),
    /// The last ones, the last first.
    Bottom,
}

impl EntryRange {
    const fn is_downwards(self) -> bool {
        matches!(self, Self::Top | Self::After(_))
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
        if let EntryRange::After(entry) | EntryRange::Before(entry) = range {
            condition +=
                if range.is_downwards() { " AND #sk > :entry" } else { " AND #sk < :entry" };
            let key = keys::board_entry(entry.user_id, entry.place());
            query = query
                .expression_attribute_names("#sk", SORT_KEY)
                .expression_attribute_values(":entry", string(key));
        }
        let query = query.key_condition_expression(condition);
        let query = query.scan_index_forward(range.is_downwards()).limit(i32::from(limit));
        let output = query.send().await.map_err(|error| failed("Query", error))?;
        let decode = |item: Item| decoded("entry of a leaderboard", item);
        output.items.unwrap_or_default().into_iter().map(decode).collect()
    }
}
