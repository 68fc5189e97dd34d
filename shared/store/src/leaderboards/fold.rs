//! Counting what waits in a lane.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem, Update};
use minigate_domain::leaderboards::{Deltas, Node, Period, ScopeLane};
use serde::Deserialize;

use super::{WaitingMove, board, time_to_live};
use crate::{
    Store, StoreError,
    call::{Item, decoded, failed, first_failure, not_built, string, transaction_failed},
    keys::{self, PARTITION_KEY, PENDING_PREFIX, SORT_KEY},
};

/// What DynamoDB takes in one transaction.
const ACTIONS: usize = 100;

/// How many pending items a fold reads: more never fit.
pub(super) const AT_ONCE: i32 = 96;

/// What became of a fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoldOutcome {
    /// Nothing waited.
    Idle,
    /// So many changes are counted, and nothing else waited when they were read.
    Counted(usize),
    /// So many changes are counted, and more are waiting.
    CountedSome(usize),
    /// Another fold of the lane is under way, or was faster. Nothing has changed.
    Raced,
}

/// What waits in a lane: the moves of one change.
#[derive(Deserialize)]
pub(super) struct Pending {
    #[serde(rename = "SK")]
    pub(super) sort: String,
    pub(super) moves: Vec<WaitingMove>,
}

#[cfg(test)]
impl Pending {
    /// The moves, as the simulation counts them itself.
    pub(super) fn scores(
        &self,
    ) -> impl Iterator<Item = (Period, Option<super::BoardScore>, Option<super::BoardScore>)> {
        self.moves.iter().map(|step| (step.period, step.from, step.to))
    }
}

/// What a fold has read and is about to count.
#[derive(Default)]
pub(super) struct Fold {
    sort_keys: Vec<String>,
    sums: BTreeMap<Period, Deltas>,
}

impl Fold {
    /// The first of these that fit into one transaction. In order, so that no counter is ever below zero.
    pub(super) fn of_first(lane: &ScopeLane, waiting: Vec<Pending>) -> Self {
        let mut fold = Self::default();
        for Pending { sort, moves } in waiting {
            let mut sums = fold.sums.clone();
            for step in moves {
                sums.entry(step.period).or_default().add(&lane.scope, step.from, step.to);
            }
            let nodes: usize = sums.values().map(Deltas::len).sum();
            if fold.sort_keys.len() + 1 + nodes > ACTIONS {
                break;
            }
            fold.sums = sums;
            fold.sort_keys.push(sort);
        }
        fold
    }

    pub(super) fn writes(
        &self,
        main: &str,
        lane: &ScopeLane,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let mut writes = Vec::new();
        for sort in &self.sort_keys {
            let delete = Delete::builder()
                .table_name(main)
                .set_key(Some(keys::main_key(keys::lane(lane), sort.clone())))
                .condition_expression("attribute_exists(#pk)")
                .expression_attribute_names("#pk", PARTITION_KEY);
            let delete = delete.build().map_err(not_built)?;
            writes.push(TransactWriteItem::builder().delete(delete).build());
        }
        for (period, deltas) in &self.sums {
            for (node, digits) in deltas.iter() {
                let update = add(main, lane, *period, node, digits)?;
                writes.push(TransactWriteItem::builder().update(update).build());
            }
        }
        Ok(writes)
    }
}

/// Adds to the counters of a node.
pub(super) fn add(
    main: &str,
    lane: &ScopeLane,
    period: Period,
    node: Node,
    digits: &BTreeMap<usize, i64>,
) -> Result<Update, StoreError> {
    let partition = keys::board_counters(&board(&lane.scope, period), lane.lane);
    let mut update = Update::builder()
        .table_name(main)
        .set_key(Some(keys::main_key(partition, keys::board_node(node))));
    let mut additions = Vec::new();
    for (digit, change) in digits {
        additions.push(format!("d{digit} :d{digit}"));
        let change = AttributeValue::N(change.to_string());
        update = update.expression_attribute_values(format!(":d{digit}"), change);
    }
    let mut expression = format!("ADD {}", additions.join(", "));
    if let Some((name, until)) = time_to_live(period) {
        expression += " SET #ttl = :ttl";
        update = update
            .expression_attribute_names("#ttl", name)
            .expression_attribute_values(":ttl", until);
    }
    update.update_expression(expression).build().map_err(not_built)
}

impl Store {
    /// Counts what waits in a lane, as much as fits into one transaction: one query, and one transaction if
    /// there is anything.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`]. Nothing has
    /// changed, or the answer was lost; repeating it is safe.
    pub async fn fold(&self, lane: &ScopeLane) -> Result<FoldOutcome, StoreError> {
        let waiting = self.waiting(lane).await?;
        let waited = waiting.len();
        let fold = Fold::of_first(lane, waiting);
        let counted = fold.sort_keys.len();
        if counted == 0 {
            return Ok(FoldOutcome::Idle);
        }
        let writes = fold.writes(&self.tables.main, lane)?;
        // The SDK adds an idempotency token of its own and repeats the call with the same one.
        let written =
            self.client.transact_write_items().set_transact_items(Some(writes)).send().await;
        match written {
            Ok(_) if counted < waited || waited == AT_ONCE as usize => {
                Ok(FoldOutcome::CountedSome(counted))
            }
            Ok(_) => Ok(FoldOutcome::Counted(counted)),
            Err(error) => match first_failure(&error) {
                Some((_, "ConditionalCheckFailed" | "TransactionConflict")) => {
                    Ok(FoldOutcome::Raced)
                }
                _ => Err(transaction_failed(error)),
            },
        }
    }

    /// The oldest changes that wait in a lane.
    pub(super) async fn waiting(&self, lane: &ScopeLane) -> Result<Vec<Pending>, StoreError> {
        let output = self
            .client
            .query()
            .table_name(&self.tables.main)
            .key_condition_expression("#pk = :lane AND begins_with(#sk, :pending)")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_names("#sk", SORT_KEY)
            .expression_attribute_values(":lane", string(keys::lane(lane)))
            .expression_attribute_values(":pending", string(PENDING_PREFIX))
            // A change that is not seen must not be counted after a later one of its user.
            .consistent_read(true)
            .limit(AT_ONCE)
            .send()
            .await
            .map_err(|error| failed("Query", error))?;
        let decode = |item: Item| decoded("pending move", item);
        output.items.unwrap_or_default().into_iter().map(decode).collect()
    }
}
