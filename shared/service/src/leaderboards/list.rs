//! The list of a board.

use futures_util::future::{BoxFuture, try_join_all};
use minigate_cache::Cached;
use minigate_domain::{
    Timestamp,
    leaderboards::{Board, BoardScore},
};
use minigate_store::leaderboards::{Entry, EntryRange};
use serde::{Deserialize, Serialize};

use super::{Leaderboards, LeaderboardsError, Row};

/// How many users a page of a list has.
pub(super) const PAGE: usize = 50;
/// How many are read at once of one page of entries: those of a page, one that says whether there are more,
/// and those that stand at the very place of the last one listed.
const AT_ONCE: u8 = 2 * PAGE as u8 + 1;

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// How many users the board has.
    pub participants: u64,
    /// The users, the best first; of equal scores, the one that was reached first.
    pub rows: Vec<Row>,
    /// Where the list goes on.
    pub next: Option<Spot>,
}

/// A spot in a list. It names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    /// The score of the last one listed.
    pub score: BoardScore,
    /// When it was reached.
    pub at: Timestamp,
    /// How many of those with the same score, reached in the same millisecond, are listed: at most fifty.
    pub listed: u8,
}

impl Leaderboards {
    /// A page of the list, from the top or behind a spot; at most five seconds old. 0 calls when warm.
    ///
    /// # Errors
    /// [`LeaderboardsError`].
    pub fn list<'a>(
        &'a self,
        board: &'a Board,
        behind: Option<Spot>,
    ) -> BoxFuture<'a, Result<Cached<List>, LeaderboardsError>> {
        // As a trait object: the compiler has a limit on how deep futures may be nested.
        Box::pin(async move {
            let spot = behind.map_or_else(String::new, |Spot { score, at, listed }| {
                format!("{}.{}.{listed}", score.get(), at.unix_millis())
            });
            let key = format!("{board}/{spot}");
            let (service, board) = (self.clone(), board.clone());
            let load = move || async move { service.load_list(&board, behind).await };
            Ok(self.0.lists.at(&key)?.get_or_load(load).await?)
        })
    }

    async fn load_list(
        &self,
        board: &Board,
        behind: Option<Spot>,
    ) -> Result<List, LeaderboardsError> {
        let census = self.census(board, None).await?;
        let scope = &board.scope;
        // The pages that have enough users, by the counters, which may be a moment behind.
        let first = behind.map(|spot| scope.page_of(spot.score));
        let (mut queries, mut expected) = (Vec::new(), 0);
        for page in scope.pages() {
            if first.is_some_and(|first| page > first) || expected > PAGE as u64 {
                continue;
            }
            let users = census.entries(page);
            let range = match behind.filter(|_| first == Some(page)) {
                Some(spot) => EntryRange::From(spot.score, spot.at),
                None if users == 0 => continue,
                None => EntryRange::Top,
            };
            queries.push(self.0.store.entries(board, page, range, AT_ONCE));
            // Of the page with the spot, nobody knows how many are behind it.
            expected += if range == EntryRange::Top { users } else { 0 };
        }
        let mut entries: Vec<Entry> = try_join_all(queries).await?.concat();
        if let Some(Spot { score, at, listed }) = behind {
            let is_there = |entry: &&Entry| (entry.score, entry.at) == (score, at);
            let there = entries.iter().take_while(is_there).count();
            entries.drain(..there.min(usize::from(listed)));
        }
        let is_more = entries.len() > PAGE;
        entries.truncate(PAGE);
        let next = entries.last().filter(|_| is_more).map(|last| {
            let is_there = |entry: &&Entry| (entry.score, entry.at) == (last.score, last.at);
            let listed = entries.iter().rev().take_while(is_there).count();
            let before = behind.filter(|spot| (spot.score, spot.at) == (last.score, last.at));
            let listed = listed + before.map_or(0, |spot| usize::from(spot.listed));
            let listed = u8::try_from(listed).unwrap_or(u8::MAX).min(Spot::MOST);
            Spot { score: last.score, at: last.at, listed }
        });
        let rows = self.rank(board, behind, &entries).await?;
        Ok(List { participants: census.participants().max(rows.len() as u64), rows, next })
    }

    /// Ranks from the top are counted; further down, the first one is looked up.
    async fn rank(
        &self,
        board: &Board,
        behind: Option<Spot>,
        entries: &[Entry],
    ) -> Result<Vec<Row>, LeaderboardsError> {
        let Some(first) = entries.first() else { return Ok(Vec::new()) };
        let (mut rank, mut with_score) = (1, 0);
        if behind.is_some() {
            let census = self.census(board, Some(first.score)).await?;
            rank = census.rank(first.score).unwrap_or(1);
            // Those who are listed on the page before.
            let here = entries.iter().take_while(|entry| entry.score == first.score).count() as u64;
            with_score = census.users_with(first.score).unwrap_or(0).saturating_sub(here);
        }
        let names = self.names(entries).await?;
        let (mut rows, mut score) = (Vec::with_capacity(entries.len()), first.score);
        for entry in entries {
            if entry.score != score {
                (rank, with_score, score) = (rank + with_score, 0, entry.score);
            }
            with_score += 1;
            let name = names.get(&entry.user_id).cloned();
            rows.push(Row { rank, score, at: entry.at, name });
        }
        Ok(rows)
    }
}

impl Spot {
    /// The most that [`listed`](Self::listed) may be.
    pub const MOST: u8 = PAGE as u8;
}
