//! A user's own place, leaving and coming back.

use futures_util::future::{BoxFuture, try_join_all};
use minigate_domain::{
    Timestamp, UserId,
    leaderboards::{Board, BoardScore, Census, Change, Lane, Scope, ScopeLane, Standing},
};
use minigate_store::{
    StoreError,
    leaderboards::{Entry, EntryRange, StandingOutcome},
};

use super::{Leaderboards, LeaderboardsError, Row};

/// How many users above and how many below are shown.
const SHOWN: usize = 3;
/// How many are read, to see where a group of equal scores begins.
const READ: u8 = 10;
/// How often a change of a standing is tried while the user's results change it as well.
const TRIES: u32 = 5;

/// A user on a board, and who is around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnPlace {
    /// How many users the board has.
    pub participants: u64,
    /// Whether the user has left the boards of the scope.
    pub has_left: bool,
    /// The users around this one, who is among them; the best first. Empty if the user is not on the board.
    pub neighbours: Vec<Neighbour>,
}

/// Entries on one side of a user's, the nearest first.
struct Near {
    entries: Vec<Entry>,
    /// Whether all with the score of the last one are among them.
    is_whole: bool,
}

/// A user near another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// As others see them.
    pub row: Row,
    /// Whether it is the user who asks.
    pub is_self: bool,
}

impl OwnPlace {
    /// The user's own row; `None` if they are not on the board.
    pub fn own(&self) -> Option<&Row> {
        self.neighbours.iter().find(|neighbour| neighbour.is_self).map(|neighbour| &neighbour.row)
    }
}

impl Leaderboards {
    /// A user's own place: what they have just reached shows at once.
    ///
    /// One read of the standing, a census (0 calls when warm), two queries, and one read of names. At an edge
    /// of the board's pages there are further queries, one on most boards and up to three on each side where
    /// there are few users; and where ten or more share the score of a neighbour, another census.
    ///
    /// # Errors
    /// [`LeaderboardsError`].
    pub fn own_place<'a>(
        &'a self,
        board: &'a Board,
        user_id: UserId,
    ) -> BoxFuture<'a, Result<OwnPlace, LeaderboardsError>> {
        // As a trait object: the compiler has a limit on how deep futures may be nested.
        Box::pin(async move {
            let standing = self.0.store.standing(user_id, &board.scope).await?;
            let Some(place) = standing.entry(board.period) else {
                let participants = self.census(board, None).await?.participants();
                let has_left = standing.left;
                return Ok(OwnPlace { participants, has_left, neighbours: Vec::new() });
            };
            let own = Entry { user_id, score: place.score, at: place.at };
            let (census, above, below) = tokio::try_join!(
                self.census(board, Some(own.score)),
                self.near(board, own, EntryRange::Before(own)),
                self.near(board, own, EntryRange::After(own)),
            )?;
            let above = self.over_the_edge(board, own, &census, above, true).await?;
            let below = self.over_the_edge(board, own, &census, below, false).await?;
            let rank = census.rank(own.score).unwrap_or(1);
            let above = self.ranks_above(board, own, rank, &census, above).await?;
            let mut ranked: Vec<(Entry, u64)> = above.into_iter().rev().collect();
            ranked.push((own, rank));
            let below = ranks_below(own, rank, &census, &ranked, below.entries);
            ranked.extend(below);
            let entries: Vec<Entry> = ranked.iter().map(|(entry, _)| *entry).collect();
            let names = self.names(&entries).await?;
            let neighbours = ranked.into_iter().map(|(entry, rank)| {
                let name = names.get(&entry.user_id).cloned();
                let row = Row { rank, score: entry.score, at: entry.at, name };
                Neighbour { row, is_self: entry.user_id == user_id }
            });
            let participants = census.participants().max(rank);
            Ok(OwnPlace { participants, has_left: false, neighbours: neighbours.collect() })
        })
    }

    /// Entries on the user's own page, the nearest first.
    async fn near(
        &self,
        board: &Board,
        own: Entry,
        range: EntryRange,
    ) -> Result<Vec<Entry>, LeaderboardsError> {
        let page = board.scope.page_of(own.score);
        Ok(self.0.store.entries(board, page, range, READ).await?)
    }

    /// More of them from the next pages that have any, where the user's own has too few: all at once, since
    /// the census says which pages they are.
    async fn over_the_edge(
        &self,
        board: &Board,
        own: Entry,
        census: &Census,
        near: Vec<Entry>,
        is_above: bool,
    ) -> Result<Near, LeaderboardsError> {
        let page = board.scope.page_of(own.score);
        let pages: Vec<_> = if is_above {
            board.scope.pages().rev().filter(|other| *other > page).collect()
        } else {
            board.scope.pages().filter(|other| *other < page).collect()
        };
        let range = if is_above { EntryRange::Bottom } else { EntryRange::Top };
        let (mut queries, mut expected) = (Vec::new(), near.len() as u64);
        for page in pages {
            let users = census.entries(page);
            if expected < SHOWN as u64 && users > 0 {
                queries.push(self.0.store.entries(board, page, range, READ));
                expected += users;
            }
        }
        let further = try_join_all(queries).await?;
        let is_whole = further.last().unwrap_or(&near).len() < usize::from(READ);
        let mut entries = near;
        // The user may have moved between two queries.
        let others = further.into_iter().flatten().filter(|entry| entry.user_id != own.user_id);
        entries.extend(others);
        Ok(Near { entries, is_whole })
    }

    /// The nearest ones above with their ranks. A group of equal scores ends one rank above the next lower
    /// one and is as long as it is; where its other end was not read, its rank is looked up.
    async fn ranks_above(
        &self,
        board: &Board,
        own: Entry,
        rank: u64,
        census: &Census,
        above: Near,
    ) -> Result<Vec<(Entry, u64)>, LeaderboardsError> {
        let mut ranked: Vec<(Entry, u64)> = Vec::new();
        let mut below = rank;
        let Near { entries: above, is_whole: is_last_whole } = above;
        for group in above.chunk_by(|one, other| one.score == other.score) {
            if ranked.len() >= SHOWN {
                break;
            }
            let Some(first) = group.first() else { break };
            let known =
                if first.score == own.score { Some(rank) } else { census.rank(first.score) };
            let is_last = above.last().is_some_and(|last| last.score == first.score);
            let is_whole = !is_last || is_last_whole;
            let group_rank = match known {
                Some(known) => known,
                None if is_whole => below.saturating_sub(group.len() as u64).max(1),
                None => {
                    let census = self.census(board, Some(first.score)).await?;
                    census.rank(first.score).unwrap_or(1)
                }
            };
            ranked.extend(group.iter().map(|entry| (*entry, group_rank)));
            below = group_rank;
        }
        ranked.truncate(SHOWN);
        Ok(ranked)
    }

    /// Leaves the boards of a scope: the user's entries end at once. Without any, it keeps results that come
    /// later from entering. Repeating it is safe.
    ///
    /// # Errors
    /// [`LeaderboardsError::Store`].
    pub async fn leave(&self, scope: &Scope, user_id: UserId) -> Result<(), LeaderboardsError> {
        self.change(scope, user_id, Standing::leave).await
    }

    /// Comes back to the boards of a scope, with the best results that the user had meanwhile. Repeating it
    /// is safe.
    ///
    /// # Errors
    /// [`LeaderboardsError::Store`].
    pub async fn rejoin(&self, scope: &Scope, user_id: UserId) -> Result<(), LeaderboardsError> {
        self.change(scope, user_id, Standing::rejoin).await
    }

    async fn change(
        &self,
        scope: &Scope,
        user_id: UserId,
        change: fn(&Standing, Timestamp) -> Option<Change>,
    ) -> Result<(), LeaderboardsError> {
        let mut bytes = [0; 16];
        self.0.entropy.fill(&mut bytes);
        let cause = format!("{:032x}", u128::from_be_bytes(bytes));
        for _ in 0..TRIES {
            let standing = self.0.store.standing(user_id, scope).await?;
            let Some(change) = change(&standing, self.0.clock.now()) else { return Ok(()) };
            let written = self.0.store.change_standing(user_id, scope, &change, &cause).await?;
            if written == StandingOutcome::Changed {
                if !change.moves.is_empty() {
                    let lane = Lane::of(user_id);
                    self.fold_beside([ScopeLane { scope: scope.clone(), lane }]);
                }
                return Ok(());
            }
        }
        Err(StoreError::Contended { operation: "change_standing", attempts: TRIES }.into())
    }

    /// Has moves that wait in these lanes counted, beside the request and after it. Never fails: whatever is
    /// not counted now is counted with later moves, or when somebody reads the board.
    pub fn fold_beside(&self, waiting: impl IntoIterator<Item = ScopeLane>) {
        self.0.folding.fold(waiting);
    }
}

/// The nearest ones below with their ranks: all that are between are read.
fn ranks_below(
    own: Entry,
    rank: u64,
    census: &Census,
    so_far: &[(Entry, u64)],
    below: Vec<Entry>,
) -> Vec<(Entry, u64)> {
    let is_tied = |entry: &Entry| entry.score == own.score;
    let listed = so_far.iter().map(|(entry, _)| entry).chain(&below).filter(|entry| is_tied(entry));
    // The user's own last move may not be counted yet.
    let tied = census.users_with(own.score).unwrap_or(0).max(listed.count() as u64);
    let mut next: (BoardScore, u64, u64) = (own.score, rank, tied);
    let ranked = below.into_iter().map(|entry| {
        let (score, rank, with_score) = next;
        next = if entry.score == own.score {
            next
        } else if entry.score == score {
            (score, rank, with_score + 1)
        } else {
            (entry.score, rank + with_score, 1)
        };
        (entry, next.1)
    });
    ranked.take(SHOWN).collect()
}
