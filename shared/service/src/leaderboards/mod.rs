//! Leaderboards: lists that everybody reads, a user's own place, and the folds that keep counters current.
//!
//! | namespace | what | levels | fresh | loads |
//! |---|---|---|---|---|
//! | `leaderboards` | a page of a list, with names | memory | 5 s | 1 census, at most a query for each page of the board, names: 1 read |
//! | `census` | counters of a board, around one block of 64 scores | both | 5 s | 1 read of 24 to 56 counters |
//!
//! Lists are in memory only: they hold names and users, and what is in the table `Volatile` stays there for
//! a while. A census names nobody, so all instances share it.
//!
//! Names are those that users want shown at the moment a list is loaded: a change of mind needs no
//! rewrite of entries, and is seen when the list has ended, after five seconds.
//!
//! A user's own place is not remembered: their standing is read, so what they have just reached shows at once.
//! Ranks count everybody who is strictly better, so that it does not matter whether the user's own last move is
//! already counted.
//!
//! | file | what |
//! |---|---|
//! | `folding.rs` | when the moves that wait in a lane are counted |
//! | `list.rs` | the list of a board |
//! | `own.rs` | a user's own place, leaving and coming back |
//! | `recount.rs` | recounts by administrators |

mod error;
mod folding;
mod list;
mod own;
mod recount;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc, time::Duration};

use minigate_cache::{BuildError, Levels, Namespace, NamespaceBuilder};
use minigate_domain::{
    Clock, DisplayName, Entropy, Timestamp, UserId,
    leaderboards::{Board, BoardScore, Census, block_of},
};
use minigate_store::{Store, StoreError, leaderboards::Entry};
use serde::{Deserialize, Serialize};

use self::folding::Folding;
pub use self::{
    error::LeaderboardsError,
    list::{List, Spot},
    own::{Neighbour, OwnPlace},
    recount::{Difference, RecountOutcome, RecountStep, Recounted},
};
use crate::{Context, Service, accounts::names::shown_names};

/// The namespaces of the cache.
pub const NAMESPACES: [&str; 2] = [LISTS, CENSUS];
const LISTS: &str = "leaderboards";
const CENSUS: &str = "census";

/// How old a list or a census gets.
pub const FRESH: Duration = Duration::from_secs(5);
/// While DynamoDB does not answer, what was true some minutes ago is better than nothing.
const GRACE: Duration = Duration::from_secs(10 * 60);
/// How long a request waits for a load if there is something older.
const PATIENCE: Duration = Duration::from_secs(1);

/// The leaderboards. Clones share them.
#[derive(Clone)]
pub struct Leaderboards(Arc<Inner>);

struct Inner {
    lists: Namespace<List>,
    censuses: Namespace<Census>,
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    folding: Folding,
}

/// Somebody on a board, as others see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// One more than there are users with a higher score.
    pub rank: u64,
    /// The score.
    pub score: BoardScore,
    /// When it was reached.
    pub at: Timestamp,
    /// The display name, if the user wants it shown.
    pub name: Option<DisplayName>,
}

impl Service for Leaderboards {
    fn new(context: &Context) -> Result<Self, BuildError> {
        let Context { cache, store, clock, entropy, background } = context.clone();
        Ok(Self(Arc::new(Inner {
            lists: fresh(cache.namespace(LISTS, FRESH)).levels(Levels::Memory).build()?,
            censuses: fresh(cache.namespace(CENSUS, FRESH)).build()?,
            folding: Folding::new(store.clone(), Arc::clone(&clock), background),
            store,
            clock,
            entropy,
        })))
    }
}

/// What may be served is younger than the time for which stamps are believed, so none is read.
fn fresh(namespace: NamespaceBuilder) -> NamespaceBuilder {
    let namespace = namespace.jitter(0.0).grace(GRACE).tag_window(GRACE + FRESH);
    namespace.soft_timeout(PATIENCE)
}

impl Leaderboards {
    /// The counters of a board, at most five seconds old; with a score, all that [`Census::rank`] needs for
    /// it and its block. 0 calls when warm. It also has moves counted whose instance has died before it could,
    /// once a minute and scope, in the background.
    async fn census(
        &self,
        board: &Board,
        around: Option<BoardScore>,
    ) -> Result<Census, LeaderboardsError> {
        let block = around.map_or_else(|| "-".to_owned(), |score| block_of(score).to_string());
        let key = format!("{board}/{block}");
        let (service, board) = (self.clone(), board.clone());
        let load = move || async move {
            service.0.folding.sweep(&board.scope);
            let nodes = board.scope.nodes(around);
            let counts = service.0.store.board_counts(&board, &nodes).await?;
            Ok::<_, StoreError>(Census::new(&board.scope, &counts, around))
        };
        let census = self.0.censuses.at(&key)?.get_or_load(load).await?;
        Ok(Census::clone(&census))
    }

    async fn names(
        &self,
        entries: &[Entry],
    ) -> Result<HashMap<UserId, DisplayName>, LeaderboardsError> {
        let users: Vec<UserId> = entries.iter().map(|entry| entry.user_id).collect();
        Ok(shown_names(&self.0.store, &users).await?)
    }
}
