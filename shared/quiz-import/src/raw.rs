//! Questions of other programs, before it is known what becomes of them.

use minigate_domain::quizzes::Decimal;

use crate::{
    gift::{Answers, Body, Choice, File, Number, NumberChoice, Pair, Question, Text},
    report::{Cause, Remark},
};

/// What a file holds.
#[derive(Debug)]
pub(crate) enum RawEntry {
    Category { line: u32, path: String },
    Question(Box<RawQuestion>),
}

#[derive(Debug)]
pub(crate) struct RawQuestion {
    pub(crate) line: u32,
    pub(crate) name: Option<String>,
    /// The kind, as the file names it.
    pub(crate) kind: String,
    pub(crate) text: Text,
    pub(crate) explanation: Option<Text>,
    /// What it is worth.
    pub(crate) weight: Option<Decimal>,
    pub(crate) body: RawBody,
    /// What was dropped already.
    pub(crate) remarks: Vec<Remark>,
}

#[derive(Debug)]
pub(crate) enum RawBody {
    /// Quizzes have no such questions.
    Unsupported(Cause),
    TrueFalse {
        is_true: bool,
        feedback_true: Option<Text>,
        feedback_false: Option<Text>,
    },
    Choice {
        /// Whether the file says that one is chosen, or several; otherwise the weights tell.
        is_single: Option<bool>,
        shuffle: bool,
        choices: Vec<RawChoice>,
    },
    Text {
        case_sensitive: bool,
        answers: Vec<RawChoice>,
    },
    Number(Vec<RawNumber>),
    Ordering(Vec<(u32, Text)>),
    /// A right side without a left one is a distractor.
    Matching(Vec<(u32, Option<Text>, Text)>),
}

#[derive(Debug)]
pub(crate) struct RawChoice {
    pub(crate) line: u32,
    pub(crate) text: Text,
    /// In percent.
    pub(crate) weight: Decimal,
    pub(crate) feedback: Option<Text>,
}

#[derive(Debug)]
pub(crate) struct RawNumber {
    pub(crate) line: u32,
    /// Nothing is any other number.
    pub(crate) number: Option<Number>,
    /// The numbers of it that were rounded, as written.
    pub(crate) rounded: Vec<String>,
    /// In percent.
    pub(crate) weight: Decimal,
    pub(crate) feedback: Option<Text>,
}

/// A whole number of percent.
pub(crate) fn percent(whole: u8) -> Decimal {
    // Every number of three digits is a decimal.
    #[expect(clippy::expect_used, reason = "at most three digits")]
    whole.to_string().parse().expect("a decimal")
}

/// The entries of a GIFT file.
pub(crate) fn of_gift(file: File) -> Vec<RawEntry> {
    let entry = |entry: crate::gift::Entry| match entry.body {
        Body::Category(path) => RawEntry::Category { line: entry.line, path },
        Body::Question(question) => {
            RawEntry::Question(Box::new(of_question(entry.line, *question)))
        }
    };
    file.entries.into_iter().map(entry).collect()
}

fn of_question(line: u32, question: Question) -> RawQuestion {
    let mut remarks = Vec::new();
    let mut drop = |element: String| {
        let detail = "it only names the question in this report";
        remarks.push(Remark::dropped(line, element, Cause::NoCounterpart, detail));
    };
    if let Some(title) = &question.title {
        drop(format!("title {title}"));
    }
    if let Some(id) = &question.id {
        drop(format!("id {id}"));
    }
    question.tags.iter().for_each(|tag| drop(format!("tag {tag}")));
    let (kind, body) = of_answers(question.answers);
    RawQuestion {
        line,
        name: question.title.or(question.id),
        kind: kind.to_owned(),
        text: question.stem,
        explanation: question.global_feedback,
        weight: None,
        body,
        remarks,
    }
}

fn of_answers(answers: Answers) -> (&'static str, RawBody) {
    match answers {
        Answers::Description => ("description", RawBody::Unsupported(Cause::NotAQuestion)),
        Answers::Essay => ("essay", RawBody::Unsupported(Cause::UnsupportedKind)),
        Answers::TrueFalse { is_true, feedback: [feedback_true, feedback_false] } => {
            ("true-false", RawBody::TrueFalse { is_true, feedback_true, feedback_false })
        }
        Answers::Choices(choices) if choices.iter().all(|choice| choice.is_right) => {
            let answers = choices.into_iter().map(of_choice).collect();
            ("short-answer", RawBody::Text { case_sensitive: false, answers })
        }
        Answers::Choices(choices) => {
            let choices = choices.into_iter().map(of_choice).collect();
            ("multiple-choice", RawBody::Choice { is_single: None, shuffle: true, choices })
        }
        Answers::Word(word) => {
            let answers = vec![of_choice(word)];
            ("short-answer", RawBody::Text { case_sensitive: false, answers })
        }
        Answers::Number(number) => {
            let (number, weight) = (Some(number), percent(100));
            let only = RawNumber { line: 0, number, rounded: Vec::new(), weight, feedback: None };
            ("numerical", RawBody::Number(vec![only]))
        }
        Answers::Numbers(numbers) => {
            ("numerical", RawBody::Number(numbers.into_iter().map(of_number).collect()))
        }
        Answers::Matching(pairs) => {
            ("matching", RawBody::Matching(pairs.into_iter().map(of_pair).collect()))
        }
    }
}

fn weight(is_right: bool, weight: Option<Decimal>) -> Decimal {
    weight.unwrap_or_else(|| percent(if is_right { 100 } else { 0 }))
}

fn of_choice(choice: Choice) -> RawChoice {
    let Choice { line, is_right, weight: written, text, feedback } = choice;
    RawChoice { line, text, weight: weight(is_right, written), feedback }
}

fn of_number(choice: NumberChoice) -> RawNumber {
    let NumberChoice { line, is_right, weight: written, number, rounded, feedback } = choice;
    RawNumber { line, number, rounded, weight: weight(is_right, written), feedback }
}

fn of_pair(pair: Pair) -> (u32, Option<Text>, Text) {
    let format = pair.left.format;
    let left = (!pair.left.text.is_empty()).then_some(pair.left);
    (pair.line, left, Text { format, text: pair.right })
}
