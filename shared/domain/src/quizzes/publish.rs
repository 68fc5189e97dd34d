//! Publishing: a draft becomes what everybody may see, and a key that nobody may.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{
    AcceptedRange, AcceptedText, BasisPoints, ChoiceDraft, ChoiceId, Fault, KindDraft, PoolDraft,
    QuestionDraft, QuestionId, QuizDraft, QuizRules, Shuffle, StepDraft, Texts, Topic,
};
use crate::{Entropy, Language};

/// Both halves of a version.
#[derive(Clone, Debug)]
pub struct Publication {
    /// What everybody may see.
    pub quiz: PublishedQuiz,
    /// What is right.
    pub key: AnswerKey,
}

/// A version of a quiz without its answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedQuiz {
    /// What it is called.
    pub title: Texts,
    /// What it is about and for whom.
    pub description: Texts,
    /// What it is listed under.
    pub topics: Vec<Topic>,
    /// The language of every text that lacks the one asked for.
    pub language: Language,
    /// How it is taken and marked.
    pub rules: QuizRules,
    /// Its questions.
    pub pools: Vec<Pool>,
}

/// Questions from which an attempt gets `draw`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// How many are drawn.
    pub draw: u16,
    /// The questions.
    pub questions: Vec<Question>,
}

/// A question without its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Its name within the quiz.
    pub id: QuestionId,
    /// The question.
    pub text: Texts,
    /// How many points it is worth.
    pub weight: u8,
    /// The share of the weight that a wrong answer costs.
    pub penalty: BasisPoints,
    /// What is asked.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What is asked. Choices have new names, and where their order would say something, a random one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// One of several choices.
    Single {
        /// In the author's order.
        choices: Vec<Choice>,
        /// Whether each attempt has them in another order.
        shuffle: bool,
    },
    /// Any of several choices.
    Multiple {
        /// In the author's order.
        choices: Vec<Choice>,
        /// Whether each attempt has them in another order.
        shuffle: bool,
    },
    /// A number.
    Number,
    /// A few words.
    Text,
    /// Steps to be put in order.
    Ordering {
        /// In a random order.
        steps: Vec<Choice>,
    },
    /// To each prompt, an answer.
    Matching {
        /// In the author's order.
        prompts: Vec<Choice>,
        /// In a random order, each once.
        answers: Vec<Choice>,
    },
}

/// Something to choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Its name within the question.
    pub id: ChoiceId,
    /// Its text.
    pub text: Texts,
}

/// What is right, for each question of a version, and what is explained after submission.
///
/// It does not implement `Serialize`, and its `Debug` shows nothing: a response, a log line or a cache entry
/// that held it would not compile or would be empty. The store uses [`to_stored`](Self::to_stored).
#[derive(Clone, PartialEq, Eq)]
pub struct AnswerKey {
    by_question: BTreeMap<QuestionId, QuestionKey>,
    explanations: BTreeMap<QuestionId, Explanations>,
}

/// What is right in one question.
#[derive(Clone, PartialEq, Eq)]
pub enum QuestionKey {
    /// The credit of each choice, in basis points; the largest is 10,000.
    Single(BTreeMap<ChoiceId, i16>),
    /// The credit of each choice, in basis points; the positive ones add up to 10,000.
    Multiple(BTreeMap<ChoiceId, i16>),
    /// The first range that contains the answer counts.
    Number(Vec<AcceptedRange>),
    /// The first text that matches after normalisation counts.
    Text {
        /// By language; the quiz's is always there.
        accepted: BTreeMap<Language, Vec<AcceptedText>>,
        /// Whether capital letters matter.
        case_sensitive: bool,
    },
    /// The steps in the right order.
    Ordering(Vec<ChoiceId>),
    /// The answer to each prompt.
    Matching(BTreeMap<ChoiceId, ChoiceId>),
}

/// What is shown of a question after submission.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanations {
    /// To everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Texts>,
    /// To whoever chose it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub choices: BTreeMap<ChoiceId, Texts>,
}

impl fmt::Debug for AnswerKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AnswerKey({} questions)", self.by_question.len())
    }
}

impl fmt::Debug for QuestionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("QuestionKey")
    }
}

impl AnswerKey {
    /// What is right in a question.
    pub fn of(&self, question: &QuestionId) -> Option<&QuestionKey> {
        self.by_question.get(question)
    }

    /// What is explained after submission.
    pub fn explanations(&self, question: &QuestionId) -> Option<&Explanations> {
        self.explanations.get(question)
    }

    /// The text in which the store keeps a key.
    pub fn to_stored(&self) -> String {
        let by_question = self.by_question.iter().map(|(id, key)| (id, Stored::from(key)));
        let stored = StoredKey {
            by_question: by_question.map(|(id, key)| (id.clone(), key)).collect(),
            explanations: self.explanations.clone(),
        };
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// The key in a text that [`to_stored`](Self::to_stored) made; `None` for any other text.
    pub fn from_stored(text: &str) -> Option<Self> {
        let StoredKey { by_question, explanations } = serde_json::from_str(text).ok()?;
        let by_question = by_question.into_iter().map(|(id, key)| (id, key.into())).collect();
        Some(Self { by_question, explanations })
    }
}

#[derive(Serialize, Deserialize)]
struct StoredKey {
    by_question: BTreeMap<QuestionId, Stored>,
    #[serde(default)]
    explanations: BTreeMap<QuestionId, Explanations>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stored {
    Single(BTreeMap<ChoiceId, i16>),
    Multiple(BTreeMap<ChoiceId, i16>),
    Number(Vec<AcceptedRange>),
    Text { accepted: BTreeMap<Language, Vec<AcceptedText>>, case_sensitive: bool },
    Ordering(Vec<ChoiceId>),
    Matching(BTreeMap<ChoiceId, ChoiceId>),
}

impl From<&QuestionKey> for Stored {
    fn from(key: &QuestionKey) -> Self {
        match key.clone() {
            QuestionKey::Single(credits) => Self::Single(credits),
            QuestionKey::Multiple(credits) => Self::Multiple(credits),
            QuestionKey::Number(ranges) => Self::Number(ranges),
            QuestionKey::Text { accepted, case_sensitive } => {
                Self::Text { accepted, case_sensitive }
            }
            QuestionKey::Ordering(steps) => Self::Ordering(steps),
            QuestionKey::Matching(pairs) => Self::Matching(pairs),
        }
    }
}

impl From<Stored> for QuestionKey {
    fn from(key: Stored) -> Self {
        match key {
            Stored::Single(credits) => Self::Single(credits),
            Stored::Multiple(credits) => Self::Multiple(credits),
            Stored::Number(ranges) => Self::Number(ranges),
            Stored::Text { accepted, case_sensitive } => Self::Text { accepted, case_sensitive },
            Stored::Ordering(steps) => Self::Ordering(steps),
            Stored::Matching(pairs) => Self::Matching(pairs),
        }
    }
}

impl PublishedQuiz {
    /// All questions, of all pools.
    pub fn questions(&self) -> impl Iterator<Item = &Question> {
        self.pools.iter().flat_map(|pool| &pool.questions)
    }

    /// How many questions an attempt has.
    pub fn drawn(&self) -> usize {
        self.pools.iter().map(|pool| usize::from(pool.draw)).sum()
    }

    /// The languages in which the title, the description and every question exist.
    pub fn languages(&self) -> Vec<Language> {
        let texts = || {
            let questions = self.questions().map(|question| &question.text);
            [&self.title, &self.description].into_iter().chain(questions)
        };
        let in_all = |language: &&Language| texts().all(|texts| texts.has(language));
        self.title.languages().filter(in_all).cloned().collect()
    }
}

impl QuizDraft {
    /// Splits a draft into its two halves. The new names of choices, and the order of those whose order would
    /// tell the answer, come from `entropy`.
    ///
    /// # Errors
    /// The [faults](QuizDraft::faults) that keep it from being published.
    pub fn publish(&self, entropy: &dyn Entropy) -> Result<Publication, Vec<Fault>> {
        let faults = self.faults();
        if !faults.is_empty() {
            return Err(faults);
        }
        let mut seed = [0; 8];
        entropy.fill(&mut seed);
        let mut publisher = Publisher {
            shuffle: Shuffle::new(u64::from_be_bytes(seed)),
            key: AnswerKey { by_question: BTreeMap::new(), explanations: BTreeMap::new() },
        };
        let quiz = PublishedQuiz {
            title: self.title.clone(),
            description: self.description.clone(),
            topics: self.topics.clone(),
            language: self.language.clone(),
            rules: self.rules.clone(),
            pools: self.pools.iter().map(|pool| publisher.pool(pool)).collect(),
        };
        Ok(Publication { quiz, key: publisher.key })
    }
}

struct Publisher {
    shuffle: Shuffle,
    key: AnswerKey,
}

impl Publisher {
    fn pool(&mut self, pool: &PoolDraft) -> Pool {
        let questions: Vec<_> =
            pool.questions.iter().map(|question| self.question(question)).collect();
        let all = u16::try_from(questions.len()).unwrap_or(u16::MAX);
        Pool { draw: pool.draw.unwrap_or(all), questions }
    }

    fn question(&mut self, draft: &QuestionDraft) -> Question {
        let mut explanations =
            Explanations { question: draft.explanation.clone(), choices: BTreeMap::new() };
        let (kind, key) = match &draft.kind {
            KindDraft::Single { choices, shuffle } => {
                let (choices, credits) = self.choices(choices, &mut explanations);
                (Kind::Single { choices, shuffle: *shuffle }, QuestionKey::Single(credits))
            }
            KindDraft::Multiple { choices, shuffle } => {
                let (choices, credits) = self.choices(choices, &mut explanations);
                (Kind::Multiple { choices, shuffle: *shuffle }, QuestionKey::Multiple(credits))
            }
            KindDraft::Number { accepted } => (Kind::Number, QuestionKey::Number(accepted.clone())),
            KindDraft::Text { accepted, case_sensitive } => {
                let accepted = accepted.clone();
                (Kind::Text, QuestionKey::Text { accepted, case_sensitive: *case_sensitive })
            }
            KindDraft::Ordering { steps } => self.ordering(steps),
            KindDraft::Matching { pairs, distractors } => {
                let answers: Vec<_> = pairs
                    .iter()
                    .map(|pair| &pair.answer)
                    .chain(distractors.iter().map(|distractor| &distractor.text))
                    .collect();
                let prompts: Vec<_> = pairs.iter().map(|pair| &pair.prompt).collect();
                self.matching(&prompts, &answers)
            }
        };
        self.key.by_question.insert(draft.id.clone(), key);
        if explanations != Explanations::default() {
            self.key.explanations.insert(draft.id.clone(), explanations);
        }
        Question {
            id: draft.id.clone(),
            text: draft.text.clone(),
            weight: draft.weight,
            penalty: draft.penalty,
            kind,
        }
    }

    /// Choices in the author's order, with new names.
    fn choices(
        &mut self,
        drafts: &[ChoiceDraft],
        explanations: &mut Explanations,
    ) -> (Vec<Choice>, BTreeMap<ChoiceId, i16>) {
        let mut credits = BTreeMap::new();
        let mut choices = Vec::with_capacity(drafts.len());
        for (id, draft) in self.names(drafts.len()).into_iter().zip(drafts) {
            credits.insert(id.clone(), draft.credit);
            if let Some(feedback) = &draft.feedback {
                explanations.choices.insert(id.clone(), feedback.clone());
            }
            choices.push(Choice { id, text: draft.text.clone() });
        }
        (choices, credits)
    }

    fn ordering(&mut self, drafts: &[StepDraft]) -> (Kind, QuestionKey) {
        let names = self.names(drafts.len());
        let texts = drafts.iter().map(|draft| draft.text.clone());
        let steps = names.iter().cloned().zip(texts).map(|(id, text)| Choice { id, text });
        (Kind::Ordering { steps: sorted(steps.collect()) }, QuestionKey::Ordering(names))
    }

    /// Prompts `p1`, `p2` … in the author's order, and the different answers, of which the first ones belong
    /// to the prompts.
    fn matching(&mut self, prompts: &[&Texts], answers: &[&Texts]) -> (Kind, QuestionKey) {
        let mut different: Vec<&Texts> = Vec::new();
        for answer in answers {
            if !different.contains(answer) {
                different.push(answer);
            }
        }
        let names = self.names(different.len());
        let choice =
            |(id, text): (&ChoiceId, &&Texts)| Choice { id: id.clone(), text: (*text).clone() };
        let choices = sorted(names.iter().zip(&different).map(choice).collect());
        let mut pairs = BTreeMap::new();
        let mut shown = Vec::with_capacity(prompts.len());
        for (number, (prompt, answer)) in prompts.iter().zip(answers).enumerate() {
            let Some(id) = name(&format!("p{}", number + 1)) else { continue };
            if let Some(at) = different.iter().position(|text| text == answer) {
                pairs.insert(id.clone(), names[at].clone());
            }
            shown.push(Choice { id, text: (*prompt).clone() });
        }
        (Kind::Matching { prompts: shown, answers: choices }, QuestionKey::Matching(pairs))
    }

    /// Names for so many things, the first letters of the alphabet in a random order.
    fn names(&mut self, count: usize) -> Vec<ChoiceId> {
        let letters = (b'a'..=b'z').map(|letter| char::from(letter).to_string());
        let more = (b'a'..=b'z').map(|letter| format!("{}2", char::from(letter)));
        let mut names: Vec<_> =
            letters.chain(more).take(count).filter_map(|text| name(&text)).collect();
        self.shuffle.shuffle(&mut names);
        names
    }
}

fn name(text: &str) -> Option<ChoiceId> {
    text.parse().ok()
}

fn sorted(mut choices: Vec<Choice>) -> Vec<Choice> {
    choices.sort_by(|one, other| one.id.cmp(&other.id));
    choices
}
