//! What a user has open, done and passed of a quiz: one item.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValuesOnConditionCheckFailure, Update, builders::UpdateBuilder,
};
use minigate_domain::{
    AttemptId, Timestamp,
    attempts::{Attempt, HeldCertificate, Score},
    quizzes::{BasisPoints, Version},
};
use serde::Deserialize;

use crate::{
    Store, StoreError,
    call::{Item, decoded, encoded, not_built, number, string},
    keys,
};

const ENTITY: &str = "state of a quiz";

/// The attributes with the number of attempts that were started on a day begin like this; the day follows, counted
/// from 1970. One for each day, because a condition can compare with a limit and add one, but not start anew when
/// the day has changed. Scoring removes those of former days.
const STARTS: &str = "starts_";

/// What a user has open, done and passed of a quiz. The default is that of a quiz they never took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuizState {
    /// The open attempt, and when it ends.
    pub open: Option<(AttemptId, Timestamp)>,
    /// The best score.
    pub best: Option<Best>,
    /// The versions that were passed.
    pub passed: BTreeSet<Version>,
    /// The newest certificate.
    pub certificate: Option<HeldCertificate>,
    /// How many attempts were started, by the day since 1970.
    pub starts: BTreeMap<u64, u64>,
}

/// A user's best score in a quiz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Best {
    /// The share of all marks.
    #[serde(rename = "best")]
    pub share: BasisPoints,
    /// When it was reached first.
    #[serde(rename = "best_at")]
    pub at: Timestamp,
    /// By which attempt.
    #[serde(rename = "best_attempt")]
    pub attempt: AttemptId,
}

/// The day of a moment, counted from 1970 (UTC).
pub(super) fn day(now: Timestamp) -> u64 {
    now.unix_seconds() / 86_400
}

fn starts_on(day: u64) -> String {
    format!("{STARTS}{day}")
}

pub(super) fn decode_state(item: Item) -> Result<QuizState, StoreError> {
    #[derive(Deserialize)]
    struct Open {
        open: AttemptId,
        open_until: Timestamp,
    }
    let text = |value: &AttributeValue| value.as_n().ok().and_then(|number| number.parse().ok());
    let starts = item.iter().filter_map(|(name, value)| {
        Some((name.strip_prefix(STARTS)?.parse::<u64>().ok()?, text(value)?))
    });
    let mut state = QuizState { starts: starts.collect(), ..QuizState::default() };
    if let Some(AttributeValue::Ns(versions)) = item.get("passed") {
        let version = |number: &String| number.parse::<u32>().ok()?.try_into().ok();
        state.passed = versions.iter().filter_map(version).collect();
    }
    if item.contains_key("open") {
        let Open { open, open_until } = decoded(ENTITY, item.clone())?;
        state.open = Some((open, open_until));
    }
    if let Some(AttributeValue::M(held)) = item.get("certificate") {
        state.certificate = Some(decoded(ENTITY, held.clone())?);
    }
    if item.contains_key("best") {
        state.best = Some(decoded(ENTITY, item)?);
    }
    Ok(state)
}

impl Store {
    fn update_state(&self, attempt: &Attempt) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.tables.main)
            .set_key(Some(keys::quiz_state(attempt.user_id, &attempt.quiz)))
            .expression_attribute_names("#open", "open")
            .expression_attribute_names("#until", "open_until")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// The write that makes an attempt the open one and counts it, if there is none and fewer than `limit` were
    /// started on its day.
    ///
    /// One that renews a certificate needs that to be the newest and renewable.
    pub(super) fn opening(&self, attempt: &Attempt, limit: u8) -> Result<Update, StoreError> {
        let mut condition =
            "attribute_not_exists(#open) AND (attribute_not_exists(#starts) OR #starts < :limit)"
                .to_owned();
        let mut update = self.update_state(attempt);
        if let Some(renews) = attempt.renews {
            condition += " AND #certificate.#id = :renews AND #certificate.#from <= :now";
            update = update
                .expression_attribute_names("#certificate", "certificate")
                .expression_attribute_names("#id", "id")
                .expression_attribute_names("#from", "renewable_from")
                .expression_attribute_values(":renews", string(renews))
                .expression_attribute_values(":now", number(attempt.started_at.unix_millis()));
        }
        update
            .condition_expression(condition)
            .update_expression("SET #open = :open, #until = :until ADD #starts :one")
            .expression_attribute_names("#starts", starts_on(day(attempt.started_at)))
            .expression_attribute_values(":open", string(attempt.id))
            .expression_attribute_values(":until", number(attempt.deadline.unix_millis()))
            .expression_attribute_values(":one", number(1_u64))
            .expression_attribute_values(":limit", number(u64::from(limit)))
            .build()
            .map_err(not_built)
    }

    /// The write that closes the open attempt with its score.
    pub(super) fn closing(
        &self,
        attempt: &Attempt,
        score: &Score,
        state: &QuizState,
        issued: Option<&HeldCertificate>,
        now: Timestamp,
    ) -> Result<Update, StoreError> {
        let (mut set, mut remove) = (Vec::new(), vec!["#open".to_owned(), "#until".to_owned()]);
        let mut update = self
            .update_state(attempt)
            .condition_expression("#open = :open")
            .expression_attribute_values(":open", string(attempt.id));
        if let Some(issued) = issued {
            set.push("#certificate = :certificate");
            update = update
                .expression_attribute_names("#certificate", "certificate")
                .expression_attribute_values(":certificate", encoded(ENTITY, issued)?);
        }
        let is_best = state.best.is_none_or(|best| best.share < score.share);
        if is_best && !attempt.is_renewal() {
            set.extend(["best = :best", "best_at = :at", "best_attempt = :open"]);
            update = update
                .expression_attribute_values(":best", number(u64::from(score.share.get())))
                .expression_attribute_values(":at", number(score.at.unix_millis()));
        }
        let former = state.starts.keys().filter(|before| **before + 1 < day(now));
        for (at, day) in former.take(50).enumerate() {
            remove.push(format!("#former{at}"));
            update = update.expression_attribute_names(format!("#former{at}"), starts_on(*day));
        }
        let mut expression = format!("REMOVE {}", remove.join(", "));
        if !set.is_empty() {
            expression += &format!(" SET {}", set.join(", "));
        }
        if score.passed {
            expression += " ADD passed :passed";
            let version = AttributeValue::Ns(vec![attempt.version.to_string()]);
            update = update.expression_attribute_values(":passed", version);
        }
        update.update_expression(expression).build().map_err(not_built)
    }
}
