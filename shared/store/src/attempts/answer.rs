//! Answering a question: one update.

use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use minigate_domain::{
    AttemptId, Timestamp, UserId,
    attempts::{Answer, AnswerRefusal, Attempt, Given},
    quizzes::{ChoiceId, QuestionId},
};

use super::{ENTITY, decode_attempt};
use crate::{
    Store, StoreError,
    call::{self, Repeat, encoded, image_at_failure, number, string},
    keys::{self, PARTITION_KEY},
};

/// What became of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerOutcome {
    /// It is taken, and this is the attempt now.
    Taken(Box<Attempt>),
    /// The user has no such attempt.
    NotFound,
    /// It is not taken.
    Refused(AnswerRefusal),
}

impl Store {
    /// Takes an answer, in place of an earlier one, if the attempt is open and the answer fits its question: one
    /// update, whose condition is all of that.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Refused`], [`StoreError::Corrupt`] or
    /// [`StoreError::Contended`].
    pub async fn answer_attempt(
        &self,
        user_id: UserId,
        id: AttemptId,
        question: &QuestionId,
        given: &Given,
        now: Timestamp,
    ) -> Result<AnswerOutcome, StoreError> {
        if let Err(misfit) = given.check_alone() {
            return Ok(AnswerOutcome::Refused(AnswerRefusal::Misfit(misfit)));
        }
        let answer = Answer { given: given.clone(), at: now };
        let answering = self.answering(user_id, id, question, &answer)?;
        let error = match call::update(answering, Repeat::Safely, (id, now)).await {
            Ok(output) => {
                let attempt = decode_attempt(output.attributes.unwrap_or_default())?;
                return Ok(AnswerOutcome::Taken(Box::new(attempt)));
            }
            Err(error) => error,
        };
        let Some(item) = image_at_failure(error)? else { return Ok(AnswerOutcome::NotFound) };
        let attempt = decode_attempt(item)?;
        if attempt.answers.get(question) == Some(&answer) {
            // An earlier attempt of this very call, whose answer was lost, has taken it.
            return Ok(AnswerOutcome::Taken(Box::new(attempt)));
        }
        match attempt.check(question, given, now) {
            Err(refusal) => Ok(AnswerOutcome::Refused(refusal)),
            Ok(()) => Err(StoreError::Contended { operation: "answer_attempt", attempts: 1 }),
        }
    }

    pub(super) fn answering(
        &self,
        user_id: UserId,
        id: AttemptId,
        question: &QuestionId,
        answer: &Answer,
    ) -> Result<UpdateItemFluentBuilder, StoreError> {
        let mut conditions = [
            "attribute_exists(#pk)",
            "attribute_not_exists(#score)",
            "#deadline > :now",
            "#asked.#question.#kind = :kind",
        ]
        .map(str::to_owned)
        .to_vec();
        let mut update = self
            .client
            .update_item()
            .table_name(&self.tables.main)
            .set_key(Some(keys::attempt(user_id, id)))
            .update_expression("SET #answers.#question = :answer, #rev = #rev + :one")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_names("#score", "score")
            .expression_attribute_names("#deadline", "deadline")
            .expression_attribute_names("#asked", "asked")
            .expression_attribute_names("#kind", "kind")
            .expression_attribute_names("#answers", "answers")
            .expression_attribute_names("#rev", "rev")
            .expression_attribute_names("#question", question.as_str())
            .expression_attribute_values(":now", number(answer.at.unix_millis()))
            .expression_attribute_values(":kind", string(answer.given.kind().as_str()))
            .expression_attribute_values(":answer", encoded(ENTITY, answer)?)
            .expression_attribute_values(":one", number(1_u64));
        let (choices, prompts) = named(&answer.given);
        for (list, ids) in [("choices", choices), ("prompts", prompts)] {
            if ids.is_empty() {
                continue;
            }
            update = update.expression_attribute_names(format!("#{list}"), list);
            for (at, id) in ids.into_iter().enumerate() {
                conditions.push(format!("contains(#asked.#question.#{list}, :{list}{at})"));
                update =
                    update.expression_attribute_values(format!(":{list}{at}"), string(id.as_str()));
            }
        }
        if let Given::Order(steps) = &answer.given {
            // All are different and known, so as many as there are means all of them.
            conditions.push("size(#asked.#question.#choices) = :steps".to_owned());
            update = update
                .expression_attribute_names("#choices", "choices")
                .expression_attribute_values(":steps", number(steps.len() as u64));
        }
        Ok(update
            .condition_expression(conditions.join(" AND "))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld))
    }
}

/// The different choices and prompts that an answer names.
fn named(given: &Given) -> (Vec<&ChoiceId>, Vec<&ChoiceId>) {
    match given {
        Given::Choice(choice) => (vec![choice], Vec::new()),
        Given::Choices(choices) => (choices.iter().collect(), Vec::new()),
        Given::Number(_) | Given::Text(_) => (Vec::new(), Vec::new()),
        Given::Order(steps) => (steps.iter().collect(), Vec::new()),
        Given::Pairs(pairs) => {
            let mut answers: Vec<_> = pairs.values().collect();
            answers.sort_unstable();
            answers.dedup();
            (answers, pairs.keys().collect())
        }
    }
}
