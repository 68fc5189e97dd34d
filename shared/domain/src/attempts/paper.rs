//! The questions of one attempt, in its order.

use super::{AnswerKind, Shape};
use crate::{
    Language,
    quizzes::{Choice, Kind, Marks, PublishedQuiz, Question, QuestionId, Shuffle},
};

/// How many questions are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// All that the pools draw.
    Full,
    /// So many of those, to renew a certificate.
    Renewal(u16),
}

/// The questions of one attempt, in its order: always the same for a version, a seed and a length.
#[derive(Clone, Debug)]
pub struct Paper<'a> {
    /// The questions.
    pub questions: Vec<Asked<'a>>,
}

/// A question of an attempt, with its choices in the attempt's order.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// The question.
    pub question: &'a Question,
    /// What can be chosen: choices, steps, or the answers to prompts. Empty for numbers and texts.
    pub choices: Vec<&'a Choice>,
    /// What needs an answer each, in the author's order.
    pub prompts: Vec<&'a Choice>,
}

impl<'a> Paper<'a> {
    /// Draws the questions.
    pub fn draw(quiz: &'a PublishedQuiz, seed: u64, length: Length) -> Self {
        let mut shuffle = Shuffle::new(seed);
        let mut questions: Vec<&Question> = Vec::with_capacity(quiz.drawn());
        for pool in &quiz.pools {
            questions.extend(shuffle.draw(&pool.questions, pool.draw.into()));
        }
        if let Length::Renewal(count) = length {
            questions = shuffle.draw(&questions, count.into()).into_iter().copied().collect();
        }
        if quiz.rules.shuffle_questions {
            shuffle.shuffle(&mut questions);
        }
        let asked = questions.into_iter().map(|question| Asked::new(question, &mut shuffle));
        Self { questions: asked.collect() }
    }

    /// The most marks that the attempt can earn.
    pub fn possible(&self) -> Marks {
        self.questions.iter().map(|asked| Marks::of_weight(asked.question.weight)).sum()
    }

    /// What answers can be, question by question.
    pub fn shapes(&self) -> impl Iterator<Item = (QuestionId, Shape)> {
        self.questions.iter().map(|asked| (asked.question.id.clone(), asked.shape()))
    }
}

impl<'a> Asked<'a> {
    fn new(question: &'a Question, shuffle: &mut Shuffle) -> Self {
        let (mut choices, prompts, is_shuffled): (Vec<_>, Vec<_>, _) = match &question.kind {
            Kind::Single { choices, shuffle } | Kind::Multiple { choices, shuffle } => {
                (choices.iter().collect(), Vec::new(), *shuffle)
            }
            Kind::Number | Kind::Text => (Vec::new(), Vec::new(), false),
            Kind::Ordering { steps } => (steps.iter().collect(), Vec::new(), true),
            Kind::Matching { prompts, answers } => {
                (answers.iter().collect(), prompts.iter().collect(), true)
            }
        };
        if is_shuffled {
            shuffle.shuffle(&mut choices);
        }
        Self { question, choices, prompts }
    }

    /// What an answer can be.
    pub fn shape(&self) -> Shape {
        let ids = |choices: &[&Choice]| choices.iter().map(|choice| choice.id.clone()).collect();
        Shape { kind: self.kind(), choices: ids(&self.choices), prompts: ids(&self.prompts) }
    }

    /// The question's kind.
    pub fn kind(&self) -> AnswerKind {
        match &self.question.kind {
            Kind::Single { .. } => AnswerKind::Single,
            Kind::Multiple { .. } => AnswerKind::Multiple,
            Kind::Number => AnswerKind::Number,
            Kind::Text => AnswerKind::Text,
            Kind::Ordering { .. } => AnswerKind::Ordering,
            Kind::Matching { .. } => AnswerKind::Matching,
        }
    }

    /// The text of the question in a language, else in the quiz's.
    pub fn text(&self, language: &Language, fallback: &Language) -> &'a str {
        self.question.text.get(language, fallback)
    }
}
