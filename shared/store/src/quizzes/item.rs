//! The item `META`.

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use minigate_domain::quizzes::{ContentHash, Quiz, QuizId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Store, StoreError,
    call::{Item, decoded, not_built, number, string},
    keys::{self, PARTITION_KEY, SORT_KEY},
};

const ENTITY: &str = "quiz";

/// The version of the items of quizzes. Readers ignore it until there is a second one.
pub(super) const FORMAT: u64 = 1;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct QuizItem {
    #[serde(flatten)]
    pub(super) quiz: Quiz,
    /// Counts all changes, from 1.
    pub(super) revision: u64,
    /// The hash of the draft, and of the one that was published last, by which both are compared. They
    /// cover answers, so they stay in this item.
    pub(super) draft_sha256: ContentHash,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) published_sha256: Option<ContentHash>,
    /// The entries of the catalogue, which the next publication replaces. Stored rather than derived, so that another
    /// release that derives them differently leaves none behind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) listed: Vec<Entry>,
}

/// The key of an entry of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "p")]
    pub(super) partition: String,
    #[serde(rename = "s")]
    pub(super) sort: String,
}

impl Entry {
    pub(super) fn into_attributes(self) -> Item {
        [(PARTITION_KEY, self.partition), (SORT_KEY, self.sort)]
            .map(|(name, value)| (name.to_owned(), string(value)))
            .into()
    }
}

impl QuizItem {
    /// The draft that was published last is the draft of now.
    pub(super) fn is_draft_published(&self) -> bool {
        self.published_sha256.as_ref() == Some(&self.draft_sha256)
    }
}

impl Store {
    /// The write that puts a quiz in the place of its revision `known`, or of none.
    pub(super) fn putting_quiz(
        &self,
        id: &QuizId,
        item: &QuizItem,
        known: Option<u64>,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut attributes: Item = serde_dynamo::to_item(item)
            .map_err(|source| StoreError::Corrupt { entity: ENTITY, source })?;
        attributes.extend(keys::quiz(id).into_attributes());
        let put = Put::builder()
            .table_name(&self.tables.main)
            .set_item(Some(attributes))
            .item("format", number(FORMAT));
        let put = match known {
            Some(revision) => put
                .condition_expression("#revision = :known")
                .expression_attribute_names("#revision", "revision")
                .expression_attribute_values(":known", number(revision)),
            None => put
                .condition_expression("attribute_not_exists(#pk)")
                .expression_attribute_names("#pk", PARTITION_KEY),
        };
        Ok(TransactWriteItem::builder().put(put.build().map_err(not_built)?).build())
    }

    /// The write that removes an entry of the catalogue.
    pub(super) fn removing(&self, entry: Entry) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder()
            .table_name(&self.tables.main)
            .set_key(Some(entry.into_attributes()))
            .build()
            .map_err(not_built)?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }
}

pub(super) fn decode_quiz(item: Item) -> Result<QuizItem, StoreError> {
    decoded(ENTITY, item)
}

/// The hash of a text.
pub(super) fn hash(text: &str) -> ContentHash {
    ContentHash::new(Sha256::digest(text.as_bytes()).into())
}
