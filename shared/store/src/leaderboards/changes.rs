//! Changes of a standing, and the writes that they are.

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use minigate_domain::{
    Timestamp, UserId,
    leaderboards::{Change, Improvement, Lane, Move, Place, Scope, ScopeLane, Standing, improve},
    quizzes::{BasisPoints, QuizId},
};

use super::{WaitingMove, board, time_to_live};
use crate::{
    Store, StoreError,
    call::{
        Item, decoded, encoded, failed, first_failure, not_built, number, string,
        transaction_failed,
    },
    keys::{self, PARTITION_KEY, SORT_KEY, STANDING_PREFIX},
};

const STANDING: &str = "standing";

/// More than there are quizzes that anybody takes in a lifetime; read page by page.
const STANDINGS_AT_ONCE: i32 = 100;

/// What became of a change of a standing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandingOutcome {
    /// It is made.
    Changed,
    /// The standing has changed since it was read.
    Stale,
}

/// The key of a standing, for whoever reads it together with something else.
pub(crate) fn standing_key(user_id: UserId, scope: &Scope) -> Item {
    keys::main_key(keys::user(user_id), keys::standing(scope))
}

/// A standing as it was read; the default if there is none.
pub(crate) fn decode_standing(item: Option<Item>) -> Result<Standing, StoreError> {
    item.map_or_else(|| Ok(Standing::default()), |item| decoded(STANDING, item))
}

/// The writes that a result in a quiz is on the boards, for the transaction that makes the result known.
///
/// At most twelve: a standing, two old and two new entries and a pending item for each scope. None if
/// nothing has improved. If a standing has changed since it was read, the transaction fails.
pub(crate) struct Results {
    /// The writes.
    pub(crate) writes: Vec<TransactWriteItem>,
    /// The lanes in which moves wait afterwards; none for a user who has left the boards.
    pub(crate) waiting: Vec<ScopeLane>,
}

impl Results {
    /// `standings` are those of the quiz and of the global scope, as they were read; `cause` names the
    /// result, such as the id of the attempt. `main` is the name of the table.
    pub(crate) fn new(
        main: &str,
        user_id: UserId,
        quiz: &QuizId,
        standings: [&Standing; 2],
        score: BasisPoints,
        cause: &str,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let [of_quiz, of_all] = standings;
        let Improvement { quiz: in_quiz, global } = improve(of_quiz, of_all, score, now);
        let mut results = Self { writes: Vec::new(), waiting: Vec::new() };
        let changes = [(Scope::Quiz(quiz.clone()), in_quiz), (Scope::Global, global)];
        for (scope, change) in changes {
            let Some(change) = change else { continue };
            results.writes.extend(writes(main, user_id, &scope, &change, cause)?);
            if !change.moves.is_empty() {
                results.waiting.push(ScopeLane { scope, lane: Lane::of(user_id) });
            }
        }
        Ok(results)
    }
}

/// The writes of one change: the standing, the entries, and the moves that wait to be counted.
pub(super) fn writes(
    main: &str,
    user_id: UserId,
    scope: &Scope,
    change: &Change,
    cause: &str,
) -> Result<Vec<TransactWriteItem>, StoreError> {
    let mut writes = vec![write_standing(main, user_id, scope, change)?];
    for Move { period, from, to } in &change.moves {
        let key = |place: Place| {
            let page = keys::board_page(&board(scope, *period), scope.page_of(place.score));
            keys::main_key(page, keys::board_entry(user_id, place))
        };
        if let Some(from) = from {
            let delete = Delete::builder().table_name(main).set_key(Some(key(*from)));
            let delete = delete.build().map_err(not_built)?;
            writes.push(TransactWriteItem::builder().delete(delete).build());
        }
        if let Some(to) = to {
            let mut item = key(*to);
            item.extend([
                ("user".to_owned(), number(user_id.get())),
                ("score".to_owned(), number(to.score.get())),
                ("at".to_owned(), number(to.at.unix_millis())),
            ]);
            item.extend(time_to_live(*period));
            writes.push(put(Put::builder().table_name(main).set_item(Some(item)))?);
        }
    }
    if !change.moves.is_empty() {
        writes.push(wait(main, user_id, scope, change, cause)?);
    }
    Ok(writes)
}

fn write_standing(
    main: &str,
    user_id: UserId,
    scope: &Scope,
    change: &Change,
) -> Result<TransactWriteItem, StoreError> {
    let key = standing_key(user_id, scope);
    let is_known = "#version = :known";
    let known = number(change.known_version);
    let Some(standing) = &change.standing else {
        let delete = Delete::builder()
            .table_name(main)
            .set_key(Some(key))
            .condition_expression(is_known)
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":known", known)
            .build();
        return Ok(TransactWriteItem::builder().delete(delete.map_err(not_built)?).build());
    };
    let mut item: Item = serde_dynamo::to_item(standing)
        .map_err(|source| StoreError::Corrupt { entity: STANDING, source })?;
    item.extend(key);
    let write = Put::builder().table_name(main).set_item(Some(item));
    put(if change.known_version == 0 {
        write
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PARTITION_KEY)
    } else {
        write
            .condition_expression(is_known)
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":known", known)
    })
}

/// The moves, as they wait in the user's lane.
fn wait(
    main: &str,
    user_id: UserId,
    scope: &Scope,
    change: &Change,
    cause: &str,
) -> Result<TransactWriteItem, StoreError> {
    let moves = change.moves.iter().map(|Move { period, from, to }| WaitingMove {
        period: *period,
        from: from.map(|place| place.score),
        to: to.map(|place| place.score),
    });
    let moves: Vec<WaitingMove> = moves.collect();
    let lane = ScopeLane { scope: scope.clone(), lane: Lane::of(user_id) };
    let mut item = keys::main_key(keys::lane(&lane), keys::pending(change.version, cause));
    item.insert("moves".to_owned(), encoded("pending move", &moves)?);
    let write = Put::builder()
        .table_name(main)
        .set_item(Some(item))
        .condition_expression("attribute_not_exists(#pk)")
        .expression_attribute_names("#pk", PARTITION_KEY);
    put(write)
}

fn put(
    write: aws_sdk_dynamodb::types::builders::PutBuilder,
) -> Result<TransactWriteItem, StoreError> {
    Ok(TransactWriteItem::builder().put(write.build().map_err(not_built)?).build())
}

impl Store {
    /// A user's standing in a scope: one consistent read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn standing(&self, user_id: UserId, scope: &Scope) -> Result<Standing, StoreError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.tables.main)
            .set_key(Some(standing_key(user_id, scope)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| failed("GetItem", error))?;
        decode_standing(output.item)
    }

    /// A user's standings, at most a hundred after the scope `after`: one consistent query.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn standings(
        &self,
        user_id: UserId,
        after: Option<&Scope>,
    ) -> Result<Vec<(Scope, Standing)>, StoreError> {
        let query = self
            .client
            .query()
            .table_name(&self.tables.main)
            .key_condition_expression("#pk = :user AND begins_with(#sk, :standings)")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_names("#sk", SORT_KEY)
            .expression_attribute_values(":user", string(keys::user(user_id)))
            .expression_attribute_values(":standings", string(STANDING_PREFIX))
            .set_exclusive_start_key(after.map(|scope| standing_key(user_id, scope)))
            .consistent_read(true)
            .limit(STANDINGS_AT_ONCE);
        let output = query.send().await.map_err(|error| failed("Query", error))?;
        let named = |item: Item| {
            let scope = scope_of(&item)?;
            Some(decode_standing(Some(item)).map(|standing| (scope, standing)))
        };
        output.items.unwrap_or_default().into_iter().filter_map(named).collect()
    }

    /// Makes a change of a standing that no result is the cause of, in one transaction. `cause` is a
    /// random text.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Refused`].
    pub async fn change_standing(
        &self,
        user_id: UserId,
        scope: &Scope,
        change: &Change,
        cause: &str,
    ) -> Result<StandingOutcome, StoreError> {
        let writes = writes(&self.tables.main, user_id, scope, change, cause)?;
        // The SDK adds an idempotency token of its own and repeats the call with the same one.
        let written =
            self.client.transact_write_items().set_transact_items(Some(writes)).send().await;
        match written {
            Ok(_) => Ok(StandingOutcome::Changed),
            Err(error) => match first_failure(&error) {
                Some((_, "ConditionalCheckFailed" | "TransactionConflict")) => {
                    Ok(StandingOutcome::Stale)
                }
                _ => Err(transaction_failed(error)),
            },
        }
    }

    /// Enters a result in a quiz into the boards, by itself: for tests and figures. An attempt does it in
    /// the transaction of its own. Says which lanes have moves to count, or that the standings have
    /// changed meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`] or [`StoreError::Corrupt`].
    pub async fn enter_result(
        &self,
        user_id: UserId,
        quiz: &QuizId,
        score: BasisPoints,
        cause: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<ScopeLane>>, StoreError> {
        let of_quiz = self.standing(user_id, &Scope::Quiz(quiz.clone())).await?;
        let of_all = self.standing(user_id, &Scope::Global).await?;
        let main = &self.tables.main;
        let Results { writes, waiting } =
            Results::new(main, user_id, quiz, [&of_quiz, &of_all], score, cause, now)?;
        if writes.is_empty() {
            return Ok(Some(waiting));
        }
        let written =
            self.client.transact_write_items().set_transact_items(Some(writes)).send().await;
        match written {
            Ok(_) => Ok(Some(waiting)),
            Err(error) => match first_failure(&error) {
                Some((_, "ConditionalCheckFailed" | "TransactionConflict")) => Ok(None),
                _ => Err(transaction_failed(error)),
            },
        }
    }
}

/// The scope that a standing's sort key names.
fn scope_of(item: &Item) -> Option<Scope> {
    let sort = item.get(SORT_KEY).map(AttributeValue::as_s)?.ok()?;
    sort.strip_prefix(STANDING_PREFIX)?.parse().ok()
}
