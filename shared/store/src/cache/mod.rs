//! What the caches of all instances did: an item of each namespace, which instances add to.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use minigate_domain::Timestamp;
use serde::Deserialize;

use crate::{
    Store, StoreError,
    backoff::{Backoff, CONFLICT},
    call::{decoded, failed, not_built, not_repeatable, number, string, throttled_in_part},
    keys::{self, PARTITION_KEY},
};

const ENTITY: &str = "count of the cache";

/// Declares the counts together with their names in the item, so that none is left out.
macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What the cache did for one namespace.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
        #[serde(default)]
        pub struct CacheCounts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl CacheCounts {
            /// What was counted after `before`.
            #[must_use]
            pub fn since(&self, before: &Self) -> Self {
                Self { $($name: self.$name.saturating_sub(before.$name),)* }
            }

            /// The counts by their names.
            pub fn by_name(&self) -> [(&'static str, u64); [$(stringify!($name)),*].len()] {
                [$((stringify!($name), self.$name)),*]
            }
        }
    };
}

counts! {
    /// Lookups that a fresh value answered.
    hits,
    /// Lookups answered with a stale value.
    stale_served,
    /// Lookups that a load, or nothing, answered.
    misses,
    /// Loads.
    loads,
    /// Loads that failed.
    load_errors,
    /// Values found that had been invalidated.
    invalidated,
    /// Calls of the cache to its table.
    calls,
    /// Calls of the cache without an answer.
    level_errors,
    /// Calls of the cache not made, because the table had not answered others.
    level_pauses,
}

/// The counts of a namespace, and since when there are any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CountedCache {
    /// When an instance first added to them; `None` if none has.
    pub since: Option<Timestamp>,
    /// The counts.
    pub counts: CacheCounts,
}

#[derive(Deserialize)]
struct CountsItem {
    since: u64,
    #[serde(flatten)]
    counts: CacheCounts,
}

impl Store {
    /// Adds to the counts of a namespace, in one write that is not repeated: its second attempt
    /// would count twice.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn add_cache_counts(
        &self,
        namespace: &str,
        counts: &CacheCounts,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut update = self
            .client
            .update_item()
            .table_name(&self.tables.volatile)
            .key(PARTITION_KEY, string(keys::cache_counts(namespace)))
            .expression_attribute_names("#since", "since")
            .expression_attribute_values(":now", number(now.unix_millis()));
        let mut additions = Vec::new();
        for (name, count) in counts.by_name().into_iter().filter(|(_, count)| *count > 0) {
            additions.push(format!("#{name} :{name}"));
            update = update
                .expression_attribute_names(format!("#{name}"), name)
                .expression_attribute_values(format!(":{name}"), number(count));
        }
        if additions.is_empty() {
            return Ok(());
        }
        let expression =
            format!("SET #since = if_not_exists(#since, :now) ADD {}", additions.join(", "));
        let written = update.update_expression(expression).customize();
        let written = written.config_override(not_repeatable()).send().await;
        written.map(drop).map_err(|error| failed("UpdateItem", error))
    }

    /// The counts of these namespaces, at most a hundred: one read, and further ones of what a
    /// throttled table left out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn cache_counts(
        &self,
        namespaces: &[&str],
    ) -> Result<BTreeMap<String, CountedCache>, StoreError> {
        let key = |name: &&str| {
            HashMap::from([(PARTITION_KEY.to_owned(), string(keys::cache_counts(name)))])
        };
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(namespaces.iter().map(key).collect()))
            .build()
            .map_err(not_built)?;
        let mut wanted = Some(HashMap::from([(self.tables.volatile.clone(), wanted)]));
        let mut counted: BTreeMap<String, CountedCache> = BTreeMap::new();
        let mut backoff = Backoff::new(CONFLICT, namespaces);
        while let Some(asked) = wanted.take() {
            let output = self
                .client
                .batch_get_item()
                .set_request_items(Some(asked))
                .send()
                .await
                .map_err(|error| failed("BatchGetItem", error))?;
            for item in output.responses.unwrap_or_default().into_values().flatten() {
                let key = item.get(PARTITION_KEY).and_then(|key| key.as_s().ok()).cloned();
                let CountsItem { since, counts } = decoded(ENTITY, item)?;
                let since = Some(Timestamp::from_unix_millis(since));
                let name = namespaces.iter().find(|name| Some(keys::cache_counts(name)) == key);
                let counts = CountedCache { since, counts };
                counted.extend(name.map(|name| ((*name).to_owned(), counts)));
            }
            // Not read is not the same as not there: the table is throttled.
            wanted = output.unprocessed_keys.filter(|left| !left.is_empty());
            if wanted.is_some() && !backoff.pause().await {
                return Err(throttled_in_part());
            }
        }
        for name in namespaces {
            counted.entry((*name).to_owned()).or_default();
        }
        Ok(counted)
    }
}
