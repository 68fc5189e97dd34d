//! A published version: its content, and its key in an attribute that only one read asks for.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use minigate_domain::{
    Timestamp,
    quizzes::{AnswerKey, ContentHash, Publication, PublishedQuiz, QuizCard, QuizId, Version},
};
use serde::{Deserialize, Serialize};

use super::{
    corrupt,
    item::{FORMAT, hash},
    text,
};
use crate::{
    Store, StoreError,
    call::{Item, decoded, failed, not_built, number, string},
    keys::{self, PARTITION_KEY},
};

const ENTITY: &str = "version of a quiz";

/// The attribute with the key.
const KEY: &str = "key";

/// A version as everybody may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedVersion {
    /// Its number.
    pub version: Version,
    /// The hash of its content.
    pub sha256: ContentHash,
    /// When it was published.
    pub published_at: Timestamp,
    /// Its content.
    pub quiz: PublishedQuiz,
}

impl PublishedVersion {
    /// What everybody may read without starting an attempt.
    pub fn card(&self) -> QuizCard {
        QuizCard::new(&self.quiz, self.version, self.sha256.clone(), self.published_at)
    }
}

/// A version with its key. Only what scores an attempt asks for it. It cannot be serialised, and its `Debug`
/// shows nothing of the key.
#[derive(Clone, Debug)]
pub struct KeyedVersion {
    /// What everybody may see.
    pub published: PublishedVersion,
    /// What is right.
    pub key: AnswerKey,
}

impl Store {
    /// A version without its key, which DynamoDB does not send: one read. Versions never change, so it may be
    /// kept for ever.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn quiz_version(
        &self,
        id: &QuizId,
        version: Version,
    ) -> Result<Option<PublishedVersion>, StoreError> {
        let item = self.version_item(id, version, PUBLIC).await?;
        item.as_ref().map(decode_version).transpose()
    }

    /// A version with its key, to score an attempt: one read. Nobody may keep it or send it on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn quiz_version_with_key(
        &self,
        id: &QuizId,
        version: Version,
    ) -> Result<Option<KeyedVersion>, StoreError> {
        let item = self.version_item(id, version, &[PUBLIC, ", #key"].concat()).await?;
        item.as_ref().map(decode_keyed_version).transpose()
    }

    async fn version_item(
        &self,
        id: &QuizId,
        version: Version,
        attributes: &str,
    ) -> Result<Option<Item>, StoreError> {
        let read = self
            .client
            .get_item()
            .table_name(&self.tables.main)
            .set_key(Some(keys::quiz_version(id, version)))
            .projection_expression(attributes);
        let read = if attributes.contains("#key") {
            read.expression_attribute_names("#key", KEY)
        } else {
            read
        };
        // A version may be asked for in the moment after its publication.
        let output = read.consistent_read(true).send().await;
        Ok(output.map_err(|error| failed("GetItem", error))?.item)
    }

    /// The write that publishes a version, whose number nobody may have used.
    pub(super) fn putting_version(
        &self,
        id: &QuizId,
        content: &str,
        publication: &Publication,
        card: &QuizCard,
    ) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.tables.main)
            .set_item(Some(keys::quiz_version(id, card.version)))
            .item("format", number(FORMAT))
            .item("version", number(card.version.get()))
            .item("sha256", string(card.sha256.as_str()))
            .item("published_at", number(card.published_at.unix_millis()))
            .item("content", string(content))
            .item(KEY, string(publication.key.to_stored()))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PARTITION_KEY);
        Ok(TransactWriteItem::builder().put(put.build().map_err(not_built)?).build())
    }
}

/// All attributes but the key.
const PUBLIC: &str = "version, sha256, published_at, content";

/// The content as it is stored and hashed: JSON without white space, its fields in the order of the types
/// and its maps in the order of their keys.
pub(super) fn canonical(quiz: &PublishedQuiz) -> Result<(String, ContentHash), StoreError> {
    let content =
        serde_json::to_string(quiz).map_err(|_| corrupt(ENTITY, "it cannot be written as JSON"))?;
    let sha256 = hash(&content);
    Ok((content, sha256))
}

#[derive(Deserialize)]
struct VersionItem {
    version: Version,
    sha256: ContentHash,
    published_at: Timestamp,
    content: String,
}

fn decode_version(item: &Item) -> Result<PublishedVersion, StoreError> {
    let public = |name: &&str| item.get(*name).map(|value| ((*name).to_owned(), value.clone()));
    let public = ["version", "sha256", "published_at", "content"].iter().filter_map(public);
    let VersionItem { version, sha256, published_at, content } = decoded(ENTITY, public.collect())?;
    let quiz = serde_json::from_str(&content)
        .map_err(|_| corrupt(ENTITY, "its content is no published quiz"))?;
    Ok(PublishedVersion { version, sha256, published_at, quiz })
}

/// A version with its key, from an item that was read whole, as a batch reads it.
pub(crate) fn decode_keyed_version(item: &Item) -> Result<KeyedVersion, StoreError> {
    let key = text(item, KEY).and_then(AnswerKey::from_stored);
    let key = key.ok_or_else(|| corrupt(ENTITY, "its key is none"))?;
    Ok(KeyedVersion { published: decode_version(item)?, key })
}
