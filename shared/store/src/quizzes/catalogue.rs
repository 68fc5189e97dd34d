//! The catalogue: an entry of each quiz in every list that it is in, in the order of titles.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use minigate_domain::quizzes::{QuizList, QuizSummary};

use super::item::{Entry, FORMAT};
use crate::{
    Store, StoreError,
    call::{Item, decoded, failed, not_built, number, string},
    keys::{self, PARTITION_KEY, SORT_KEY},
};

const ENTITY: &str = "entry of the catalogue";

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CataloguePage {
    /// The quizzes, in the order of their titles.
    pub quizzes: Vec<QuizSummary>,
    /// The place of the last one, if there may be more behind it.
    pub last: Option<String>,
}

impl Store {
    /// The quizzes of a list behind a place, at most `limit` of them: one query, not consistent.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn quizzes(
        &self,
        list: &QuizList,
        behind: Option<&str>,
        limit: u8,
    ) -> Result<CataloguePage, StoreError> {
        let partition = keys::catalogue(list);
        let start =
            behind.map(|sort| Entry { partition: partition.clone(), sort: sort.to_owned() });
        let output = self
            .client
            .query()
            .table_name(&self.tables.main)
            .key_condition_expression("#pk = :list")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_values(":list", string(partition))
            .set_exclusive_start_key(start.map(Entry::into_attributes))
            .limit(i32::from(limit))
            .send()
            .await
            .map_err(|error| failed("Query", error))?;
        let last = output.last_evaluated_key.as_ref().and_then(|key| key.get(SORT_KEY));
        let last = last.and_then(|sort| sort.as_s().ok()).cloned();
        let items = output.items.unwrap_or_default().into_iter();
        let quizzes = items.map(|item| decoded(ENTITY, item)).collect::<Result<_, _>>()?;
        Ok(CataloguePage { quizzes, last })
    }

    /// The write that puts an entry into the catalogue.
    pub(super) fn listing(
        &self,
        entry: &Entry,
        summary: &QuizSummary,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut item: Item = serde_dynamo::to_item(summary)
            .map_err(|source| StoreError::Corrupt { entity: ENTITY, source })?;
        item.extend(entry.clone().into_attributes());
        let put = Put::builder()
            .table_name(&self.tables.main)
            .set_item(Some(item))
            .item("format", number(FORMAT));
        Ok(TransactWriteItem::builder().put(put.build().map_err(not_built)?).build())
    }
}

impl Entry {
    pub(super) fn of(list: &QuizList, summary: &QuizSummary) -> Self {
        Self {
            partition: keys::catalogue(list),
            sort: keys::catalogue_entry(&summary.title, &summary.id),
        }
    }
}
