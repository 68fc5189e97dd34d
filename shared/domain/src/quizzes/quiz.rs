//! A quiz as lists and pages show it: where it stands, its latest version, and where it is listed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BasisPoints, ContentHash, PublishedQuiz, QuizId, QuizRules, Texts, Topic, Version};
use crate::{Language, Timestamp, UserId};

/// Where a quiz stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuizStatus {
    /// Never published.
    Draft,
    /// Listed, and open to attempts.
    Published,
    /// In no list, and closed to new attempts. Its versions stay readable, as certificates name them.
    Archived,
}

/// What everybody may read of a version without starting an attempt: everything but the questions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuizCard {
    /// Which version this is.
    pub version: Version,
    /// The hash of its content.
    pub sha256: ContentHash,
    /// When it was published.
    pub published_at: Timestamp,
    /// What it is called.
    pub title: Texts,
    /// What it is about and for whom.
    pub description: Texts,
    /// What it is listed under.
    pub topics: Vec<Topic>,
    /// The language of every text that lacks the one asked for.
    pub language: Language,
    /// The languages in which the title, the description and every question exist.
    pub languages: Vec<Language>,
    /// How it is taken and marked.
    pub rules: QuizRules,
    /// How many questions an attempt has.
    pub questions: u16,
    /// How many questions they are drawn from.
    pub questions_in_all: u16,
}

/// A quiz without its content. Never public as a whole: see [`QuizCard`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiz {
    /// Its author; `None` once they were erased, and only administrators change it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<UserId>,
    /// Where it stands.
    pub status: QuizStatus,
    /// Counts the changes of the draft, from 1. It is the draft's entity tag.
    pub draft: u64,
    /// When the draft or the status changed last.
    pub updated_at: Timestamp,
    /// When the first draft was written.
    pub created_at: Timestamp,
    /// The latest version; `None` before the first.
    pub card: Option<QuizCard>,
}

/// A quiz in a list, in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuizSummary {
    /// Its name in addresses.
    pub id: QuizId,
    /// The latest version.
    pub version: Version,
    /// What it is called.
    pub title: String,
    /// The beginning of its description, 280 characters at most.
    pub summary: String,
    /// The language of both.
    pub language: Language,
    /// The languages in which all of it exists.
    pub languages: Vec<Language>,
    /// What it is listed under.
    pub topics: Vec<Topic>,
    /// How many questions an attempt has.
    pub questions: u16,
    /// The share of all marks that passes.
    pub pass_mark: BasisPoints,
    /// From start to submission; `None` without a limit.
    pub time_limit_seconds: Option<u32>,
    /// Whether a pass gives a certificate.
    pub certificate: bool,
    /// When this version was published.
    pub published_at: Timestamp,
}

/// A list of quizzes: those of a topic, those in a language, both, or all.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuizList {
    /// The topic; `None` for all.
    pub topic: Option<Topic>,
    /// The language; `None` for all, each quiz in its own.
    pub language: Option<Language>,
}

impl Quiz {
    /// The latest version, if the quiz is listed and open to attempts.
    pub fn published(&self) -> Option<&QuizCard> {
        self.card.as_ref().filter(|_| self.status == QuizStatus::Published)
    }
}

impl QuizCard {
    /// In how many languages a quiz is listed at most: its own and the first others in the order of the
    /// alphabet. With five topics that is 42 entries, of which a publication replaces all in one
    /// transaction of at most 100.
    pub const MAX_LISTED_LANGUAGES: usize = 6;

    const SUMMARY_CHARS: usize = 280;

    /// The card of a version.
    pub fn new(
        quiz: &PublishedQuiz,
        version: Version,
        sha256: ContentHash,
        published_at: Timestamp,
    ) -> Self {
        let count = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
        Self {
            version,
            sha256,
            published_at,
            title: quiz.title.clone(),
            description: quiz.description.clone(),
            topics: quiz.topics.clone(),
            language: quiz.language.clone(),
            languages: quiz.languages(),
            rules: quiz.rules.clone(),
            questions: count(quiz.drawn()),
            questions_in_all: count(quiz.questions().count()),
        }
    }

    /// The lists that the quiz is in, and what each of them shows.
    pub fn listed(&self, id: &QuizId) -> BTreeMap<QuizList, QuizSummary> {
        let others = self.languages.iter().filter(|language| **language != self.language);
        let languages = [&self.language].into_iter().chain(others);
        let languages: Vec<_> = languages.take(Self::MAX_LISTED_LANGUAGES).collect();
        let topics = [None].into_iter().chain(self.topics.iter().cloned().map(Some));
        let mut lists = BTreeMap::new();
        for topic in topics {
            let all = QuizList { topic: topic.clone(), language: None };
            lists.insert(all, self.summary(id, &self.language));
            for language in &languages {
                let list = QuizList { topic: topic.clone(), language: Some((*language).clone()) };
                lists.insert(list, self.summary(id, language));
            }
        }
        lists
    }

    fn summary(&self, id: &QuizId, language: &Language) -> QuizSummary {
        let description = self.description.get(language, &self.language);
        QuizSummary {
            id: id.clone(),
            version: self.version,
            title: self.title.get(language, &self.language).to_owned(),
            summary: description.chars().take(Self::SUMMARY_CHARS).collect(),
            language: language.clone(),
            languages: self.languages.clone(),
            topics: self.topics.clone(),
            questions: self.questions,
            pass_mark: self.rules.pass_mark,
            time_limit_seconds: self.rules.time_limit_seconds,
            certificate: self.rules.certificate.is_some(),
            published_at: self.published_at,
        }
    }
}
