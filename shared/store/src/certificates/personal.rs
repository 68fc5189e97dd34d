//! What certificates have of a user: an export of it, and how it is erased.

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem, Update};
use minigate_domain::{UserId, certificates::Certificate};
use serde_json::{Value, json};

use super::CertificateCursor;
use crate::{
    Store, StoreError,
    call::{not_built, number, string, transaction_failed},
    keys::{self, PARTITION_KEY, SORT_KEY},
    personal::{Erased, Erasing, Exporting, PersonalData, Subject},
};

/// Pages of an export: 1,000 certificates, more than anybody passes quizzes.
const MAX_PAGES: u32 = 20;

/// The noun.
pub(crate) struct OfCertificates;

impl PersonalData for OfCertificates {
    fn noun(&self) -> &'static str {
        "certificates"
    }

    /// The certificates of the user, newest first.
    fn export<'a>(&'a self, of: &'a Subject<'a>) -> Exporting<'a> {
        Box::pin(async move {
            let mut exported: Vec<Value> = Vec::new();
            let mut after: Option<CertificateCursor> = None;
            for _ in 0..MAX_PAGES {
                let page = of.store.certificates_of(of.user_id, after).await?;
                exported.extend(page.certificates.iter().map(|certificate| json!(certificate)));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            Ok(json!(exported))
        })
    }

    fn erase<'a>(&'a self, store: &'a Store, user_id: UserId) -> Erasing<'a> {
        Box::pin(async move {
            let is_more = store.erase_from_certificates(user_id).await?;
            Ok(if is_more { Erased::Some } else { Erased::All })
        })
    }
}

impl Store {
    /// Erases what certificates have of a user: the name, the attempt and whose each one is, a page at a time; whether
    /// there are more. It may be repeated.
    ///
    /// The certificates themselves stay, under random ids that lead to nobody: their holder may have handed
    /// them to others, and must not lose what they have earned by asking for their data to be erased. Copies
    /// that have the name are where the holder has put them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn erase_from_certificates(&self, holder: UserId) -> Result<bool, StoreError> {
        let page = self.certificates_of(holder, None).await?;
        for certificate in &page.certificates {
            let write = self.client.transact_write_items();
            let write = write.transact_items(self.without_holder(certificate)?);
            let write = write.transact_items(self.without_pointer(holder, certificate)?);
            write.send().await.map_err(transaction_failed)?;
        }
        Ok(page.next.is_some())
    }

    fn without_holder(&self, certificate: &Certificate) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.tables.main)
            .set_key(Some(keys::certificate(certificate.id).into_attributes()))
            .update_expression(
                "SET #revision = #revision + :one REMOVE holder, attempt, #name, jws",
            )
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_names("#name", "name")
            .expression_attribute_names("#revision", "revision")
            .expression_attribute_values(":one", number(1_u64))
            .build()
            .map_err(not_built)?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    fn without_pointer(
        &self,
        holder: UserId,
        certificate: &Certificate,
    ) -> Result<TransactWriteItem, StoreError> {
        let sort = keys::certificate_pointer(certificate.issued_at, certificate.id);
        let delete = Delete::builder()
            .table_name(&self.tables.main)
            .key(PARTITION_KEY, string(keys::user(holder)))
            .key(SORT_KEY, string(sort))
            .build()
            .map_err(not_built)?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }
}
