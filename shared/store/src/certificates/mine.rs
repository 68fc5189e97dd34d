//! The certificates of a user, the newest first.

use std::{collections::HashMap, fmt, str::FromStr};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use minigate_domain::{CertificateId, Timestamp, UserId, certificates::Certificate};
use serde::Deserialize;
use thiserror::Error;

use super::ENTITY;
use crate::{
    Store, StoreError,
    call::{Item, decoded, failed, not_built, sort_key, string},
    keys::{self, CERTIFICATES_PREFIX, PARTITION_KEY, SORT_KEY},
};

/// The certificates of a page: as many as one batch of reads takes and a person looks at.
const PAGE: i32 = 50;
/// DynamoDB may leave out of a batch what would make its answer too large or too fast.
const MAX_BATCHES: u32 = 4;

/// Where a page of certificates ends and the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateCursor {
    issued_at: Timestamp,
    id: CertificateId,
}

/// A text that is no cursor of this list.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("not a cursor of this list")]
pub struct InvalidCursor;

impl fmt::Display for CertificateCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:013}-{}", self.issued_at.unix_millis(), self.id)
    }
}

impl FromStr for CertificateCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (millis, id) = text.split_once('-').ok_or(InvalidCursor)?;
        if millis.len() != 13 || !millis.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidCursor);
        }
        let issued_at = millis.parse().map(Timestamp::from_unix_millis);
        Ok(Self {
            issued_at: issued_at.map_err(|_| InvalidCursor)?,
            id: id.parse().map_err(|_| InvalidCursor)?,
        })
    }
}

/// Some of a user's certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificatePage {
    /// The certificates, the newest first.
    pub certificates: Vec<Certificate>,
    /// Where the next page begins; `None` if there is none.
    pub next: Option<CertificateCursor>,
}

/// A pointer from a user to a certificate.
#[derive(Deserialize)]
struct Pointer {
    certificate: CertificateId,
}

impl Store {
    /// A page of a user's certificates, the newest first: one query, and one batch of reads if there are
    /// any.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn certificates_of(
        &self,
        holder: UserId,
        after: Option<CertificateCursor>,
    ) -> Result<CertificatePage, StoreError> {
        let start = after.map(|cursor| {
            [
                (PARTITION_KEY, keys::user(holder)),
                (SORT_KEY, keys::certificate_pointer(cursor.issued_at, cursor.id)),
            ]
            .map(|(name, value)| (name.to_owned(), string(value)))
            .into()
        });
        let output = self
            .client
            .query()
            .table_name(&self.tables.main)
            .key_condition_expression("#pk = :user AND begins_with(#sk, :certificates)")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_names("#sk", SORT_KEY)
            .expression_attribute_values(":user", string(keys::user(holder)))
            .expression_attribute_values(":certificates", string(CERTIFICATES_PREFIX))
            .scan_index_forward(false)
            .consistent_read(true)
            .set_exclusive_start_key(start)
            .limit(PAGE)
            .send()
            .await
            .map_err(|error| failed("Query", error))?;
        let last = output.last_evaluated_key.as_ref().and_then(sort_key);
        let next = last.and_then(cursor_of);
        let pointers = output.items.unwrap_or_default().into_iter();
        let ids: Result<Vec<CertificateId>, _> = pointers
            .map(|item| decoded::<Pointer>(ENTITY, item).map(|pointer| pointer.certificate))
            .collect();
        Ok(CertificatePage { certificates: self.certificates(&ids?).await?, next })
    }

    /// These certificates, in this order.
    async fn certificates(&self, ids: &[CertificateId]) -> Result<Vec<Certificate>, StoreError> {
        let mut found = HashMap::new();
        let mut wanted: Vec<Item> =
            ids.iter().map(|id| keys::certificate(*id).into_attributes()).collect();
        for _ in 0..MAX_BATCHES {
            if wanted.is_empty() {
                break;
            }
            let batch = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true);
            let batch = batch.build().map_err(not_built)?;
            let read = self.client.batch_get_item().request_items(&self.tables.main, batch);
            let output = read.send().await.map_err(|error| failed("BatchGetItem", error))?;
            for item in output.responses.into_iter().flat_map(HashMap::into_values).flatten() {
                let certificate: Certificate = decoded(ENTITY, item)?;
                found.insert(certificate.id, certificate);
            }
            let left = output.unprocessed_keys.into_iter().flat_map(HashMap::into_values);
            wanted = left.flat_map(|left| left.keys).collect();
        }
        if !wanted.is_empty() {
            return Err(StoreError::Contended { operation: "certificates", attempts: MAX_BATCHES });
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }
}

/// The cursor that a sort key stands for.
fn cursor_of(sort: &str) -> Option<CertificateCursor> {
    sort.strip_prefix(CERTIFICATES_PREFIX)?.replacen('#', "-", 1).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_has_one_spelling() {
        let text = "1760000000000-00ff00ff00ff00ff00ff00ff00ff00ff";
        assert_eq!(text.parse::<CertificateCursor>().map(|it| it.to_string()).as_deref(), Ok(text));
        for text in ["", "-", "1-2", "+760000000000-00ff00ff00ff00ff00ff00ff00ff00ff", &text[1..]] {
            assert_eq!(text.parse::<CertificateCursor>(), Err(InvalidCursor), "{text:?}");
        }
    }
}
