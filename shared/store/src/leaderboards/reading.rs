//! Reading counters.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use minigate_domain::leaderboards::{Board, Counts, Lane, Node};

use crate::{
    Store, StoreError,
    backoff::{Backoff, CONFLICT},
    call::{Item, failed, not_built, sort_key, throttled_in_part},
    keys,
};

impl Store {
    /// The counters of these nodes of a board, at most twelve, summed over the lanes: one read, and further
    /// ones of what a throttled table left out. It is no snapshot: what is counted at this moment may be
    /// there in part.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn board_counts(
        &self,
        board: &Board,
        nodes: &BTreeSet<Node>,
    ) -> Result<Counts, StoreError> {
        let key = |lane: Lane, node: &Node| {
            keys::main_key(keys::board_counters(board, lane), keys::board_node(*node))
        };
        let all = Lane::all().flat_map(|lane| nodes.iter().map(move |node| key(lane, node)));
        let wanted = KeysAndAttributes::builder().set_keys(Some(all.collect()));
        let wanted = wanted.build().map_err(not_built)?;
        let mut wanted = Some(HashMap::from([(self.tables.main.clone(), wanted)]));
        let mut backoff = Backoff::new(CONFLICT, board);
        let mut counts = Counts::default();
        while let Some(asked) = wanted.take() {
            let call = self.client.batch_get_item().set_request_items(Some(asked)).send();
            let output = call.await.map_err(|error| failed("BatchGetItem", error))?;
            for item in output.responses.unwrap_or_default().into_values().flatten() {
                add(&mut counts, nodes, &item);
            }
            wanted = output.unprocessed_keys.filter(|left| !left.is_empty());
            if wanted.is_some() && !backoff.pause().await {
                return Err(throttled_in_part());
            }
        }
        Ok(counts)
    }
}

/// Adds the counters of an item, which are the attributes `d0` to `d63`.
fn add(counts: &mut Counts, nodes: &BTreeSet<Node>, item: &Item) {
    let Some(node) = nodes.iter().find(|node| sort_key(item) == Some(&keys::board_node(**node)))
    else {
        return;
    };
    for (name, value) in item {
        let digit = name.strip_prefix('d').and_then(|digit| digit.parse().ok());
        let count = value.as_n().ok().and_then(|count| count.parse().ok());
        if let Some((digit, count)) = digit.zip(count) {
            counts.add(*node, digit, count);
        }
    }
}
