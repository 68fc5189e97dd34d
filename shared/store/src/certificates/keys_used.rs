//! The public keys that have signed certificates. They are recorded before they sign, and stay for ever:
//! a certificate is verified long after its key was rotated.

use std::collections::HashMap;

use minigate_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    call::{decoded, failed, string},
    keys::{CERTIFICATE_KEYS, PARTITION_KEY, SORT_KEY},
};

const ENTITY: &str = "certificate key";

/// Room for a key a month during forty years. A query reads all of them as one page.
const MAX_KEYS: i32 = 480;

/// A public key that has signed certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateKey {
    /// Its id, which is made of the key, so that no two keys share one.
    #[serde(rename = "SK")]
    pub id: String,
    /// The Ed25519 public key, in unpadded base64url.
    pub x: String,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl Store {
    /// Records a key before it signs: one write. A key that is recorded already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn record_certificate_key(&self, key: &CertificateKey) -> Result<(), StoreError> {
        let mut item: HashMap<_, _> = serde_dynamo::to_item(key)
            .map_err(|source| StoreError::Corrupt { entity: ENTITY, source })?;
        item.insert(PARTITION_KEY.to_owned(), string(CERTIFICATE_KEYS));
        let put = self.client.put_item().table_name(&self.tables.main).set_item(Some(item));
        let put = put.condition_expression("attribute_not_exists(#sk)");
        match put.expression_attribute_names("#sk", SORT_KEY).send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(failed("PutItem", error)),
        }
    }

    /// Every key that has signed a certificate, by its id: one query.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn certificate_keys(&self) -> Result<Vec<CertificateKey>, StoreError> {
        let output = self
            .client
            .query()
            .table_name(&self.tables.main)
            .key_condition_expression("#pk = :keys")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_values(":keys", string(CERTIFICATE_KEYS))
            .consistent_read(true)
            .limit(MAX_KEYS)
            .send()
            .await
            .map_err(|error| failed("Query", error))?;
        output.items.unwrap_or_default().into_iter().map(|item| decoded(ENTITY, item)).collect()
    }
}
