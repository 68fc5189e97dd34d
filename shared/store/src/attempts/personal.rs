//! What attempts know of a user.

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};
use minigate_domain::{AttemptId, Timestamp, UserId};
use serde_json::json;

use crate::{
    Store, StoreError,
    call::{Item, failed, not_built, sort_key, transaction_failed},
    keys::{self, ATTEMPT_PREFIX, STATE_PREFIX},
    personal::{Erased, Erasing, Exporting, PersonalData, Subject},
};

/// Attempts with their answers, and what is open and best in each quiz. An entry among the deadlines repeats an
/// open attempt and is not exported by itself.
pub(crate) struct OfAttempts;

/// The most attempts and the most quizzes of an export.
const MOST: usize = 1_000;

/// How many attempts are erased at once.
const PAGE: i32 = 25;

impl PersonalData for OfAttempts {
    fn noun(&self) -> &'static str {
        "attempts"
    }

    fn export<'a>(&'a self, of: &'a Subject<'a>) -> Exporting<'a> {
        Box::pin(async move {
            let attempts = of.store.export_items(of.user_id, ATTEMPT_PREFIX, MOST).await?;
            let quizzes = of.store.export_items(of.user_id, STATE_PREFIX, MOST).await?;
            Ok(json!({ "attempts": attempts, "quizzes": quizzes }))
        })
    }

    fn erase<'a>(&'a self, store: &'a Store, user_id: UserId) -> Erasing<'a> {
        Box::pin(async move {
            match store.erase_attempts(user_id).await? {
                Erased::All => store.erase_items(user_id, STATE_PREFIX).await,
                Erased::Some => Ok(Erased::Some),
            }
        })
    }
}

impl Store {
    /// Deletes some of a user's attempts, each with its entry among the deadlines, which a scored one has no more. What
    /// cannot be decoded is deleted too.
    async fn erase_attempts(&self, user_id: UserId) -> Result<Erased, StoreError> {
        let query = self.query_of_user(user_id, ATTEMPT_PREFIX).limit(PAGE);
        let query = query.projection_expression("#pk, #sk, deadline");
        let output = query.send().await.map_err(|error| failed("Query", error))?;
        for item in output.items.unwrap_or_default() {
            let mut write = self.client.transact_write_items();
            let due = due_entry(user_id, &item);
            let key = item.into_iter().filter(|(name, _)| name != "deadline").collect();
            for key in [Some(key), due].into_iter().flatten() {
                let delete = Delete::builder().table_name(&self.tables.main).set_key(Some(key));
                let delete = delete.build().map_err(not_built)?;
                write = write.transact_items(TransactWriteItem::builder().delete(delete).build());
            }
            write.send().await.map_err(transaction_failed)?;
        }
        let is_all = output.last_evaluated_key.is_none();
        Ok(if is_all { Erased::All } else { Erased::Some })
    }
}

fn due_entry(user_id: UserId, item: &Item) -> Option<Item> {
    let id: AttemptId = sort_key(item)?.strip_prefix(ATTEMPT_PREFIX)?.parse().ok()?;
    let deadline = item.get("deadline")?.as_n().ok()?.parse().ok()?;
    Some(keys::due_entry(user_id, id, Timestamp::from_unix_millis(deadline)))
}
