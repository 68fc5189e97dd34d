//! What leaderboards have of a user: standings, and the entries that these say there are.

use minigate_domain::{Timestamp, UserId, leaderboards::Scope};
use serde_json::{Map, Value, json};

use super::StandingOutcome;
use crate::{
    Store, StoreError,
    personal::{Erased, Erasing, Exporting, PersonalData, Subject},
};

/// How many pages of a hundred standings an export has: more than there are quizzes to take.
const MAX_PAGES: usize = 20;

/// Leaderboards, as a noun with personal data.
pub(crate) struct OfLeaderboards;

impl PersonalData for OfLeaderboards {
    fn noun(&self) -> &'static str {
        "leaderboards"
    }

    fn export<'a>(&'a self, of: &'a Subject<'a>) -> Exporting<'a> {
        Box::pin(async {
            let mut exported = Map::new();
            let mut after: Option<Scope> = None;
            for _ in 0..MAX_PAGES {
                let page = of.store.standings(of.user_id, after.as_ref()).await?;
                let Some((last, _)) = page.last() else { break };
                after = Some(last.clone());
                let standings = page.into_iter();
                exported.extend(
                    standings.map(|(scope, standing)| (scope.to_string(), json!(standing))),
                );
            }
            Ok(Value::Object(exported))
        })
    }

    fn erase<'a>(&'a self, store: &'a Store, user_id: UserId) -> Erasing<'a> {
        Box::pin(async move {
            let is_all = store.erase_standings(user_id).await?;
            Ok(if is_all { Erased::All } else { Erased::Some })
        })
    }
}

impl Store {
    /// Erases a page of a user's standings, and all of their entries: one query, and a transaction for each
    /// standing. Whether nothing is left. Repeating it is safe.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn erase_standings(&self, user_id: UserId) -> Result<bool, StoreError> {
        let standings = self.standings(user_id, None).await?;
        for (scope, standing) in &standings {
            // As if it were done at once after the last change: entries of all weeks that were kept then end.
            let at = Timestamp::from_unix_millis(standing.version);
            let Some(change) = standing.erase(at) else { continue };
            // Moves wait until somebody reads the board, so the cause must not say whose they are. Its key has
            // the version too; in the rare case that two are equal, the second one is repeated after a fold.
            match self.change_standing(user_id, scope, &change, "erased").await? {
                StandingOutcome::Changed => {}
                StandingOutcome::Stale => return Ok(false),
            }
        }
        Ok(standings.is_empty())
    }
}
