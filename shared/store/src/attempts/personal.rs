//! What attempts know of a user.

use serde_json::json;

use crate::{
    Account, Store,
    keys::ATTEMPT_PREFIX,
    personal::{Exporting, PersonalData},
};

/// Attempts with their answers, and what is open and best in each quiz. An entry among the deadlines repeats an
/// open attempt and is not exported by itself.
pub(crate) struct OfAttempts;

/// The most attempts and the most quizzes of an export.
const MOST: usize = 1_000;

impl PersonalData for OfAttempts {
    fn noun(&self) -> &'static str {
        "attempts"
    }

    fn export<'a>(&'a self, store: &'a Store, account: &'a Account) -> Exporting<'a> {
        Box::pin(async move {
            let Some(user_id) = account.profile.as_ref().map(|profile| profile.user_id) else {
                return Ok(json!({ "attempts": [], "quizzes": [] }));
            };
            let attempts = store.items_of(user_id, ATTEMPT_PREFIX, MOST).await?;
            let quizzes = store.items_of(user_id, "STATE#", MOST).await?;
            Ok(json!({ "attempts": attempts, "quizzes": quizzes }))
        })
    }
}
