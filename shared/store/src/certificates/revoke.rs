//! Revocation: the certificate, the status list and the record of who did it, in one transaction.

use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use minigate_domain::{
    AuditEntry, CertificateId,
    certificates::{Certificate, Revocation},
};

use super::{ENTITY, issue::put_new};
use crate::{
    Store, StoreError,
    audit::append,
    call::{Item, encoded, first_failure, not_built, string, transaction_failed},
    keys::{self, PARTITION_KEY, SORT_KEY},
};

/// What became of a revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevokeCertificate {
    /// It is revoked now.
    Revoked(Box<Certificate>),
    /// It was revoked before, for the reason that it has. Nothing has changed.
    AlreadyRevoked(Box<Certificate>),
    /// There is no such certificate.
    NotFound,
}

impl Store {
    /// Revokes a certificate and records who did it: one read and one transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn revoke_certificate(
        &self,
        id: CertificateId,
        revocation: Revocation,
        entry: &AuditEntry,
    ) -> Result<RevokeCertificate, StoreError> {
        let Some(stored) = self.certificate(id).await? else {
            return Ok(RevokeCertificate::NotFound);
        };
        if stored.certificate.revoked.is_some() {
            return Ok(RevokeCertificate::AlreadyRevoked(Box::new(stored.certificate)));
        }
        let mark = Update::builder()
            .table_name(&self.tables.main)
            .set_key(Some(keys::certificate(id).into_attributes()))
            .update_expression("SET revoked = :revocation")
            .condition_expression("attribute_exists(#pk) AND attribute_not_exists(revoked)")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_values(":revocation", encoded(ENTITY, &revocation)?)
            .build()
            .map_err(not_built)?;
        let slot = stored.certificate.slot;
        let bit: Item = [
            (PARTITION_KEY, keys::status_list(slot.list)),
            (SORT_KEY, keys::revoked(slot)),
            ("certificate", id.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), string(value)))
        .into();
        let written = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().update(mark).build())
            .transact_items(put_new(&self.tables.main, bit)?)
            .transact_items(append(&self.tables.audit, entry)?)
            .send()
            .await;
        match written {
            Ok(_) => Ok(RevokeCertificate::Revoked(Box::new(Certificate {
                revoked: Some(revocation),
                ..stored.certificate
            }))),
            // Another administrator was faster, and their reason stands.
            Err(error) if matches!(first_failure(&error), Some((0, "ConditionalCheckFailed"))) => {
                let now = self.certificate(id).await?;
                Ok(now.map_or(RevokeCertificate::NotFound, |now| {
                    RevokeCertificate::AlreadyRevoked(Box::new(now.certificate))
                }))
            }
            Err(error) => Err(transaction_failed(error)),
        }
    }
}
