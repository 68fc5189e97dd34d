//! The revoked certificates of a status list.

use minigate_domain::certificates::StatusList;

use crate::{
    Store, StoreError,
    call::{Item, failed, sort_key, string},
    keys::{self, PARTITION_KEY, REVOKED_PREFIX},
};

/// The items of one query: 40 KB of them.
const PAGE: i32 = 500;
/// The queries that a list takes in which every certificate was revoked.
const MAX_PAGES: u32 = StatusList::CAPACITY.div_ceil(500) + 1;

impl Store {
    /// The places of the revoked certificates of a list, in order; `None` if no certificate was ever in
    /// it. One query for each 500 revoked certificates, and one more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn revoked_in(&self, list: StatusList) -> Result<Option<Vec<u32>>, StoreError> {
        let (mut revoked, mut start) = (Vec::new(), None);
        let mut is_there = false;
        for _ in 0..MAX_PAGES {
            let output = self
                .client
                .query()
                .table_name(&self.tables.main)
                .key_condition_expression("#pk = :list")
                .expression_attribute_names("#pk", PARTITION_KEY)
                .expression_attribute_values(":list", string(keys::status_list(list)))
                .projection_expression("SK")
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .limit(PAGE)
                .send()
                .await
                .map_err(|error| failed("Query", error))?;
            let items = output.items.unwrap_or_default();
            is_there |= !items.is_empty();
            let before = revoked.len();
            revoked.extend(items.iter().filter_map(index_of_revoked));
            start = output.last_evaluated_key;
            // The first that is not revoked ends those that are.
            if start.is_none() || revoked.len() - before < items.len() {
                break;
            }
        }
        Ok(is_there.then_some(revoked))
    }
}

fn index_of_revoked(item: &Item) -> Option<u32> {
    sort_key(item)?.strip_prefix(REVOKED_PREFIX)?.parse().ok()
}
