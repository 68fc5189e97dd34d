//! Issuing: the writes that ride the transaction of whoever scores an attempt.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{Put, TransactWriteItem},
};
use minigate_domain::{
    Entropy,
    certificates::{Certificate, MAX_DRAWS, Pass},
};

use super::ENTITY;
use crate::{
    Store, StoreError,
    call::{Item, first_failure, not_built, string, transaction_failed},
    keys::{self, PARTITION_KEY, SORT_KEY},
};

/// Which of [`certificate_items`] is the place in the status list.
const PLACE: usize = 2;

/// The writes that issue a certificate, three of them, for a transaction on the table `main`: the
/// certificate, the pointer from its holder, and its place in a status list.
///
/// If the transaction fails and [`found_taken`] says that the place was taken, the caller tries it again
/// with [`Certificate::redraw`], at most [`MAX_DRAWS`] times.
///
/// # Errors
/// [`StoreError::Corrupt`] if the certificate cannot be encoded, or [`StoreError::Refused`] if a request
/// cannot be built, none of which happens.
pub fn certificate_items(
    main: &str,
    certificate: &Certificate,
) -> Result<[TransactWriteItem; 3], StoreError> {
    let Certificate { id, slot, .. } = *certificate;
    let mut item: Item = serde_dynamo::to_item(certificate)
        .map_err(|source| StoreError::Corrupt { entity: ENTITY, source })?;
    item.extend(keys::certificate(id).into_attributes());
    let holder = certificate.holder.map(keys::user).unwrap_or_default();
    let pointer =
        with_id(holder, keys::certificate_pointer(certificate.issued_at, id), certificate);
    let place = with_id(keys::status_list(slot.list), keys::taken(slot), certificate);
    Ok([put_new(main, item)?, put_new(main, pointer)?, put_new(main, place)?])
}

/// Whether a transaction failed because the place of its certificate in the status list is taken. `first`
/// is where the items of [`certificate_items`] begin in it.
pub fn found_taken(error: &SdkError<TransactWriteItemsError>, first: usize) -> bool {
    first_failure(error) == Some((first + PLACE, "ConditionalCheckFailed"))
}

/// An item that names the certificate.
fn with_id(partition: String, sort: String, certificate: &Certificate) -> Item {
    [
        (PARTITION_KEY, string(partition)),
        (SORT_KEY, string(sort)),
        ("certificate", string(certificate.id)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// A write of an item that must not be there yet.
pub(super) fn put_new(table: &str, item: Item) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression("attribute_not_exists(#pk)")
        .expression_attribute_names("#pk", PARTITION_KEY)
        .build()
        .map_err(not_built)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

impl Store {
    /// Issues a certificate for a pass that no attempt of this deployment is behind, in a transaction of
    /// its own: for tests, and for demonstrations of `minigate-local`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`], or [`StoreError::Contended`] if too many
    /// places were taken.
    pub async fn issue_certificate(
        &self,
        pass: Pass,
        entropy: &dyn Entropy,
    ) -> Result<Certificate, StoreError> {
        let mut certificate = Certificate::for_pass(pass, entropy);
        for taken in 1..=MAX_DRAWS {
            let items = certificate_items(&self.tables.main, &certificate)?;
            let write = self.client.transact_write_items().set_transact_items(Some(items.into()));
            match write.send().await {
                Ok(_) => return Ok(certificate),
                Err(error) if found_taken(&error, 0) => {
                    certificate = certificate.redraw(taken, entropy);
                }
                Err(error) => return Err(transaction_failed(error)),
            }
        }
        Err(StoreError::Contended { operation: "issue_certificate", attempts: MAX_DRAWS })
    }
}
