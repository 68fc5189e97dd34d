//! What is stored of the authors of quizzes: which quizzes are theirs.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use minigate_domain::{UserId, quizzes::QuizId};
use serde_json::{Value, json};

use crate::{
    Account, Store, StoreError,
    call::{failed, not_built, number, string},
    keys::{self, AUTHORED_PREFIX, PARTITION_KEY, SORT_KEY},
    personal::{Exporting, PersonalData},
};

/// The most quizzes of an export.
const MOST: i32 = 1_000;

/// The quizzes that a user wrote, by name: their content is the product's and not the user's own.
pub(crate) struct Authored;

impl PersonalData for Authored {
    fn noun(&self) -> &'static str {
        "quizzes"
    }

    fn export<'a>(&'a self, store: &'a Store, account: &'a Account) -> Exporting<'a> {
        Box::pin(async move {
            match &account.profile {
                Some(profile) => store.authored_by(profile.user_id).await,
                None => Ok(json!([])),
            }
        })
    }
}

impl Store {
    /// The quizzes of an author, in the order of their names: one query.
    async fn authored_by(&self, author: UserId) -> Result<Value, StoreError> {
        let output = self
            .client
            .query()
            .table_name(&self.tables.main)
            .key_condition_expression("#pk = :user AND begins_with(#sk, :authored)")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_names("#sk", SORT_KEY)
            .expression_attribute_values(":user", string(keys::user(author)))
            .expression_attribute_values(":authored", string(AUTHORED_PREFIX))
            .consistent_read(true)
            .limit(MOST)
            .send()
            .await
            .map_err(|error| failed("Query", error))?;
        let items = output.items.unwrap_or_default();
        let quizzes = items.iter().map(|item| {
            let quiz = super::text(item, SORT_KEY).unwrap_or_default();
            let created_at = item.get("created_at").and_then(|at| at.as_n().ok());
            let created_at = created_at.and_then(|at| at.parse::<u64>().ok());
            json!({ "quiz": quiz.trim_start_matches(AUTHORED_PREFIX), "created_at": created_at })
        });
        Ok(quizzes.collect())
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
