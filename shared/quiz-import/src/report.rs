//! What an import says: what came, what was dropped or changed and why, or why nothing came.

use std::fmt;

use serde::Serialize;

/// Why a file is refused as a whole. Nothing of it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Larger than [`ImportOptions::max_bytes`](crate::ImportOptions::max_bytes).
    TooLarge,
    /// Not UTF-8.
    NotUtf8,
    /// Neither the name nor the content tells a format.
    UnknownFormat,
    /// There is no question in it, not even one of another kind.
    NoQuestions,
    /// More quizzes, questions or answers than there may be.
    TooMany,
    /// A question or an answer has no text.
    EmptyText,
    /// Nested deeper than 32 levels.
    TooDeep,
    /// GIFT: `{` without `}`.
    UnclosedBrace,
    /// GIFT: `}` without `{`.
    UnopenedBrace,
    /// GIFT: `{` within the answers.
    NestedBrace,
    /// GIFT: two pairs of braces without a blank line between them.
    SecondAnswers,
    /// An answer that the format does not know.
    MalformedAnswer,
    /// A weight beyond −100 to 100 percent.
    WeightOutOfRange,
    /// A number that is none, is beyond 12 digits, or a range from more to less.
    BadNumber,
    /// Moodle XML: not well-formed, or not a quiz.
    MalformedXml,
    /// Moodle XML: a document type or an entity of its own.
    XmlEntity,
    /// Own JSON: not JSON, or not of the documented shape.
    MalformedJson,
    /// Own JSON: a `format` that this version does not read.
    UnknownVersion,
    /// Aiken: a line that fits nowhere.
    MalformedAiken,
    /// A question with one choice has several right answers.
    TwoRightAnswers,
    /// A question has no right answer.
    NoRightAnswer,
    /// A pool draws more questions than it has.
    PoolTooLarge,
    /// A text exists in no language.
    NoLanguage,
    /// The quiz breaks another rule; the detail names the field.
    InvalidQuiz,
}

/// All of [`Reason`], for documents and tests.
pub const REASONS: [Reason; 24] = [
    Reason::TooLarge,
    Reason::NotUtf8,
    Reason::UnknownFormat,
    Reason::NoQuestions,
    Reason::TooMany,
    Reason::EmptyText,
    Reason::TooDeep,
    Reason::UnclosedBrace,
    Reason::UnopenedBrace,
    Reason::NestedBrace,
    Reason::SecondAnswers,
    Reason::MalformedAnswer,
    Reason::WeightOutOfRange,
    Reason::BadNumber,
    Reason::MalformedXml,
    Reason::XmlEntity,
    Reason::MalformedJson,
    Reason::UnknownVersion,
    Reason::MalformedAiken,
    Reason::TwoRightAnswers,
    Reason::NoRightAnswer,
    Reason::PoolTooLarge,
    Reason::NoLanguage,
    Reason::InvalidQuiz,
];

impl Reason {
    /// The stable name, as in JSON.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::NotUtf8 => "not-utf8",
            Self::UnknownFormat => "unknown-format",
            Self::NoQuestions => "no-questions",
            Self::TooMany => "too-many",
            Self::EmptyText => "empty-text",
            Self::TooDeep => "too-deep",
            Self::UnclosedBrace => "unclosed-brace",
            Self::UnopenedBrace => "unopened-brace",
            Self::NestedBrace => "nested-brace",
            Self::SecondAnswers => "second-answers",
            Self::MalformedAnswer => "malformed-answer",
            Self::WeightOutOfRange => "weight-out-of-range",
            Self::BadNumber => "bad-number",
            Self::MalformedXml => "malformed-xml",
            Self::XmlEntity => "xml-entity",
            Self::MalformedJson => "malformed-json",
            Self::UnknownVersion => "unknown-version",
            Self::MalformedAiken => "malformed-aiken",
            Self::TwoRightAnswers => "two-right-answers",
            Self::NoRightAnswer => "no-right-answer",
            Self::PoolTooLarge => "pool-too-large",
            Self::NoLanguage => "no-language",
            Self::InvalidQuiz => "invalid-quiz",
        }
    }
}

/// Why a file was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The file's name.
    pub file: String,
    /// The line, from 1; 1 where the whole file is meant.
    pub line: u32,
    /// The question, by name or number, if it is one question's fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// The stable reason.
    pub reason: Reason,
    /// A sentence for whoever wrote the file.
    pub detail: String,
}

impl Refusal {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { file: String::new(), line: 1, question: None, reason, detail: detail.into() }
    }

    pub(crate) fn at(mut self, line: u32) -> Self {
        self.line = line;
        self
    }

    /// Names the question, unless a more precise place did.
    pub(crate) fn of_question(mut self, question: &str) -> Self {
        self.question.get_or_insert_with(|| question.to_owned());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: ", self.file, self.line)?;
        if let Some(question) = &self.question {
            write!(formatter, "question “{question}”: ")?;
        }
        write!(formatter, "{} ({})", self.detail, self.reason.code())
    }
}

impl std::error::Error for Refusal {}

/// What happened to an element of a file that is not in a quiz as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is not in the quiz.
    Dropped,
    /// It is in the quiz as something else.
    Changed,
}

/// Why an element was dropped or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Quizzes have no questions of this kind.
    UnsupportedKind,
    /// Text without a question.
    NotAQuestion,
    /// Markup beyond the safe subset.
    UnsafeMarkup,
    /// An image or another embedded file.
    EmbeddedFile,
    /// A link that is not `https://`.
    UnsafeLink,
    /// The feedback of an answer became a part of the explanation.
    FeedbackMoved,
    /// Quizzes have no place for it.
    NoCounterpart,
    /// The value was rounded or bounded to what a quiz can hold.
    ValueAdjusted,
    /// The question became one of another kind, which asks for the same.
    KindChanged,
}

/// All of [`Cause`], for documents and tests.
pub const CAUSES: [Cause; 9] = [
    Cause::UnsupportedKind,
    Cause::NotAQuestion,
    Cause::UnsafeMarkup,
    Cause::EmbeddedFile,
    Cause::UnsafeLink,
    Cause::FeedbackMoved,
    Cause::NoCounterpart,
    Cause::ValueAdjusted,
    Cause::KindChanged,
];

/// An element that was dropped or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// The line, from 1.
    pub line: u32,
    /// What was found, such as `image cat.png` or `tag`.
    pub element: String,
    /// What became of it.
    pub action: Action,
    /// Why.
    pub reason: Cause,
    /// A sentence for whoever wrote the file.
    pub detail: String,
}

impl Remark {
    pub(crate) fn dropped(
        line: u32,
        element: impl Into<String>,
        reason: Cause,
        detail: impl Into<String>,
    ) -> Self {
        let (element, detail) = (element.into(), detail.into());
        Self { line, element, action: Action::Dropped, reason, detail }
    }

    pub(crate) fn changed(
        line: u32,
        element: impl Into<String>,
        reason: Cause,
        detail: impl Into<String>,
    ) -> Self {
        Self { action: Action::Changed, ..Self::dropped(line, element, reason, detail) }
    }
}

/// What came of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The file's name.
    pub file: String,
    /// `json`, `gift`, `aiken` or `moodle-xml`.
    pub format: &'static str,
    /// Each question of the file once, in its order, also those that were not imported.
    pub questions: Vec<QuestionReport>,
    /// What was dropped or changed that belongs to no question.
    pub remarks: Vec<Remark>,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuestionReport {
    /// The line where it begins, from 1.
    pub line: u32,
    /// Its name in the file, or its number.
    pub question: String,
    /// The title of its quiz.
    pub quiz: String,
    /// The kind that it has in the quiz; if it was not imported, that of the file.
    pub kind: String,
    /// Whether it is in a quiz.
    pub imported: bool,
    /// The text, as it is in the quiz.
    pub text: String,
    /// The answers with their weights.
    pub answers: Vec<AnswerReport>,
    /// What was dropped or changed, and why.
    pub remarks: Vec<Remark>,
}

/// An answer of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnswerReport {
    /// The answer: a text, a range, a pair `left -> right`.
    pub text: String,
    /// What it is worth.
    pub weight: Percent,
}

/// A share of a question's marks: basis points, written as percent, such as `100` or `33.34`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent(pub(crate) i32);

impl fmt::Display for Percent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 100 {
            0 => write!(formatter, "{}", self.0 / 100),
            _ => write!(formatter, "{}", f64::from(self.0) / 100.0),
        }
    }
}

impl Serialize for Percent {
    /// A number.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % 100 {
            0 => serializer.serialize_i32(self.0 / 100),
            _ => serializer.serialize_f64(f64::from(self.0) / 100.0),
        }
    }
}

impl Report {
    /// Everything that was dropped or changed.
    pub fn all_remarks(&self) -> impl Iterator<Item = &Remark> {
        let of_questions = self.questions.iter().flat_map(|question| &question.remarks);
        self.remarks.iter().chain(of_questions)
    }
}

#[cfg(test)]
mod tests {
    use super::{CAUSES, REASONS};

    /// The first column of a table below a heading.
    fn documented(heading: &str) -> Vec<String> {
        let document = include_str!("../../../docs/import.md");
        let (_, section) = document.split_once(heading).expect("a heading");
        let section = section.split("\n## ").next().expect("a section");
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned())).collect()
    }

    #[test]
    fn reasons_and_causes_are_documented_in_this_order() {
        assert_eq!(documented("\n## Reasons\n"), REASONS.map(|reason| reason.code().to_owned()));
        let causes = CAUSES.map(|cause| serde_json::to_value(cause).unwrap());
        assert_eq!(
            documented("\n## Causes\n"),
            causes.map(|cause| cause.as_str().unwrap().to_owned())
        );
    }

    #[test]
    fn codes_are_unique_and_what_json_says() {
        for (at, reason) in REASONS.iter().enumerate() {
            assert_eq!(serde_json::json!(reason), reason.code());
            assert!(!REASONS[..at].iter().any(|other| other.code() == reason.code()));
        }
    }
}
