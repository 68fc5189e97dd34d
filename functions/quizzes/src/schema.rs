//! The schema of a draft, for the API reference: the domain's types, which parse it, know no OpenAPI.
#![expect(dead_code, reason = "only the schemas are used")]

use std::borrow::Cow;

use minigate_platform::schemas;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

macro_rules! schemas {
    ($($name:ident $wire:literal $build:expr;)*) => {
        $(
            /// A schema without values.
            pub(crate) enum $name {}

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    $build.into()
                }
            }

            impl ToSchema for $name {
                fn name() -> Cow<'static, str> {
                    $wire.into()
                }
            }
        )*
    };
}

schemas! {
    Texts "QuizTexts" ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(text(1, 4_000)))
        .min_properties(Some(1))
        .max_properties(Some(16))
        .description(Some("A text in 1 to 16 languages: Markdown without HTML, by language tag"));
    TopicName "QuizTopic" text(2, 40)
        .pattern(Some("^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))
        .description(Some("What a quiz is about"));
    QuizFile "QuizFile" text(1, 1_048_576)
        .description(Some("The file, in UTF-8, of at most 1 MiB"));
}

fn text(min: usize, max: usize) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).min_length(Some(min)).max_length(Some(max))
}

/// A quiz as its author writes it, with its answers.
#[derive(ToSchema)]
#[schema(as = QuizDraft)]
pub(crate) struct QuizDraftSchema {
    /// What it is called, by language.
    title: Texts,
    /// What it is about and for whom, by language.
    description: Texts,
    /// What it is listed under.
    #[schema(min_items = 1, max_items = 5)]
    topics: Vec<TopicName>,
    /// The language that every text exists in, shown where another one is missing.
    #[schema(value_type = schemas::Language)]
    language: String,
    /// How it is taken and marked.
    rules: QuizRulesSchema,
    /// Its questions. A quiz without draws has one pool.
    #[schema(min_items = 1, max_items = 20)]
    pools: Vec<PoolSchema>,
}

/// How a quiz is taken and marked.
#[derive(ToSchema)]
#[schema(as = QuizDraftRules)]
struct QuizRulesSchema {
    /// The share of all marks that passes, in basis points.
    #[schema(maximum = 10_000)]
    pass_mark: u16,
    /// Seconds from start to submission. Without it, an attempt ends a week after its start.
    #[schema(minimum = 10, maximum = 86_400)]
    time_limit_seconds: Option<u32>,
    /// How many attempts a user may start on one day (UTC); 50 without it.
    #[schema(minimum = 1, maximum = 50)]
    attempts_a_day: Option<u8>,
    /// Whether each attempt has its questions in another order.
    #[serde(default)]
    shuffle_questions: bool,
    /// Whether a pass gives a certificate.
    certificate: Option<CertificateSchema>,
}

/// What a pass certifies.
#[derive(ToSchema)]
#[schema(as = QuizDraftCertificate)]
struct CertificateSchema {
    /// For how many days; for ever without it.
    #[schema(minimum = 1, maximum = 3_650)]
    valid_days: Option<u16>,
    /// How its holder renews it.
    renewal: Option<RenewalSchema>,
}

/// How a certificate is renewed.
#[derive(ToSchema)]
#[schema(as = QuizDraftRenewal)]
struct RenewalSchema {
    /// From how many days before the end on.
    #[schema(minimum = 1, maximum = 365)]
    days_before: u16,
    /// How many questions are drawn.
    #[schema(minimum = 1, maximum = 200)]
    questions: u16,
}

/// Questions from which an attempt gets all or a random part.
#[derive(ToSchema)]
#[schema(as = QuizDraftPool)]
struct PoolSchema {
    /// How many are drawn; all without it.
    #[schema(minimum = 1, maximum = 200)]
    draw: Option<u16>,
    /// The questions, 1 to 200 in all pools together.
    #[schema(min_items = 1, max_items = 200)]
    questions: Vec<QuestionSchema>,
}

/// A question with its answers. Which of the fields it has depends on its `kind`.
#[derive(ToSchema)]
#[schema(as = QuizDraftQuestion)]
struct QuestionSchema {
    /// Its name, unique within the quiz.
    #[schema(max_length = 32, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    id: String,
    /// The question, by language.
    text: Texts,
    /// How many points it is worth.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100, default = 1)]
    weight: u8,
    /// The share of the weight that a wrong answer costs, in basis points.
    #[serde(default)]
    #[schema(maximum = 10_000, default = 0)]
    penalty: u16,
    /// What is shown after submission, by language.
    explanation: Option<Texts>,
    /// What is asked.
    kind: QuestionKind,
    /// `single` and `multiple`: 2 to 20 choices.
    #[schema(min_items = 2, max_items = 20)]
    choices: Option<Vec<ChoiceSchema>>,
    /// `single` and `multiple`: whether each attempt has the choices in another order; true without it.
    shuffle: Option<bool>,
    /// `number`: a list of ranges `{from, to, credit}`, whose numbers are texts such as `"9.81"`.
    /// `text`: by language, a list of `{text, credit}`, where `*` stands for any characters.
    accepted: Option<serde_json::Value>,
    /// `text`: whether capital letters matter.
    case_sensitive: Option<bool>,
    /// `ordering`: 2 to 20 steps, in the right order.
    #[schema(min_items = 2, max_items = 20)]
    steps: Option<Vec<StepSchema>>,
    /// `matching`: 2 to 20 prompts, each with the answer that belongs to it.
    #[schema(min_items = 2, max_items = 20)]
    pairs: Option<Vec<PairSchema>>,
    /// `matching`: answers that belong to no prompt.
    #[schema(max_items = 20)]
    distractors: Option<Vec<StepSchema>>,
}

/// What is asked.
#[derive(ToSchema)]
#[schema(as = QuizDraftKind, rename_all = "snake_case")]
enum QuestionKind {
    /// One of several choices.
    Single,
    /// Any of several choices.
    Multiple,
    /// A number.
    Number,
    /// A few words.
    Text,
    /// Steps to be put in order.
    Ordering,
    /// To each prompt, an answer.
    Matching,
}

/// Something to choose.
#[derive(ToSchema)]
#[schema(as = QuizDraftChoice)]
struct ChoiceSchema {
    /// Its name, unique within the question. Publishing renames it.
    #[schema(max_length = 32, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    id: String,
    /// Its text, by language.
    text: Texts,
    /// The share of the question's weight that it earns, in basis points.
    #[serde(default)]
    #[schema(minimum = -10_000, maximum = 10_000, default = 0)]
    credit: i16,
    /// What is shown after submission to whoever chose it, by language.
    feedback: Option<Texts>,
}

/// A step of an order, or an answer that belongs to no prompt.
#[derive(ToSchema)]
#[schema(as = QuizDraftStep)]
struct StepSchema {
    /// Its name, unique within the question.
    #[schema(max_length = 32, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    id: String,
    /// Its text, by language.
    text: Texts,
}

/// A prompt and its answer.
#[derive(ToSchema)]
#[schema(as = QuizDraftPair)]
struct PairSchema {
    /// Its name, unique within the question.
    #[schema(max_length = 32, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    id: String,
    /// The prompt, by language.
    prompt: Texts,
    /// The answer, by language.
    answer: Texts,
}
