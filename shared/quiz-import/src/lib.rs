//! Quizzes from files: own JSON, GIFT, Aiken and Moodle XML.
//!
//! [`import`] is all of it: bytes in, drafts and a report out. It reads no clock, no file and no network,
//! and takes a file as a whole or not at all. What a quiz cannot hold is dropped or changed, and each such
//! element is in the report with its line and the reason; a file that contradicts itself is refused with
//! one [`Refusal`]. docs/import.md has the formats and what becomes of them.
//!
//! ```
//! use minigate_quiz_import::{ImportOptions, import};
//!
//! let file = "Who is buried in Grant's tomb? {=Grant ~nobody}";
//! let import = import("tomb.gift", file.as_bytes(), &ImportOptions::default())?;
//! assert_eq!(import.quizzes[0].draft.questions().count(), 1);
//! assert_eq!(import.report.questions[0].answers[0].weight.to_string(), "100");
//! # Ok::<(), minigate_quiz_import::Refusal>(())
//! ```

mod aiken;
mod build;
mod convert;
mod examples;
mod faults;
pub mod gift;
mod json;
pub mod markup;
mod moodle;
mod number;
mod percent;
mod raw;
mod report;
#[cfg(test)]
mod tests;

use minigate_domain::{
    Language,
    quizzes::{QuizDraft, QuizId, Topic, Version},
};

pub use examples::examples;
pub use json::{FILE_FORMAT, parts, to_json};
pub use report::{
    Action, AnswerReport, CAUSES, Cause, Percent, QuestionReport, REASONS, Reason, Refusal, Remark,
    Report,
};

/// The largest file that the route takes, in bytes: 1 MiB.
pub const MAX_ROUTE_BYTES: usize = 1_048_576;
/// The largest file that the command takes, in bytes: 10 MiB.
pub const MAX_FILE_BYTES: usize = 10_485_760;

/// The deepest nesting of JSON and XML.
const MAX_DEPTH: usize = 32;
/// The most questions of a file.
const MAX_QUESTIONS: usize = 5_000;
/// The most quizzes of a file.
const MAX_QUIZZES: usize = 200;

/// What an import needs to know besides the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportOptions {
    /// The language of files that name none: all but own JSON.
    pub language: Language,
    /// What quizzes from such files are listed under.
    pub topics: Vec<Topic>,
    /// Larger files are refused; [`MAX_ROUTE_BYTES`] or [`MAX_FILE_BYTES`].
    pub max_bytes: usize,
}

impl Default for ImportOptions {
    fn default() -> Self {
        let topics = "general".parse().into_iter().collect();
        Self { language: Language::english(), topics, max_bytes: MAX_FILE_BYTES }
    }
}

/// A quiz of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedQuiz {
    /// Its name. Where a file names none, it is made from the title.
    pub id: QuizId,
    /// The version that an export was made of.
    pub version: Option<Version>,
    /// Its content, without [faults](QuizDraft::faults).
    pub draft: QuizDraft,
}

/// What came of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The quizzes; none if nothing of the file can be in one, which the report then explains.
    pub quizzes: Vec<ImportedQuiz>,
    /// All that was read, dropped and changed.
    pub report: Report,
}

/// The formats of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileFormat {
    Json,
    Gift,
    Aiken,
    MoodleXml,
}

/// Reads a file. Its format follows from the name's ending and the content.
///
/// # Errors
/// The first fault; nothing of such a file is taken.
pub fn import(file_name: &str, bytes: &[u8], options: &ImportOptions) -> Result<Import, Refusal> {
    read(file_name, bytes, options)
        .map_err(|refusal| Refusal { file: file_name.to_owned(), ..refusal })
}

fn read(file_name: &str, bytes: &[u8], options: &ImportOptions) -> Result<Import, Refusal> {
    if bytes.len() > options.max_bytes {
        let detail = format!("the file has more than {} bytes", options.max_bytes);
        return Err(Refusal::new(Reason::TooLarge, detail));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Refusal::new(Reason::NotUtf8, "the file is not UTF-8; save it in that encoding")
            .at(u32::try_from(line).unwrap_or(u32::MAX))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (name, entries) = match format_of(file_name, text)? {
        FileFormat::Json => return json::read(file_name, text),
        FileFormat::Gift => ("gift", raw::of_gift(gift::parse(text)?)),
        FileFormat::Aiken => ("aiken", aiken::parse(text)?),
        FileFormat::MoodleXml => ("moodle-xml", moodle::parse(text)?),
    };
    build::quizzes(file_name, name, entries, options)
}

fn format_of(file_name: &str, text: &str) -> Result<FileFormat, Refusal> {
    let ending = file_name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    Ok(match ending.as_deref() {
        Some("json") => FileFormat::Json,
        Some("gift") => FileFormat::Gift,
        Some("aiken") => FileFormat::Aiken,
        Some("xml") => FileFormat::MoodleXml,
        _ if text.trim_start().starts_with('<') => FileFormat::MoodleXml,
        _ if text.trim_start().starts_with("{\"") => FileFormat::Json,
        _ if aiken::is_likely(text) => FileFormat::Aiken,
        _ if text.contains('{') || text.trim_start().starts_with("::") => FileFormat::Gift,
        _ => {
            let detail = "the file is neither JSON, GIFT, Aiken nor Moodle XML";
            return Err(Refusal::new(Reason::UnknownFormat, detail));
        }
    })
}
