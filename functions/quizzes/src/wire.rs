//! What is answered. Times are in Unix seconds, shares in basis points (hundredths of a per cent).

use minigate_domain::{
    Language, UserId,
    quizzes::{Quiz, QuizCard, QuizId, QuizRules, QuizStatus, QuizSummary},
};
use minigate_platform::schemas;
use serde::Serialize;
use utoipa::ToSchema;

use crate::schema::TopicName;

/// A page of quizzes.
#[derive(Serialize, ToSchema)]
#[schema(as = QuizList)]
pub(crate) struct QuizzesOut {
    /// The quizzes, in the order of their titles.
    #[schema(max_items = 50)]
    pub(crate) quizzes: Vec<QuizSummaryOut>,
    /// The cursor of the next page; absent from the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 800)]
    pub(crate) next: Option<String>,
}

/// A quiz in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = QuizSummary)]
pub(crate) struct QuizSummaryOut {
    /// Its name.
    #[schema(min_length = 3, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    id: String,
    /// The latest version.
    #[schema(minimum = 1, maximum = 9999)]
    version: u32,
    /// What it is called.
    #[schema(max_length = 4000)]
    title: String,
    /// The beginning of its description.
    #[schema(max_length = 280)]
    summary: String,
    /// The language of both.
    #[schema(value_type = schemas::Language)]
    language: String,
    /// The languages in which all of it exists.
    #[schema(value_type = Vec<schemas::Language>, max_items = 16)]
    languages: Vec<String>,
    /// What it is about.
    #[schema(max_items = 5, value_type = Vec<TopicName>)]
    topics: Vec<String>,
    /// How many questions an attempt has.
    #[schema(minimum = 1, maximum = 200)]
    questions: u16,
    /// The share of all marks that passes, in basis points.
    #[schema(maximum = 10_000)]
    pass_mark: u16,
    /// Seconds from start to submission; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 10, maximum = 86_400)]
    time_limit_seconds: Option<u32>,
    /// Whether a pass gives a certificate.
    certificate: bool,
    /// When this version was published.
    published_at: u64,
}

impl From<&QuizSummary> for QuizSummaryOut {
    fn from(quiz: &QuizSummary) -> Self {
        Self {
            id: quiz.id.to_string(),
            version: quiz.version.get(),
            title: quiz.title.clone(),
            summary: quiz.summary.clone(),
            language: quiz.language.as_str().to_owned(),
            languages: tags(&quiz.languages),
            topics: quiz.topics.iter().map(ToString::to_string).collect(),
            questions: quiz.questions,
            pass_mark: quiz.pass_mark.get(),
            time_limit_seconds: quiz.time_limit_seconds,
            certificate: quiz.certificate,
            published_at: quiz.published_at.unix_seconds(),
        }
    }
}

/// A version of a quiz, without its questions.
#[derive(Serialize, ToSchema)]
#[schema(as = Quiz)]
pub(crate) struct QuizOut {
    /// Its name.
    #[schema(min_length = 3, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    id: String,
    /// The number of the version.
    #[schema(minimum = 1, maximum = 9999)]
    version: u32,
    /// The SHA-256 of its content: questions, texts and rules, without the answers.
    #[schema(pattern = "^[0-9a-f]{64}$", max_length = 64)]
    sha256: String,
    /// When it was published.
    published_at: u64,
    /// What it is called.
    #[schema(max_length = 4000)]
    title: String,
    /// What it is about and for whom: Markdown without HTML.
    #[schema(max_length = 4000)]
    description: String,
    /// The language asked for, in which texts are where they exist in it.
    #[schema(value_type = schemas::Language)]
    language: String,
    /// The languages in which all of it exists.
    #[schema(value_type = Vec<schemas::Language>, max_items = 16)]
    languages: Vec<String>,
    /// What it is about.
    #[schema(max_items = 5, value_type = Vec<TopicName>)]
    topics: Vec<String>,
    /// How many questions an attempt has.
    #[schema(minimum = 1, maximum = 200)]
    questions: u16,
    /// How many questions they are drawn from.
    #[schema(minimum = 1, maximum = 200)]
    questions_in_all: u16,
    /// How it is taken and marked.
    rules: QuizRulesOut,
}

impl QuizOut {
    pub(crate) fn new(id: &QuizId, card: &QuizCard, language: &Language) -> Self {
        Self {
            id: id.to_string(),
            version: card.version.get(),
            sha256: card.sha256.as_str().to_owned(),
            published_at: card.published_at.unix_seconds(),
            title: card.title.get(language, &card.language).to_owned(),
            description: card.description.get(language, &card.language).to_owned(),
            language: language.as_str().to_owned(),
            languages: tags(&card.languages),
            topics: card.topics.iter().map(ToString::to_string).collect(),
            questions: card.questions,
            questions_in_all: card.questions_in_all,
            rules: (&card.rules).into(),
        }
    }
}

/// How a quiz is taken and marked.
#[derive(Serialize, ToSchema)]
#[schema(as = QuizRules)]
pub(crate) struct QuizRulesOut {
    /// The share of all marks that passes, in basis points.
    #[schema(maximum = 10_000)]
    pass_mark: u16,
    /// Seconds from start to submission; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 10, maximum = 86_400)]
    time_limit_seconds: Option<u32>,
    /// How many attempts a user may start on one day (UTC).
    #[schema(minimum = 1, maximum = 50)]
    attempts_a_day: u8,
    /// Whether each attempt has its questions in another order.
    shuffle_questions: bool,
    /// What a pass certifies; absent if nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    certificate: Option<CertificateRulesOut>,
}

/// What a pass certifies.
#[derive(Serialize, ToSchema)]
#[schema(as = CertificateRules)]
struct CertificateRulesOut {
    /// For how many days; absent if for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 3_650)]
    valid_days: Option<u16>,
    /// From how many days before its end on it can be renewed; absent if it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 365)]
    renewal_days_before: Option<u16>,
    /// How many questions an attempt to renew it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 200)]
    renewal_questions: Option<u16>,
}

impl From<&QuizRules> for QuizRulesOut {
    fn from(rules: &QuizRules) -> Self {
        let certificate = rules.certificate.as_ref().map(|certificate| {
            let renewal = certificate.renewal.as_ref();
            CertificateRulesOut {
                valid_days: certificate.valid_days,
                renewal_days_before: renewal.map(|renewal| renewal.days_before),
                renewal_questions: renewal.map(|renewal| renewal.questions),
            }
        });
        Self {
            pass_mark: rules.pass_mark.get(),
            time_limit_seconds: rules.time_limit_seconds,
            attempts_a_day: rules.attempts_a_day.unwrap_or(50),
            shuffle_questions: rules.shuffle_questions,
            certificate,
        }
    }
}

/// Where a quiz stands, for its author.
#[derive(Serialize, ToSchema)]
#[schema(as = QuizState)]
pub(crate) struct QuizStateOut {
    /// Its name.
    #[schema(min_length = 3, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    id: String,
    /// Where it stands.
    status: QuizStatusOut,
    /// Its author; absent once they were erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schemas::TelegramId>, nullable = false)]
    owner: Option<u64>,
    /// Counts the changes of the draft; also its entity tag.
    #[schema(minimum = 1)]
    draft: u64,
    /// The latest version; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 9999)]
    version: Option<u32>,
    /// The SHA-256 of the latest version's content, without its answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[0-9a-f]{64}$", max_length = 64)]
    sha256: Option<String>,
    /// When the latest version was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    published_at: Option<u64>,
    /// When the quiz was created.
    created_at: u64,
    /// When its draft or its status changed last.
    updated_at: u64,
}

/// Where a quiz stands.
#[derive(Serialize, ToSchema)]
#[schema(as = QuizStatus)]
#[serde(rename_all = "snake_case")]
enum QuizStatusOut {
    /// Never published.
    Draft,
    /// Listed, and open to attempts.
    Published,
    /// In no list, and closed to new attempts.
    Archived,
}

impl QuizStateOut {
    pub(crate) fn new(id: &QuizId, quiz: &Quiz) -> Self {
        let card = quiz.card.as_ref();
        Self {
            id: id.to_string(),
            status: match quiz.status {
                QuizStatus::Draft => QuizStatusOut::Draft,
                QuizStatus::Published => QuizStatusOut::Published,
                QuizStatus::Archived => QuizStatusOut::Archived,
            },
            owner: quiz.owner.map(UserId::get),
            draft: quiz.draft,
            version: card.map(|card| card.version.get()),
            sha256: card.map(|card| card.sha256.as_str().to_owned()),
            published_at: card.map(|card| card.published_at.unix_seconds()),
            created_at: quiz.created_at.unix_seconds(),
            updated_at: quiz.updated_at.unix_seconds(),
        }
    }
}

fn tags(languages: &[Language]) -> Vec<String> {
    languages.iter().map(|language| language.as_str().to_owned()).collect()
}
