//! Certificates: one item each, a pointer from its holder, and a place in a status list.
//!
//! Whoever scores an attempt issues the certificate in the same transaction, by [`certificate_items`]. It
//! has no signature then: the first reader signs it, and what was kept first is what every reader gets.

mod issue;
mod keys_used;
mod mine;
mod personal;
mod revoke;
mod status_list;

use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use minigate_domain::{CertificateId, DisplayName, UserId, certificates::Certificate};
use serde::Deserialize;

pub(crate) use self::personal::OfCertificates;
pub use self::{
    issue::{certificate_items, found_taken},
    keys_used::CertificateKey,
    mine::{CertificateCursor, CertificatePage, InvalidCursor},
    revoke::RevokeCertificate,
};
use crate::{
    Store, StoreError,
    call::{self, Item, Repeat, decoded, encoded, failed, image_at_failure, number, string},
    keys,
};

const ENTITY: &str = "certificate";

/// A certificate with what was signed of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct StoredCertificate {
    /// What it says.
    #[serde(flatten)]
    pub certificate: Certificate,
    /// The signed certificate, a `vc+jwt`; `None` until it is first read.
    #[serde(default)]
    pub jws: Option<String>,
}

/// What became of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeepSignature {
    /// This is the signed certificate: the given one, or the one that another reader kept before.
    Kept(String),
    /// The certificate has changed since it was read; sign the present one.
    Changed,
}

/// What became of a change of the name on a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameOutcome {
    /// The certificate, which must be signed anew if the name has changed.
    Named(Box<StoredCertificate>),
    /// This user has no such certificate.
    NotFound,
    /// It was revoked, and nothing of it changes any more.
    Revoked(Box<Certificate>),
}

impl Store {
    /// Reads a certificate: one consistent read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn certificate(
        &self,
        id: CertificateId,
    ) -> Result<Option<StoredCertificate>, StoreError> {
        let read = self.client.get_item().table_name(&self.tables.main);
        let read = read.set_key(Some(keys::certificate(id).into_attributes()));
        let output = read.consistent_read(true).send().await;
        let item = output.map_err(|error| failed("GetItem", error))?.item;
        item.map(|item| decoded(ENTITY, item)).transpose()
    }

    /// Keeps what was signed of a certificate, unless another reader was faster: one write, which changes
    /// nothing if there is a signature already. `revision` is that of the certificate that was signed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn keep_signature(
        &self,
        id: CertificateId,
        revision: u32,
        jws: &str,
    ) -> Result<KeepSignature, StoreError> {
        let keeping = self
            .client
            .update_item()
            .table_name(&self.tables.main)
            .set_key(Some(keys::certificate(id).into_attributes()))
            .update_expression("SET jws = if_not_exists(jws, :jws)")
            .condition_expression("#revision = :revision")
            .expression_attribute_names("#revision", "revision")
            .expression_attribute_values(":revision", number(revision))
            .expression_attribute_values(":jws", string(jws))
            .return_values(ReturnValue::AllNew);
        match call::update(keeping, Repeat::Safely, (id, revision)).await {
            Ok(output) => {
                let kept: StoredCertificate =
                    decoded(ENTITY, output.attributes.unwrap_or_default())?;
                Ok(kept.jws.map_or(KeepSignature::Changed, KeepSignature::Kept))
            }
            Err(error) => image_at_failure(error).map(|_| KeepSignature::Changed),
        }
    }

    /// Puts the name of its holder on a certificate, or takes it off, and drops the signature: one write,
    /// which changes nothing if the name is that already.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn name_certificate(
        &self,
        id: CertificateId,
        holder: UserId,
        name: Option<&DisplayName>,
    ) -> Result<NameOutcome, StoreError> {
        const OTHER: &str = "#revision = #revision + :one";
        let update = self
            .client
            .update_item()
            .table_name(&self.tables.main)
            .set_key(Some(keys::certificate(id).into_attributes()))
            .expression_attribute_names("#name", "name")
            .expression_attribute_names("#revision", "revision")
            .expression_attribute_values(":holder", number(holder.get()))
            .expression_attribute_values(":one", number(1_u64))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let is_held = "holder = :holder AND attribute_not_exists(revoked)";
        let update = match name {
            Some(name) => update
                .expression_attribute_values(":name", encoded(ENTITY, name)?)
                .update_expression(format!("SET {OTHER}, #name = :name REMOVE jws"))
                .condition_expression(format!(
                    "{is_held} AND (attribute_not_exists(#name) OR #name <> :name)"
                )),
            None => update
                .update_expression(format!("SET {OTHER} REMOVE jws, #name"))
                .condition_expression(format!("{is_held} AND attribute_exists(#name)")),
        };
        match call::update(update, Repeat::Safely, (id, holder)).await {
            Ok(output) => named(output.attributes.unwrap_or_default()),
            Err(error) => {
                let found: Option<StoredCertificate> =
                    image_at_failure(error)?.map(|item| decoded(ENTITY, item)).transpose()?;
                Ok(match found {
                    Some(found) if found.certificate.holder != Some(holder) => {
                        NameOutcome::NotFound
                    }
                    None => NameOutcome::NotFound,
                    Some(found) if found.certificate.revoked.is_some() => {
                        NameOutcome::Revoked(Box::new(found.certificate))
                    }
                    // Its name is that already.
                    Some(found) => NameOutcome::Named(Box::new(found)),
                })
            }
        }
    }
}

fn named(item: Item) -> Result<NameOutcome, StoreError> {
    decoded(ENTITY, item).map(|certificate| NameOutcome::Named(Box::new(certificate)))
}
