//! Own JSON: `{"format": 1, "quizzes": [{"id": …, …}]}`, where each quiz is a draft with its id. Nothing is
//! lost in it: all languages, pools, weights and rules, and the version that was exported.

mod lines;

use std::collections::{HashMap, HashSet};

use minigate_domain::quizzes::{QuestionDraft, QuizDraft, QuizId, Version};
use serde_json::{Map, Value, json};

use crate::{
    Import, ImportedQuiz, MAX_QUESTIONS, MAX_QUIZZES, build, faults,
    markup::{self, Loss},
    report::{QuestionReport, Reason, Refusal, Remark, Report},
};

/// The format that is written, and the newest that is read.
pub const FILE_FORMAT: u32 = 1;

/// Where texts of markup stand in a quiz.
const TEXTS: [&str; 7] =
    ["title", "description", "text", "explanation", "feedback", "prompt", "answer"];

/// What a question may have, besides what its kind has.
const OF_QUESTION: [&str; 6] = ["id", "text", "weight", "penalty", "explanation", "kind"];

/// A fault at a path.
struct At {
    path: String,
    question: Option<String>,
    reason: Reason,
    detail: String,
}

impl At {
    fn new(path: impl Into<String>, reason: Reason, detail: impl Into<String>) -> Self {
        Self { path: path.into(), question: None, reason, detail: detail.into() }
    }
}

/// Reads a file.
pub(crate) fn read(file_name: &str, text: &str) -> Result<Import, Refusal> {
    lines::of(text, &HashSet::new())?;
    let file: Value = serde_json::from_str(text).map_err(|error| {
        let line = u32::try_from(error.line()).unwrap_or(u32::MAX);
        Refusal::new(Reason::MalformedJson, error.to_string()).at(line)
    })?;
    let mut reader = Reader::default();
    let quizzes = reader.file(file).map_err(|at| located(text, at))?;
    let wanted: HashSet<String> = reader.losses.iter().map(|(path, _)| path.clone()).collect();
    let questions = reader.questions.iter().map(|(path, _)| path.clone());
    let found = lines::of(text, &wanted.into_iter().chain(questions).collect())?;
    let line = |path: &str| found.get(path).copied().unwrap_or(1);
    let mut report = Report { file: file_name.to_owned(), format: "json", ..Report::default() };
    let mut of_questions: HashMap<&str, Vec<Remark>> = HashMap::new();
    for (path, loss) in &reader.losses {
        let remark = remark(line(path), loss);
        match question_of(path) {
            Some(question) => of_questions.entry(question).or_default().push(remark),
            None => report.remarks.push(remark),
        }
    }
    for (path, mut question) in reader.questions {
        question.line = line(&path);
        question.remarks = of_questions.remove(path.as_str()).unwrap_or_default();
        report.questions.push(question);
    }
    Ok(Import { quizzes, report })
}

/// The path of the question that a path leads into.
fn question_of(path: &str) -> Option<&str> {
    let (before, rest) = path.split_once(".questions[")?;
    let (number, _) = rest.split_once(']')?;
    path.get(..before.len() + ".questions[".len() + number.len() + 1)
}

fn remark(line: u32, loss: &Loss) -> Remark {
    Remark {
        line,
        element: loss.element.clone(),
        action: loss.action,
        reason: loss.reason,
        detail: loss.detail.to_owned(),
    }
}

/// The refusal with its line: that of the path, or of the nearest value around it.
fn located(text: &str, at: At) -> Refusal {
    let ends = at.path.char_indices().filter(|(_, it)| matches!(it, '.' | '['));
    let mut paths: Vec<&str> = ends.map(|(end, _)| &at.path[..end]).collect();
    paths.push(&at.path);
    let wanted = paths.iter().map(|path| (*path).to_owned()).collect();
    let found = lines::of(text, &wanted).unwrap_or_default();
    let line = paths.iter().rev().find_map(|path| found.get(*path)).copied().unwrap_or(1);
    let refusal = Refusal::new(at.reason, at.detail).at(line);
    match at.question {
        Some(question) => refusal.of_question(&question),
        None => refusal,
    }
}

#[derive(Default)]
struct Reader {
    losses: Vec<(String, Loss)>,
    questions: Vec<(String, QuestionReport)>,
}

impl Reader {
    fn file(&mut self, file: Value) -> Result<Vec<ImportedQuiz>, At> {
        let Value::Object(mut file) = file else {
            return Err(At::new("", Reason::MalformedJson, "the file must be an object"));
        };
        match file.remove("format") {
            Some(format) if format == json!(FILE_FORMAT) => {}
            Some(format) => {
                let detail = format!("`format` must be {FILE_FORMAT} and is {format}");
                return Err(At::new("format", Reason::UnknownVersion, detail));
            }
            None => {
                let detail = format!("the file must have `\"format\": {FILE_FORMAT}`");
                return Err(At::new("", Reason::UnknownVersion, detail));
            }
        }
        let Some(Value::Array(list)) = file.remove("quizzes") else {
            let detail = "`quizzes` must be a list of quizzes";
            return Err(At::new("quizzes", Reason::MalformedJson, detail));
        };
        if let Some(field) = file.keys().next() {
            let detail = format!("the file has no field `{field}`");
            return Err(At::new(field, Reason::MalformedJson, detail));
        }
        if list.is_empty() {
            return Err(At::new("quizzes", Reason::NoQuestions, "the file has no quiz"));
        }
        if list.len() > MAX_QUIZZES {
            let detail = format!("a file has at most {MAX_QUIZZES} quizzes");
            return Err(At::new("quizzes", Reason::TooMany, detail));
        }
        let mut quizzes: Vec<ImportedQuiz> = Vec::new();
        for (at, quiz) in list.into_iter().enumerate() {
            let path = format!("quizzes[{at}]");
            let quiz = self.quiz(quiz, &path)?;
            if quizzes.iter().any(|other| other.id == quiz.id) {
                let detail = format!("there is another quiz `{}`", quiz.id);
                return Err(At::new(format!("{path}.id"), Reason::InvalidQuiz, detail));
            }
            quizzes.push(quiz);
        }
        Ok(quizzes)
    }

    fn quiz(&mut self, quiz: Value, path: &str) -> Result<ImportedQuiz, At> {
        let Value::Object(mut quiz) = quiz else {
            return Err(At::new(path, Reason::MalformedJson, "a quiz must be an object"));
        };
        let id = quiz.remove("id").unwrap_or(Value::Null);
        let id: QuizId = serde_json::from_value(id).map_err(|error| {
            let detail = format!("`id` of a quiz must be {error}");
            At::new(format!("{path}.id"), Reason::InvalidQuiz, detail)
        })?;
        let version = quiz.remove("version").map(serde_json::from_value::<Version>);
        let version = version.transpose().map_err(|error| {
            At::new(format!("{path}.version"), Reason::InvalidQuiz, error.to_string())
        })?;
        self.sanitise(&mut quiz, path)?;
        each_question(&quiz, path)?;
        let draft: QuizDraft = serde_json::from_value(Value::Object(quiz))
            .map_err(|error| At::new(path, Reason::MalformedJson, error.to_string()))?;
        if let Some(fault) = draft.faults().into_iter().next() {
            let within = if fault.field == "." { "" } else { fault.field.as_str() };
            let full = if within.is_empty() { path.to_owned() } else { format!("{path}.{within}") };
            let mut at = At::new(full, faults::reason(&fault), fault.to_string());
            at.question = question_at(&draft, within);
            return Err(at);
        }
        self.report(&draft, path)?;
        Ok(ImportedQuiz { id, version, draft })
    }

    /// Cuts all texts of markup down to the safe subset.
    fn sanitise(&mut self, object: &mut Map<String, Value>, path: &str) -> Result<(), At> {
        for (key, value) in object {
            let path = format!("{path}.{key}");
            match value {
                Value::Object(texts) if TEXTS.contains(&key.as_str()) => {
                    self.texts(texts, &path)?;
                }
                Value::Object(inner) => self.sanitise(inner, &path)?,
                Value::Array(list) => {
                    for (at, value) in list.iter_mut().enumerate() {
                        if let Value::Object(inner) = value {
                            self.sanitise(inner, &format!("{path}[{at}]"))?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn texts(&mut self, texts: &mut Map<String, Value>, path: &str) -> Result<(), At> {
        if texts.is_empty() {
            return Err(At::new(path, Reason::NoLanguage, "the text exists in no language"));
        }
        for (language, text) in texts {
            let path = format!("{path}.{language}");
            let Value::String(text) = text else { continue };
            let cleaned = markup::sanitise(text);
            if cleaned.text.trim().is_empty() {
                let detail = match cleaned.losses.first() {
                    Some(loss) => format!("the text has nothing but {}", loss.element),
                    None => "the text is empty".to_owned(),
                };
                return Err(At::new(path, Reason::EmptyText, detail));
            }
            *text = cleaned.text;
            self.losses.extend(cleaned.losses.into_iter().map(|loss| (path.clone(), loss)));
        }
        Ok(())
    }

    fn report(&mut self, draft: &QuizDraft, path: &str) -> Result<(), At> {
        let language = &draft.language;
        for (pool, questions) in draft.pools.iter().map(|pool| &pool.questions).enumerate() {
            for (at, question) in questions.iter().enumerate() {
                let path = format!("{path}.pools[{pool}].questions[{at}]");
                if self.questions.len() == MAX_QUESTIONS {
                    let detail = format!("a file has at most {MAX_QUESTIONS} questions");
                    return Err(At::new(path, Reason::TooMany, detail));
                }
                let report = QuestionReport {
                    line: 1,
                    question: question.id.to_string(),
                    quiz: draft.title.get(language, language).to_owned(),
                    kind: build::kind_name(&question.kind).to_owned(),
                    imported: true,
                    text: question.text.get(language, language).to_owned(),
                    answers: build::answers(&question.kind, language),
                    remarks: Vec::new(),
                };
                self.questions.push((path, report));
            }
        }
        Ok(())
    }
}

/// Reads each question by itself, so that a fault has its line.
fn each_question(quiz: &Map<String, Value>, path: &str) -> Result<(), At> {
    let pools = quiz.get("pools").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for (pool, content) in pools.iter().enumerate() {
        let questions = content.get("questions").and_then(Value::as_array);
        for (at, question) in questions.map_or(&[][..], Vec::as_slice).iter().enumerate() {
            let path = format!("{path}.pools[{pool}].questions[{at}]");
            let name = question.get("id").and_then(Value::as_str).map(str::to_owned);
            let in_question = |mut at: At| {
                at.question.clone_from(&name);
                at
            };
            serde_json::from_value::<QuestionDraft>(question.clone()).map_err(|error| {
                in_question(At::new(&path, Reason::MalformedJson, error.to_string()))
            })?;
            only_known_fields(question, &path).map_err(in_question)?;
        }
    }
    Ok(())
}

/// A field of a question that its kind does not have would be lost silently.
fn only_known_fields(question: &Value, path: &str) -> Result<(), At> {
    let of_kind: &[&str] = match question.get("kind").and_then(Value::as_str) {
        Some("single" | "multiple") => &["choices", "shuffle"],
        Some("number") => &["accepted"],
        Some("text") => &["accepted", "case_sensitive"],
        Some("ordering") => &["steps"],
        _ => &["pairs", "distractors"],
    };
    let known = |field: &&String| {
        OF_QUESTION.contains(&field.as_str()) || of_kind.contains(&field.as_str())
    };
    let unknown = question.as_object().and_then(|fields| fields.keys().find(|it| !known(it)));
    match unknown {
        None => Ok(()),
        Some(field) => {
            let detail = format!("a question of this kind has no field `{field}`");
            Err(At::new(format!("{path}.{field}"), Reason::MalformedJson, detail))
        }
    }
}

/// The name of the question that a field of a draft belongs to.
fn question_at(draft: &QuizDraft, field: &str) -> Option<String> {
    let (pool, rest) = field.strip_prefix("pools[")?.split_once("].questions[")?;
    let (question, _) = rest.split_once(']')?;
    let pool = draft.pools.get(pool.parse::<usize>().ok()?)?;
    Some(pool.questions.get(question.parse::<usize>().ok()?)?.id.to_string())
}

/// Quizzes as a file that [`import`](crate::import) reads back unchanged.
#[must_use]
pub fn to_json(quizzes: &[ImportedQuiz]) -> String {
    format!("{:#}\n", file(quizzes.iter().map(value).collect()))
}

/// Quizzes as files of at most this size each. A quiz is never divided.
#[must_use]
pub fn parts(quizzes: &[ImportedQuiz], max_bytes: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let (mut open, mut bytes) = (Vec::new(), 0);
    for quiz in quizzes {
        let value = value(quiz);
        // A comma, and what stands around the list.
        let size = value.to_string().len() + 1;
        if !open.is_empty() && bytes + size + 40 > max_bytes {
            parts.push(file(std::mem::take(&mut open)).to_string());
            bytes = 0;
        }
        bytes += size;
        open.push(value);
    }
    parts.push(file(open).to_string());
    parts
}

fn file(quizzes: Vec<Value>) -> Value {
    json!({"format": FILE_FORMAT, "quizzes": quizzes})
}

fn value(quiz: &ImportedQuiz) -> Value {
    let mut value = serde_json::to_value(&quiz.draft).unwrap_or(Value::Null);
    if let Value::Object(fields) = &mut value {
        fields.insert("id".to_owned(), json!(quiz.id));
        if let Some(version) = quiz.version {
            fields.insert("version".to_owned(), json!(version));
        }
    }
    value
}
