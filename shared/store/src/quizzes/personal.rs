//! What is stored of the authors of quizzes: which quizzes are theirs.

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use minigate_domain::{UserId, quizzes::QuizId};
use serde_json::{Value, json};

use crate::{
    Store, StoreError,
    call::{failed, not_built, number, transaction_failed},
    keys::{self, AUTHORED_PREFIX, PARTITION_KEY, SORT_KEY},
    personal::{Erased, Erasing, Exporting, PersonalData, Subject},
};

/// The most quizzes of an export.
const MOST: i32 = 1_000;

/// How many quizzes are taken from their author at once.
const PAGE: i32 = 25;

/// The quizzes that a user wrote, by name: their content is the product's and not the user's own.
pub(crate) struct Authored;

impl PersonalData for Authored {
    fn noun(&self) -> &'static str {
        "quizzes"
    }

    fn export<'a>(&'a self, of: &'a Subject<'a>) -> Exporting<'a> {
        Box::pin(of.store.authored_by(of.user_id))
    }

    /// The quizzes stay, without an author: others have certificates of them.
    fn erase<'a>(&'a self, store: &'a Store, user_id: UserId) -> Erasing<'a> {
        Box::pin(async move {
            let (quizzes, is_all) = store.authored_page(user_id).await?;
            for quiz in &quizzes {
                store.disown(user_id, quiz).await?;
            }
            Ok(if is_all { Erased::All } else { Erased::Some })
        })
    }
}

impl Store {
    /// The quizzes of an author, in the order of their names: one query.
    async fn authored_by(&self, author: UserId) -> Result<Value, StoreError> {
        let query = self.query_of_user(author, AUTHORED_PREFIX).limit(MOST);
        let output = query.send().await.map_err(|error| failed("Query", error))?;
        let items = output.items.unwrap_or_default();
        let quizzes = items.iter().map(|item| {
            let quiz = super::text(item, SORT_KEY).unwrap_or_default();
            let created_at = item.get("created_at").and_then(|at| at.as_n().ok());
            let created_at = created_at.and_then(|at| at.parse::<u64>().ok());
            json!({ "quiz": quiz.trim_start_matches(AUTHORED_PREFIX), "created_at": created_at })
        });
        Ok(quizzes.collect())
    }

    /// Some of the quizzes of an author, and whether these are all.
    async fn authored_page(&self, author: UserId) -> Result<(Vec<QuizId>, bool), StoreError> {
        let query = self.query_of_user(author, AUTHORED_PREFIX).limit(PAGE);
        let output = query.send().await.map_err(|error| failed("Query", error))?;
        let is_all = output.last_evaluated_key.is_none();
        let items = output.items.unwrap_or_default();
        let quizzes = items.iter().filter_map(|item| {
            super::text(item, SORT_KEY)?.strip_prefix(AUTHORED_PREFIX)?.parse().ok()
        });
        Ok((quizzes.collect(), is_all))
    }

    /// Takes a quiz from its author: its item, its draft and the author's pointer, in one transaction. The revision
    /// grows, so that a change that was read before does not put the author back.
    async fn disown(&self, author: UserId, id: &QuizId) -> Result<(), StoreError> {
        let quiz = Update::builder()
            .set_key(Some(keys::quiz(id).into_attributes()))
            .update_expression("SET #revision = #revision + :one REMOVE #owner")
            .expression_attribute_names("#revision", "revision")
            .expression_attribute_values(":one", number(1_u8));
        let draft = Update::builder()
            .set_key(Some(keys::quiz_draft(id).into_attributes()))
            .update_expression("REMOVE #owner");
        let mut write = self.client.transact_write_items();
        for update in [quiz, draft] {
            let update = update
                .table_name(&self.tables.main)
                .condition_expression("attribute_exists(#pk)")
                .expression_attribute_names("#pk", PARTITION_KEY)
                .expression_attribute_names("#owner", "owner")
                .build()
                .map_err(not_built)?;
            write = write.transact_items(TransactWriteItem::builder().update(update).build());
        }
        let pointer = Delete::builder()
            .table_name(&self.tables.main)
            .set_key(Some(keys::authored(author, id)))
            .build()
            .map_err(not_built)?;
        let write = write.transact_items(TransactWriteItem::builder().delete(pointer).build());
        write.send().await.map(drop).map_err(transaction_failed)
    }

    /// The write that says whose a new quiz is.
    pub(super) fn claiming(
        &self,
        id: &QuizId,
        author: UserId,
        created_at: u64,
    ) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.tables.main)
            .set_item(Some(keys::authored(author, id)))
            .item("created_at", number(created_at));
        Ok(TransactWriteItem::builder().put(put.build().map_err(not_built)?).build())
    }
}
