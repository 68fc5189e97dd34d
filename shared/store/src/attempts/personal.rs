//! What attempts know of a user.

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};
use minigate_domain::UserId;
use serde_json::json;

use super::AttemptSummary;
use crate::{
    Store, StoreError,
    call::{not_built, transaction_failed},
    keys::{self, ATTEMPT_PREFIX, STATE_PREFIX},
    personal::{Erased, Erasing, Exporting, PersonalData, Subject},
};

/// Attempts with their answers, and what is open and best in each quiz. An entry among the deadlines repeats an
/// open attempt and is not exported by itself.
pub(crate) struct OfAttempts;

/// The most attempts and the most quizzes of an export.
const MOST: usize = 1_000;

/// How many attempts are erased at once.
const PAGE: u8 = 25;

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
            let page = store.attempts(user_id, None, PAGE).await?;
            for attempt in &page.attempts {
                store.erase_attempt(user_id, attempt).await?;
            }
            if !page.attempts.is_empty() {
                return Ok(Erased::Some);
            }
            store.erase_items(user_id, STATE_PREFIX).await
        })
    }
}

impl Store {
    /// Deletes an attempt with its entry among the deadlines, which a scored one has no more.
    async fn erase_attempt(
        &self,
        user_id: UserId,
        attempt: &AttemptSummary,
    ) -> Result<(), StoreError> {
        let AttemptSummary { id, deadline, .. } = attempt;
        let mut write = self.client.transact_write_items();
        for key in [keys::attempt(user_id, *id), keys::due_entry(user_id, *id, *deadline)] {
            let delete = Delete::builder().table_name(&self.tables.main).set_key(Some(key));
            let delete = delete.build().map_err(not_built)?;
            write = write.transact_items(TransactWriteItem::builder().delete(delete).build());
        }
        write.send().await.map(drop).map_err(transaction_failed)
    }
}
