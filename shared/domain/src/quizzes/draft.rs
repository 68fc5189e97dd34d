//! A quiz as its author writes it, and what is wrong with it.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use super::{
    AcceptedRange, AcceptedText, BasisPoints, ChoiceDraft, ChoiceId, KindDraft, PairDraft,
    QuestionDraft, QuizRules, StepDraft, Texts, Topic,
};
use crate::Language;

/// The most bytes of a quiz as JSON: with its key it must fit an item of DynamoDB (400 KB).
pub const MAX_CONTENT_BYTES: usize = 160_000;

const MAX_QUESTIONS: usize = 200;

/// A quiz as its author writes it: texts, rules, questions and their answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuizDraft {
    /// What it is called.
    pub title: Texts,
    /// What it is about and for whom.
    pub description: Texts,
    /// What it is listed under; 1 to 5.
    pub topics: Vec<Topic>,
    /// The language that every text exists in, shown where another one is missing.
    pub language: Language,
    /// How it is taken and marked.
    pub rules: QuizRules,
    /// Its questions; 1 to 20 pools. A quiz without draws has one.
    pub pools: Vec<PoolDraft>,
}

/// Questions from which an attempt gets all or a random part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolDraft {
    /// How many are drawn. Without it all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw: Option<u16>,
    /// The questions, 1 to 200 in all pools together. Where only some are drawn, all weigh the same, so that
    /// each attempt has the same total.
    pub questions: Vec<QuestionDraft>,
}

/// Something that keeps a draft from being published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, as in `pools[0].questions[3].choices`.
    pub field: String,
    /// What it must be, completing "must …" or "has …".
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.field, self.reason)
    }
}

impl QuizDraft {
    /// All questions, of all pools.
    pub fn questions(&self) -> impl Iterator<Item = &QuestionDraft> {
        self.pools.iter().flat_map(|pool| &pool.questions)
    }

    /// What keeps the draft from being published; nothing if it may be. At most 50 faults.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Faults { language: &self.language, found: Vec::new() };
        faults.quiz(self);
        faults.found.truncate(50);
        faults.found
    }
}

struct Faults<'a> {
    language: &'a Language,
    found: Vec<Fault>,
}

impl Faults<'_> {
    fn check(&mut self, holds: bool, field: impl Into<String>, reason: impl Into<String>) {
        if !holds {
            self.found.push(Fault { field: field.into(), reason: reason.into() });
        }
    }

    fn text(&mut self, texts: &Texts, field: impl Into<String>) {
        let language = self.language.as_str();
        self.check(
            texts.has(self.language),
            field,
            format!("must have a text in `{language}`, the quiz's language"),
        );
    }

    fn quiz(&mut self, quiz: &QuizDraft) {
        self.text(&quiz.title, "title");
        self.text(&quiz.description, "description");
        self.check((1..=5).contains(&quiz.topics.len()), "topics", "must be 1 to 5");
        self.rules(&quiz.rules, quiz.drawn());
        self.check((1..=20).contains(&quiz.pools.len()), "pools", "must be 1 to 20");
        let count = quiz.questions().count();
        self.check(
            (1..=MAX_QUESTIONS).contains(&count),
            "pools",
            format!("must have 1 to 200 questions in all and has {count}"),
        );
        let mut ids = BTreeSet::new();
        for (at, pool) in quiz.pools.iter().enumerate() {
            self.pool(pool, &format!("pools[{at}]"));
            for (number, question) in pool.questions.iter().enumerate() {
                let path = format!("pools[{at}].questions[{number}]");
                self.check(
                    ids.insert(&question.id),
                    format!("{path}.id"),
                    "must be unique within the quiz",
                );
                self.question(question, &path);
            }
        }
        let bytes = serde_json::to_vec(quiz).map_or(usize::MAX, |json| json.len());
        self.check(
            bytes <= MAX_CONTENT_BYTES,
            ".",
            format!("must have at most {MAX_CONTENT_BYTES} bytes as JSON and has {bytes}"),
        );
    }

    fn rules(&mut self, rules: &QuizRules, drawn: usize) {
        let seconds = rules.time_limit_seconds.unwrap_or(10);
        self.check(
            (10..=86_400).contains(&seconds),
            "rules.time_limit_seconds",
            "must be 10 to 86400",
        );
        let attempts = rules.attempts_a_day.unwrap_or(1);
        self.check((1..=50).contains(&attempts), "rules.attempts_a_day", "must be 1 to 50");
        let Some(certificate) = &rules.certificate else { return };
        let days = certificate.valid_days.unwrap_or(1);
        self.check(
            (1..=3_650).contains(&days),
            "rules.certificate.valid_days",
            "must be 1 to 3650",
        );
        let Some(renewal) = &certificate.renewal else { return };
        let field = "rules.certificate.renewal";
        self.check(
            certificate.valid_days.is_some(),
            field,
            "must be absent from a certificate that never expires",
        );
        self.check(
            (1..=365).contains(&renewal.days_before),
            format!("{field}.days_before"),
            "must be 1 to 365",
        );
        let fits = (1..=drawn).contains(&usize::from(renewal.questions));
        self.check(
            fits,
            format!("{field}.questions"),
            format!("must be 1 to {drawn}, the questions of an attempt"),
        );
    }

    fn pool(&mut self, pool: &PoolDraft, path: &str) {
        let count = pool.questions.len();
        self.check(count > 0, format!("{path}.questions"), "must not be empty");
        let Some(draw) = pool.draw else { return };
        let fits = draw >= 1 && usize::from(draw) <= count;
        self.check(
            fits,
            format!("{path}.draw"),
            format!("must be 1 to {count}, the questions of the pool"),
        );
        let same_weight = pool.questions.windows(2).all(|two| two[0].weight == two[1].weight);
        let partial = usize::from(draw) < count;
        self.check(
            !partial || same_weight,
            format!("{path}.questions"),
            "must all have one weight, because only some are drawn",
        );
    }

    fn question(&mut self, question: &QuestionDraft, path: &str) {
        self.text(&question.text, format!("{path}.text"));
        self.check(
            (1..=100).contains(&question.weight),
            format!("{path}.weight"),
            "must be 1 to 100",
        );
        if let Some(explanation) = &question.explanation {
            self.text(explanation, format!("{path}.explanation"));
        }
        match &question.kind {
            KindDraft::Single { choices, .. } => self.single(choices, path),
            KindDraft::Multiple { choices, .. } => self.multiple(choices, path),
            KindDraft::Number { accepted } => self.number(accepted, path),
            KindDraft::Text { accepted, .. } => {
                let has = accepted.contains_key(self.language);
                self.check(
                    has,
                    format!("{path}.accepted"),
                    "must have answers in the quiz's language",
                );
                for (language, texts) in accepted {
                    self.accepted(texts, &format!("{path}.accepted.{}", language.as_str()));
                }
            }
            KindDraft::Ordering { steps } => {
                self.check(
                    (2..=20).contains(&steps.len()),
                    format!("{path}.steps"),
                    "must be 2 to 20",
                );
                self.steps(steps, BTreeSet::new(), &format!("{path}.steps"));
            }
            KindDraft::Matching { pairs, distractors } => self.matching(pairs, distractors, path),
        }
    }

    fn choices(&mut self, choices: &[ChoiceDraft], path: &str) {
        self.check((2..=20).contains(&choices.len()), format!("{path}.choices"), "must be 2 to 20");
        let mut ids = BTreeSet::new();
        for (at, choice) in choices.iter().enumerate() {
            let path = format!("{path}.choices[{at}]");
            self.check(
                ids.insert(&choice.id),
                format!("{path}.id"),
                "must be unique within the question",
            );
            self.text(&choice.text, format!("{path}.text"));
            self.check(
                (-10_000..=10_000).contains(&choice.credit),
                format!("{path}.credit"),
                "must be -10000 to 10000",
            );
            if let Some(feedback) = &choice.feedback {
                self.text(feedback, format!("{path}.feedback"));
            }
        }
    }

    fn single(&mut self, choices: &[ChoiceDraft], path: &str) {
        self.choices(choices, path);
        let right = choices.iter().filter(|choice| choice.credit == 10_000).count();
        self.check(
            right == 1,
            format!("{path}.choices"),
            format!("must have one right choice (credit 10000) and has {right}"),
        );
    }

    fn multiple(&mut self, choices: &[ChoiceDraft], path: &str) {
        self.choices(choices, path);
        let right: i32 = choices.iter().map(|choice| i32::from(choice.credit.max(0))).sum();
        self.check(
            right == 10_000,
            format!("{path}.choices"),
            format!("must have positive credits of 10000 in all and has {right}"),
        );
    }

    fn number(&mut self, accepted: &[AcceptedRange], path: &str) {
        let path = format!("{path}.accepted");
        self.check((1..=20).contains(&accepted.len()), path.clone(), "must be 1 to 20");
        for (at, range) in accepted.iter().enumerate() {
            self.check(
                range.from <= range.to,
                format!("{path}[{at}]"),
                "must have a `from` that is not above its `to`",
            );
        }
        let full = accepted.iter().any(|range| range.credit == BasisPoints::ALL);
        self.check(full, path, "must have a range with a credit of 10000");
    }

    fn accepted(&mut self, accepted: &[AcceptedText], path: &str) {
        self.check((1..=50).contains(&accepted.len()), path, "must be 1 to 50");
        let full = accepted.iter().any(|text| text.credit == BasisPoints::ALL);
        self.check(full, path, "must have an answer with a credit of 10000");
    }

    fn steps<'a>(&mut self, steps: &'a [StepDraft], mut ids: BTreeSet<&'a ChoiceId>, path: &str) {
        for (at, step) in steps.iter().enumerate() {
            self.check(
                ids.insert(&step.id),
                format!("{path}[{at}].id"),
                "must be unique within the question",
            );
            self.text(&step.text, format!("{path}[{at}].text"));
        }
    }

    fn matching(&mut self, pairs: &[PairDraft], distractors: &[StepDraft], path: &str) {
        self.check((2..=20).contains(&pairs.len()), format!("{path}.pairs"), "must be 2 to 20");
        self.check(distractors.len() <= 20, format!("{path}.distractors"), "must be at most 20");
        let mut ids = BTreeSet::new();
        for (at, pair) in pairs.iter().enumerate() {
            let path = format!("{path}.pairs[{at}]");
            self.check(
                ids.insert(&pair.id),
                format!("{path}.id"),
                "must be unique within the question",
            );
            self.text(&pair.prompt, format!("{path}.prompt"));
            self.text(&pair.answer, format!("{path}.answer"));
        }
        self.steps(distractors, ids, &format!("{path}.distractors"));
    }
}

impl QuizDraft {
    /// How many questions an attempt has.
    pub fn drawn(&self) -> usize {
        let of_pool = |pool: &PoolDraft| pool.draw.map_or(pool.questions.len(), usize::from);
        self.pools.iter().map(of_pool).sum()
    }
}
