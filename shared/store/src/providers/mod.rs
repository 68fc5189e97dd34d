//! What instances last saw of the providers that they call: one item, with an attribute of each provider.
//!
//! A function that has a client of a provider writes, and the function `health` reads: it needs neither
//! the client nor its token.

use std::collections::BTreeMap;

use minigate_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Store, StoreError,
    call::{self, Repeat, encoded, failed, is_condition_failure, number},
    keys,
};

const ENTITY: &str = "report on a provider";

/// What an instance saw of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderReport {
    /// Whether it is down: its circuit is open.
    pub is_down: bool,
    /// How long the call took that shows it, in milliseconds.
    pub latency_ms: u64,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// Notes what an instance saw of a provider, unless something later is known: one write, which
    /// may be repeated.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn report_provider(
        &self,
        provider: &str,
        report: &ProviderReport,
    ) -> Result<(), StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.tables.main)
            .set_key(Some(keys::PROVIDERS.into_attributes()))
            .update_expression("SET #provider = :report")
            .condition_expression("attribute_not_exists(#provider) OR #provider.#at < :at")
            .expression_attribute_names("#provider", provider)
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":report", encoded(ENTITY, report)?)
            .expression_attribute_values(":at", number(report.at.unix_millis()));
        match call::update(update, Repeat::Safely, provider).await {
            Err(error) if !is_condition_failure(&error) => Err(failed("UpdateItem", error)),
            _ => Ok(()),
        }
    }

    /// The latest report on each provider, by its name: one read, and the cheapest question that only a
    /// working table answers. A report that does not decode is left out: it is a newer version's.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn providers(&self) -> Result<BTreeMap<String, ProviderReport>, StoreError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.tables.main)
            .set_key(Some(keys::PROVIDERS.into_attributes()))
            .send()
            .await
            .map_err(|error| failed("GetItem", error))?;
        let reports = output.item.unwrap_or_default().into_iter().filter_map(|(name, value)| {
            Some((name, serde_dynamo::from_attribute_value(value).ok()?))
        });
        Ok(reports.collect())
    }
}
