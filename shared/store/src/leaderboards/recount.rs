//! A recount: are the counters of a board what its entries say? And if not, make them so.
//!
//! It goes step by step, each of which is bounded and safe to repeat: first the leaves of each page of
//! entries, then the sums above them. Users go on meanwhile: what is compared is *entries less waiting moves less
//! counters*, which no result and no fold changes. Reads of many items are no snapshot, so a difference counts only
//! where a second look finds the same one, with the same moves waiting before and after; and a counter is repaired
//! only if it still is what was compared.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::{operation::query::builders::QueryFluentBuilder, types::AttributeValue};
use minigate_domain::leaderboards::{Board, EntryPage, Lane, Node, ScopeLane};

use super::{
    Entry,
    fold::{AT_ONCE, add},
};
use crate::{
    Store, StoreError,
    call::{Item, decoded, failed, is_condition_failure, sort_key, string},
    keys::{self, PARTITION_KEY, SORT_KEY},
};

/// How often a step looks until two looks agree.
const LOOKS: usize = 6;
/// The most queries for the entries of a page or the counters of a lane, each of 1 MB: a million entries.
const QUERIES: usize = 100;
/// How many counters a step repairs and reports. What is left, its repetition finds.
const AT_MOST: usize = 100;

/// A step of a recount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecountStep {
    /// The counters of single scores, against the entries of a page.
    Page(EntryPage),
    /// The counters above them, against their sums.
    Sums,
}

/// A counter that is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The lane that the counter belongs to.
    pub lane: Lane,
    /// Its node.
    pub node: Node,
    /// Its digit.
    pub digit: usize,
    /// What it was.
    pub counted: i64,
    /// What it should be.
    pub expected: i64,
    /// Whether it is now. If it has changed meanwhile, it is not.
    pub is_repaired: bool,
}

/// What a step has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recounted {
    /// How many entries it read.
    pub entries: u64,
    /// How many changes were waiting to be counted, and so are rightly missing.
    pub waiting: usize,
    /// Counters that were wrong, at most a hundred.
    pub differences: Vec<Difference>,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecountOutcome {
    /// It is made.
    Done(Recounted),
    /// So much changes at the moment that no two looks agree, or more entries are on a page than it reads.
    Busy,
}

type Counters = BTreeMap<(Lane, Node, usize), i64>;

/// What one look has found.
#[derive(Default)]
struct Look {
    entries: u64,
    waiting: BTreeSet<String>,
    counters: Counters,
    expected: Counters,
}

impl Look {
    /// What the counters lack, which no traffic changes.
    fn lacking(&self) -> Counters {
        let mut lacking = self.expected.clone();
        for (counter, count) in &self.counters {
            *lacking.entry(*counter).or_default() -= count;
        }
        lacking.retain(|_, lacks| *lacks != 0);
        lacking
    }
}

impl Store {
    /// Makes a step of a recount, and repairs what it finds if `repairs`. Bounded by the number of entries on
    /// a page: some queries for each megabyte of them, twice where something is wrong.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`]. Some counters may have
    /// been repaired; repeating it is safe.
    pub async fn recount(
        &self,
        board: &Board,
        step: RecountStep,
        repairs: bool,
    ) -> Result<RecountOutcome, StoreError> {
        let mut before: Option<Counters> = None;
        for _ in 0..LOOKS {
            let Some(look) = self.look(board, step).await? else { continue };
            let lacking = look.lacking();
            if lacking.is_empty() || before.as_ref() == Some(&lacking) {
                let mut recounted = Recounted {
                    entries: look.entries,
                    waiting: look.waiting.len(),
                    differences: Vec::new(),
                };
                for (counter, lacks) in lacking.iter().take(AT_MOST) {
                    let (lane, node, digit) = *counter;
                    let counted = look.counters.get(counter).copied();
                    let is_repaired =
                        repairs && self.repair(board, *counter, counted, *lacks).await?;
                    let counted = counted.unwrap_or(0);
                    let expected = counted + lacks;
                    let difference =
                        Difference { lane, node, digit, counted, expected, is_repaired };
                    recounted.differences.push(difference);
                }
                return Ok(RecountOutcome::Done(recounted));
            }
            before = Some(lacking);
        }
        Ok(RecountOutcome::Busy)
    }

    /// One look; `None` if something was counted meanwhile, or there is too much.
    async fn look(&self, board: &Board, step: RecountStep) -> Result<Option<Look>, StoreError> {
        let mut look = Look::default();
        match step {
            RecountStep::Page(page) => {
                let Some(waiting) = self.expect_waiting(board, page, &mut look).await? else {
                    return Ok(None);
                };
                let leaf = |score| keys::board_node(board.scope.leaf_of(score).0);
                let from = leaf(board.scope.lowest_of(page));
                let to = leaf(board.scope.highest_of(page));
                for lane in Lane::all() {
                    let range = Some((from.clone(), to.clone()));
                    let counters = self.counters(board, lane, range).await?;
                    look.counters.extend(counters.unwrap_or_default());
                }
                if !self.expect_entries(board, page, &mut look).await? {
                    return Ok(None);
                }
                look.waiting = waiting;
                let after = self.expect_waiting(board, page, &mut Look::default()).await?;
                if after.as_ref() != Some(&look.waiting) {
                    return Ok(None);
                }
            }
            RecountStep::Sums => {
                for lane in Lane::all() {
                    let Some(counters) = self.counters(board, lane, None).await? else {
                        return Ok(None);
                    };
                    for ((lane, node, digit), count) in counters {
                        if node.level < board.scope.leaf_level() {
                            look.counters.insert((lane, node, digit), count);
                            continue;
                        }
                        let mut below = node;
                        while let Some((parent, digit)) = below.parent() {
                            *look.expected.entry((lane, parent, digit)).or_default() += count;
                            below = parent;
                        }
                    }
                }
            }
        }
        Ok(Some(look))
    }

    /// Takes off what waits to be counted, and says what that is; `None` if a lane has more than a fold reads.
    async fn expect_waiting(
        &self,
        board: &Board,
        page: EntryPage,
        look: &mut Look,
    ) -> Result<Option<BTreeSet<String>>, StoreError> {
        let mut keys = BTreeSet::new();
        for lane in Lane::all() {
            let lane = ScopeLane { scope: board.scope.clone(), lane };
            let waiting = self.waiting(&lane).await?;
            if waiting.len() >= AT_ONCE as usize {
                return Ok(None);
            }
            for pending in waiting {
                let moves = pending.moves.iter().filter(|step| step.period == board.period);
                for (score, sign) in moves.flat_map(|step| [(step.from, 1), (step.to, -1)]) {
                    let score = score.filter(|score| board.scope.page_of(*score) == page);
                    if let Some((leaf, digit)) = score.map(|score| board.scope.leaf_of(score)) {
                        *look.expected.entry((lane.lane, leaf, digit)).or_default() += sign;
                    }
                }
                keys.insert(pending.sort);
            }
        }
        Ok(Some(keys))
    }

    /// Adds the entries of a page; whether that were all.
    async fn expect_entries(
        &self,
        board: &Board,
        page: EntryPage,
        look: &mut Look,
    ) -> Result<bool, StoreError> {
        let query = self.of_partition(keys::board_page(board, page));
        let query = query.key_condition_expression("#pk = :partition");
        let all = self.all(query, |item| {
            let entry: Entry = decoded("entry of a leaderboard", item)?;
            let (leaf, digit) = board.scope.leaf_of(entry.score);
            *look.expected.entry((Lane::of(entry.user_id), leaf, digit)).or_default() += 1;
            look.entries += 1;
            Ok(())
        });
        all.await
    }

    /// The counters of a lane, all of them or of the nodes in a range; `None` if there are too many.
    async fn counters(
        &self,
        board: &Board,
        lane: Lane,
        range: Option<(String, String)>,
    ) -> Result<Option<Counters>, StoreError> {
        let query = self.of_partition(keys::board_counters(board, lane));
        let query = match range {
            None => query.key_condition_expression("#pk = :partition"),
            Some((from, to)) => query
                .key_condition_expression("#pk = :partition AND #sk BETWEEN :from AND :to")
                .expression_attribute_names("#sk", SORT_KEY)
                .expression_attribute_values(":from", string(from))
                .expression_attribute_values(":to", string(to)),
        };
        let mut counters = Counters::new();
        let is_all = self.all(query, |item| {
            let node = sort_key(&item).and_then(keys::parse_board_node);
            let digits = item.iter().filter_map(|(name, count)| {
                let digit = name.strip_prefix('d')?.parse().ok()?;
                Some((digit, count.as_n().ok()?.parse().ok()?))
            });
            if let Some(node) = node {
                counters.extend(digits.map(|(digit, count)| ((lane, node, digit), count)));
            }
            Ok(())
        });
        Ok(is_all.await?.then_some(counters))
    }

    fn of_partition(&self, partition: String) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.tables.main)
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_values(":partition", string(partition))
            .consistent_read(true)
    }

    /// Every item of a query; whether there were no more than it may read.
    async fn all(
        &self,
        query: QueryFluentBuilder,
        mut take: impl FnMut(Item) -> Result<(), StoreError>,
    ) -> Result<bool, StoreError> {
        let mut from = None;
        for _ in 0..QUERIES {
            let page = query.clone().set_exclusive_start_key(from.take()).send().await;
            let page = page.map_err(|error| failed("Query", error))?;
            page.items.unwrap_or_default().into_iter().try_for_each(&mut take)?;
            from = page.last_evaluated_key.filter(|key| !key.is_empty());
            if from.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds to a counter what it lacks, if it still is what was compared. Whether it was.
    async fn repair(
        &self,
        board: &Board,
        (lane, node, digit): (Lane, Node, usize),
        counted: Option<i64>,
        lacks: i64,
    ) -> Result<bool, StoreError> {
        let lane = ScopeLane { scope: board.scope.clone(), lane };
        let digits = BTreeMap::from([(digit, lacks)]);
        let addition = add(&self.tables.main, &lane, board.period, node, &digits)?;
        let mut update = self
            .client
            .update_item()
            .table_name(addition.table_name)
            .set_key(Some(addition.key))
            .update_expression(addition.update_expression)
            .set_expression_attribute_names(addition.expression_attribute_names)
            .set_expression_attribute_values(addition.expression_attribute_values);
        update = match counted {
            Some(counted) => update
                .condition_expression(format!("d{digit} = :counted"))
                .expression_attribute_values(":counted", AttributeValue::N(counted.to_string())),
            None => update.condition_expression(format!("attribute_not_exists(d{digit})")),
        };
        match update.send().await {
            Ok(_) => Ok(true),
            // A fold was faster, or the answer to this repair was lost.
            Err(error) if is_condition_failure(&error) || crate::call::is_conflict(&error) => {
                Ok(false)
            }
            Err(error) => Err(failed("UpdateItem", error)),
        }
    }
}
