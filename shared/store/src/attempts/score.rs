//! Scoring an attempt, by whoever notices first that it is over.

use std::{collections::HashMap, sync::Arc};

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{Delete, KeysAndAttributes, TransactWriteItem, Update},
};
use minigate_domain::{
    AttemptId, Entropy, Timestamp, UserId,
    attempts::{Attempt, HeldCertificate, Score, score},
    certificates::{Certificate, MAX_DRAWS},
    leaderboards::{Scope, ScopeLane, Standing},
    quizzes::{QuizId, Version},
};

use super::{
    ENTITY, decode_attempt,
    state::{QuizState, decode_state},
};
use crate::{
    KeyedVersion, Store, StoreError,
    backoff::{Backoff, CONTENTION},
    call::{
        Item, encoded, failed, first_failure, not_built, number, sort_key, throttled_in_part,
        transaction_failed,
    },
    certificates::{certificate_items, found_taken},
    keys::{self, SORT_KEY},
    leaderboards::{Results, decode_standing, standing_key},
    quizzes::decode_keyed_version,
};

/// Where the writes of a certificate begin in the transaction.
const FIRST_OF_CERTIFICATE: usize = 3;

/// An attempt that may be over.
#[derive(Clone, Debug)]
pub struct ScoreAttempt {
    /// Whose it is.
    pub user_id: UserId,
    /// The attempt.
    pub id: AttemptId,
    /// Its quiz.
    pub quiz: QuizId,
    /// Its version.
    pub version: Version,
    /// That version with its key, if it is known; otherwise it is read.
    pub keyed: Option<Arc<KeyedVersion>>,
    /// When it is to be scored.
    pub when: ScoreWhen,
}

/// When an attempt is to be scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoreWhen {
    /// Now: the user submits it.
    Submitted,
    /// Only if its time is over.
    Due,
}

/// An attempt that was scored, now or before.
#[derive(Clone, Debug)]
pub struct Scored {
    /// The attempt with its score.
    pub attempt: Attempt,
    /// Its version with the key.
    pub keyed: Arc<KeyedVersion>,
    /// Whether this call scored it.
    pub is_first: bool,
    /// The lanes in which moves on leaderboards wait to be counted.
    pub waiting: Vec<ScopeLane>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum ScoreOutcome {
    /// It has a score.
    Scored(Box<Scored>),
    /// It is open, and its time is not over.
    Open(Box<Attempt>),
    /// The user has no such attempt.
    NotFound,
}

/// All that a score depends on, as it was read.
pub(super) struct Read {
    pub(super) attempt: Attempt,
    pub(super) state: QuizState,
    pub(super) in_quiz: Standing,
    pub(super) in_all: Standing,
    pub(super) keyed: Arc<KeyedVersion>,
}

impl Store {
    /// Scores an attempt, unless it was scored before: one batch of reads and one transaction, which does
    /// everything that the score has for a consequence. If the attempt has changed meanwhile, both again.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`], [`StoreError::Corrupt`] or
    /// [`StoreError::Contended`].
    pub async fn score_attempt(
        &self,
        request: &ScoreAttempt,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<ScoreOutcome, StoreError> {
        let mut backoff = Backoff::new(CONTENTION, (request.id, now));
        let (mut attempts, mut keyed, mut places_taken) = (1, request.keyed.clone(), 0);
        loop {
            let Some(read) = self.read_to_score(request, keyed).await? else {
                return Ok(ScoreOutcome::NotFound);
            };
            let (attempt, read_version) = (&read.attempt, Arc::clone(&read.keyed));
            if attempt.score.is_some() {
                let (attempt, waiting) = (read.attempt, Vec::new());
                let scored = Scored { attempt, keyed: read_version, is_first: false, waiting };
                return Ok(ScoreOutcome::Scored(Box::new(scored)));
            }
            if request.when == ScoreWhen::Due && !attempt.is_due(now) {
                return Ok(ScoreOutcome::Open(Box::new(read.attempt)));
            }
            let KeyedVersion { published, key } = &*read_version;
            let mut score = score(attempt, &published.quiz, key, now);
            let pass = attempt.certifies(&score, &published.quiz, read.state.certificate.as_ref());
            let certificate = pass.map(|pass| {
                let certificate = Certificate::for_pass(pass, entropy);
                certificate.redraw(places_taken, entropy)
            });
            score.certificate = certificate.as_ref().map(|certificate| certificate.id);
            let (writes, waiting) = self.scoring(&read, &score, certificate.as_ref(), now)?;
            // The SDK adds an idempotency token of its own and repeats the call with the same one.
            let written =
                self.client.transact_write_items().set_transact_items(Some(writes)).send().await;
            match written {
                Ok(_) => {
                    let rev = read.attempt.rev + 1;
                    let attempt = Attempt { rev, score: Some(score), ..read.attempt };
                    let scored = Scored { attempt, keyed: read_version, is_first: true, waiting };
                    return Ok(ScoreOutcome::Scored(Box::new(scored)));
                }
                Err(error)
                    if places_taken < MAX_DRAWS && found_taken(&error, FIRST_OF_CERTIFICATE) =>
                {
                    places_taken += 1;
                    keyed = Some(read_version);
                    continue;
                }
                Err(error) if is_raced(&error) => {}
                Err(error) => return Err(transaction_failed(error)),
            }
            keyed = Some(read_version);
            if !backoff.pause().await {
                return Err(StoreError::Contended { operation: "score_attempt", attempts });
            }
            attempts += 1;
        }
    }

    /// The writes of a score. The first one has as its condition that the attempt is as it was read, the second
    /// that it is the open one of its quiz.
    pub(super) fn scoring(
        &self,
        read: &Read,
        score: &Score,
        certificate: Option<&Certificate>,
        now: Timestamp,
    ) -> Result<(Vec<TransactWriteItem>, Vec<ScopeLane>), StoreError> {
        let Read { attempt, state, in_quiz, in_all, .. } = read;
        let main = &self.tables.main;
        let closing = Update::builder()
            .table_name(main)
            .set_key(Some(keys::attempt(attempt.user_id, attempt.id)))
            .condition_expression("#rev = :read AND attribute_not_exists(#score)")
            .update_expression("SET #score = :score, #rev = :next")
            .expression_attribute_names("#rev", "rev")
            .expression_attribute_names("#score", "score")
            .expression_attribute_values(":read", number(attempt.rev))
            .expression_attribute_values(":next", number(attempt.rev + 1))
            .expression_attribute_values(":score", encoded(ENTITY, score)?)
            .build()
            .map_err(not_built)?;
        let held = certificate.map(HeldCertificate::of);
        let state = self.closing(attempt, score, state, held.as_ref(), now)?;
        let done = Delete::builder().table_name(main).set_key(Some(keys::due(attempt)));
        let done = done.build().map_err(not_built)?;
        let mut writes = vec![
            TransactWriteItem::builder().update(closing).build(),
            TransactWriteItem::builder().update(state).build(),
            TransactWriteItem::builder().delete(done).build(),
        ];
        debug_assert_eq!(writes.len(), FIRST_OF_CERTIFICATE);
        if let Some(certificate) = certificate {
            writes.extend(certificate_items(main, certificate)?);
        }
        let mut waiting = Vec::new();
        if !attempt.is_renewal() {
            let (user, cause) = (attempt.user_id, attempt.id.to_string());
            let standings = [in_quiz, in_all];
            let results =
                Results::new(main, user, &attempt.quiz, standings, score.share, &cause, score.at)?;
            writes.extend(results.writes);
            waiting = results.waiting;
        }
        Ok((writes, waiting))
    }

    async fn read_to_score(
        &self,
        request: &ScoreAttempt,
        keyed: Option<Arc<KeyedVersion>>,
    ) -> Result<Option<Read>, StoreError> {
        let ScoreAttempt { user_id, id, quiz, version, .. } = request;
        let mut wanted = vec![
            keys::attempt(*user_id, *id),
            keys::quiz_state(*user_id, quiz),
            standing_key(*user_id, &Scope::Quiz(quiz.clone())),
            standing_key(*user_id, &Scope::Global),
        ];
        if keyed.is_none() {
            wanted.push(keys::quiz_version(quiz, *version));
        }
        let mut found = self.read_items(wanted.clone()).await?;
        let Some(attempt) = found.remove(&wanted[0]) else { return Ok(None) };
        let state = found.remove(&wanted[1]).map(decode_state).transpose()?.unwrap_or_default();
        let in_quiz = decode_standing(found.remove(&wanted[2]))?;
        let in_all = decode_standing(found.remove(&wanted[3]))?;
        let keyed = match keyed {
            Some(keyed) => keyed,
            None => {
                let item = found.remove(&wanted[4]).unwrap_or_default();
                Arc::new(decode_keyed_version(&item)?)
            }
        };
        let attempt = decode_attempt(attempt)?;
        Ok(Some(Read { attempt, state, in_quiz, in_all, keyed }))
    }

    /// The items with these keys in `Main`, by their keys: one consistent batch, and more only for keys that
    /// DynamoDB has left out.
    async fn read_items(&self, wanted: Vec<Item>) -> Result<Found, StoreError> {
        let mut backoff = Backoff::new(CONTENTION, format!("{:?}", wanted.first()));
        let (mut found, mut wanted) = (Found::default(), wanted);
        loop {
            let request = KeysAndAttributes::builder()
                .set_keys(Some(wanted))
                .consistent_read(true)
                .build()
                .map_err(not_built)?;
            let output = self
                .client
                .batch_get_item()
                .request_items(&self.tables.main, request)
                .send()
                .await
                .map_err(|error| failed("BatchGetItem", error))?;
            for items in output.responses.unwrap_or_default().into_values() {
                found.0.extend(items);
            }
            let left = output.unprocessed_keys.unwrap_or_default().into_values();
            wanted = left.flat_map(|keys| keys.keys).collect();
            if wanted.is_empty() {
                return Ok(found);
            }
            if !backoff.pause().await {
                return Err(throttled_in_part());
            }
        }
    }
}

/// Items that a batch has found.
#[derive(Default)]
struct Found(Vec<Item>);

impl Found {
    fn remove(
        &mut self,
        key: &HashMap<String, aws_sdk_dynamodb::types::AttributeValue>,
    ) -> Option<Item> {
        // Sort keys of one batch differ, whatever the partition.
        let sort = key.get(SORT_KEY)?.as_s().ok()?;
        let at = self.0.iter().position(|item| sort_key(item) == Some(sort))?;
        Some(self.0.swap_remove(at))
    }
}

/// Whether somebody else has changed what the score depends on.
fn is_raced(error: &aws_sdk_dynamodb::error::SdkError<TransactWriteItemsError>) -> bool {
    matches!(first_failure(error), Some((_, "ConditionalCheckFailed" | "TransactionConflict")))
}
