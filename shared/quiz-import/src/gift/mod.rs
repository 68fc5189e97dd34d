//! GIFT, the text format of Moodle: a syntax tree with line numbers.
//!
//! The grammar is that of [gift-pegjs](https://github.com/fuhrmanator/GIFT-grammar-PEG.js), widened where
//! Moodle itself reads more (an unescaped colon in a text, comments between the lines of a question). The
//! files of that project are test data, and `cargo verify` compares both parsers on random files.

mod answers;
mod blocks;
mod peg;
mod scan;
#[cfg(test)]
mod tests;

use minigate_domain::quizzes::Decimal;

use self::blocks::Notes;
use crate::{Reason, Refusal};

pub use peg::to_peg_json;

/// What a file holds, in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// Categories and questions.
    pub entries: Vec<Entry>,
}

/// A category or a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where it begins, from 1.
    pub line: u32,
    /// What the entry is.
    pub body: Body,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// `$CATEGORY: a/b/c`; the questions after it belong to it.
    Category(String),
    /// A question, or a description, which has no answers.
    Question(Box<Question>),
}

/// A question as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// `[id:…]` in a comment before it.
    pub id: Option<String>,
    /// `[tag:…]` in comments before it.
    pub tags: Vec<String>,
    /// `::title::`
    pub title: Option<String>,
    /// The text; a gap is `_____`.
    pub stem: Text,
    /// Whether text follows the answers, so that they stand in a gap.
    pub is_embedded: bool,
    /// The braces' content.
    pub answers: Answers,
    /// `####`, shown with every answer.
    pub global_feedback: Option<Text>,
}

/// A text and how it is marked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Its own format, or that of the question's text.
    pub format: Format,
    /// Without escapes. Line breaks are kept in HTML and Markdown.
    pub text: String,
}

/// The formats of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The default: text in which HTML may occur.
    Moodle,
    /// HTML.
    Html,
    /// Markdown, in which HTML may occur.
    Markdown,
    /// Text without markup.
    Plain,
}

/// What stands in the braces.
#[derive(Debug, Clone, PartialEq)]
pub enum Answers {
    /// There are no braces.
    Description,
    /// There is nothing in them.
    Essay,
    /// `T` or `F`.
    TrueFalse {
        /// The right answer.
        is_true: bool,
        /// Up to two.
        feedback: [Option<Text>; 2],
    },
    /// `=` and `~`; if all are right, a short text is asked for.
    Choices(Vec<Choice>),
    /// A single answer without `=`.
    Word(Choice),
    /// `#` and one answer.
    Number(Number),
    /// `#` and several answers with `=`.
    Numbers(Vec<NumberChoice>),
    /// `=left -> right`; a right side without a left one is a distractor.
    Matching(Vec<Pair>),
}

/// One of several answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Where it begins.
    pub line: u32,
    /// Whether it begins with `=`.
    pub is_right: bool,
    /// `%50%`: percent of the question's marks, −100 to 100.
    pub weight: Option<Decimal>,
    /// The answer.
    pub text: Text,
    /// What follows `#`.
    pub feedback: Option<Text>,
}

/// A number that is accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// `1822`
    Exact(Decimal),
    /// `3.14:0.01`, the second one being a tolerance.
    Tolerance(Decimal, Decimal),
    /// `1..5`, both included.
    Range(Decimal, Decimal),
}

/// One of several numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberChoice {
    /// Where it begins.
    pub line: u32,
    /// Whether it begins with `=`.
    pub is_right: bool,
    /// As in [`Choice`].
    pub weight: Option<Decimal>,
    /// Nothing is any other number.
    pub number: Option<Number>,
    /// The numbers of it that have more than nine digits behind the point, as written.
    pub rounded: Vec<String>,
    /// What follows `#`.
    pub feedback: Option<Text>,
}

/// A pair to be matched.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Where it begins.
    pub line: u32,
    /// The left side; an empty one makes the right side a distractor.
    pub left: Text,
    /// The right side, plain.
    pub right: String,
}

/// Reads a file.
///
/// # Errors
/// The first fault of its syntax, with the line.
pub fn parse(text: &str) -> Result<File, Refusal> {
    let mut entries = Vec::new();
    // What comments say of the question that follows them.
    let mut notes = Notes::default();
    for block in blocks::split(text) {
        notes.add(&block.comments);
        let mut lines = block.lines.as_slice();
        while let [(line, first), rest @ ..] = lines
            && let Some(category) = first.trim_start().strip_prefix("$CATEGORY:")
        {
            let category = category.trim_start_matches([' ', '\t']).to_owned();
            entries.push(Entry { line: *line, body: Body::Category(category) });
            notes = Notes::default();
            lines = rest;
        }
        let Some((line, _)) = lines.first() else { continue };
        let question = question(lines, std::mem::take(&mut notes))?;
        entries.push(Entry { line: *line, body: Body::Question(Box::new(question)) });
    }
    Ok(File { entries })
}

fn question(lines: &[(u32, &str)], notes: Notes) -> Result<Question, Refusal> {
    let source = scan::Source::of(lines);
    let mut rest = source.all().trim_start();
    let mut title = None;
    if let Some(opened) = rest.text().strip_prefix("::")
        && let Some(end) = scan::find_title_end(opened)
    {
        title = Some(scan::unescape(&opened[..end]));
        rest = rest.skip(2 + end + 2).trim_start();
    }
    let Notes { id, tags } = notes;
    let make = |stem, is_embedded, answers, global_feedback| Question {
        id,
        tags,
        title,
        stem,
        is_embedded,
        answers,
        global_feedback,
    };
    let Some(braces) = scan::braces(rest)? else {
        let stem = scan::text(rest, Format::Moodle);
        return Ok(make(stem, false, Answers::Description, None));
    };
    let before = (!braces.before.trim_start().is_empty())
        .then(|| scan::text(braces.before.trim_start(), Format::Moodle));
    let format = before.as_ref().map_or(Format::Moodle, |stem| stem.format);
    let (answers, global_feedback) = answers::parse(braces.inside, format)?;
    let after = without_comment(braces.after.trim_start());
    let after = (!after.is_empty()).then(|| scan::text(after, format));

    let stem_format = before.as_ref().or(after.as_ref()).map_or(Format::Moodle, |text| text.format);
    let mut stem = before.map(|text| text.text).unwrap_or_default();
    let is_embedded = after.is_some();
    if let Some(after) = after {
        if !stem.is_empty() {
            stem.push(' ');
        }
        stem.push_str("_____ ");
        stem.push_str(&after.text);
    }
    if stem.is_empty() {
        return Err(Refusal::new(Reason::EmptyText, "the question has no text").at(braces.line));
    }
    Ok(make(Text { format: stem_format, text: stem }, is_embedded, answers, global_feedback))
}

/// A comment may stand behind the closing brace.
fn without_comment(after: scan::Slice<'_>) -> scan::Slice<'_> {
    if !after.text().starts_with("//") {
        return after;
    }
    let end = after.text().find('\n').unwrap_or(after.text().len());
    after.skip(end).trim_start()
}
