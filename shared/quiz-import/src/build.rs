//! Quizzes from the questions of another program.

use minigate_domain::{
    Language,
    quizzes::{
        BasisPoints, KindDraft, Markup, PoolDraft, QuestionDraft, QuestionId, QuizDraft, QuizId,
        QuizRules, Texts,
    },
};

use crate::{
    Import, ImportOptions, ImportedQuiz, MAX_QUESTIONS, MAX_QUIZZES,
    convert::{self, Obstacle},
    faults, markup,
    raw::{RawEntry, RawQuestion},
    report::{AnswerReport, Cause, Percent, QuestionReport, Reason, Refusal, Remark, Report},
};

/// The most questions of a quiz; more are divided.
const MAX_OF_QUIZ: usize = 200;
/// The most bytes of a quiz's questions as JSON; the domain's limit less room for the rest.
const MAX_BYTES_OF_QUIZ: usize = 150_000;

/// The quizzes of a file: one, or one for each category.
pub(crate) fn quizzes(
    file_name: &str,
    format: &'static str,
    entries: Vec<RawEntry>,
    options: &ImportOptions,
) -> Result<Import, Refusal> {
    if entries.is_empty() {
        return Err(Refusal::new(Reason::NoQuestions, "the file has no question"));
    }
    let mut builder = Builder {
        options,
        report: Report { file: file_name.to_owned(), format, ..Report::default() },
        groups: vec![Group::new(None, String::new(), title_of_file(file_name))],
        at: 0,
    };
    for entry in entries {
        match entry {
            RawEntry::Category { line, path } => builder.category(line, &path)?,
            RawEntry::Question(question) => builder.question(*question)?,
        }
    }
    builder.finish(file_name)
}

/// The questions of a category.
struct Group {
    /// Where the category is named; nothing for the questions before the first.
    line: Option<u32>,
    path: String,
    title: String,
    /// Divided where one quiz would be too large.
    parts: Vec<Part>,
}

#[derive(Default)]
struct Part {
    questions: Vec<(u32, QuestionDraft)>,
    bytes: usize,
}

impl Group {
    fn new(line: Option<u32>, path: String, title: String) -> Self {
        Self { line, path, title, parts: vec![Part::default()] }
    }

    fn title_of_part(&self, part: usize) -> String {
        match part {
            0 => self.title.clone(),
            part => format!("{} ({})", self.title, part + 1),
        }
    }
}

struct Builder<'a> {
    options: &'a ImportOptions,
    report: Report,
    groups: Vec<Group>,
    /// The group of the next question.
    at: usize,
}

impl Builder<'_> {
    fn category(&mut self, line: u32, path: &str) -> Result<(), Refusal> {
        // Moodle writes a slash in a name twice.
        let parts = path.replace("//", "\u{0}");
        let name = parts.rsplit('/').next().unwrap_or_default().replace('\u{0}', "/");
        if name.trim() != path.trim() {
            let detail = "the last part of a category is the title of a quiz, the rest is dropped";
            let element = format!("category {path}");
            let remark = Remark::changed(line, element, Cause::NoCounterpart, detail);
            self.report.remarks.push(remark);
        }
        self.at = match self.groups.iter().position(|group| group.path == path) {
            Some(at) => at,
            None if self.groups.len() > MAX_QUIZZES => {
                let detail = format!("a file has at most {MAX_QUIZZES} categories");
                return Err(Refusal::new(Reason::TooMany, detail).at(line));
            }
            None => {
                self.groups.push(Group::new(Some(line), path.to_owned(), name.trim().to_owned()));
                self.groups.len() - 1
            }
        };
        Ok(())
    }

    fn question(&mut self, mut raw: RawQuestion) -> Result<(), Refusal> {
        let number = self.report.questions.len() + 1;
        let name = raw.name.clone().unwrap_or_else(|| number.to_string());
        if number > MAX_QUESTIONS {
            let detail = format!("a file has at most {MAX_QUESTIONS} questions");
            return Err(Refusal::new(Reason::TooMany, detail).at(raw.line).of_question(&name));
        }
        let mut remarks = std::mem::take(&mut raw.remarks);
        let language = &self.options.language;
        let id = format!("q{number}").parse::<QuestionId>();
        let id = id.map_err(|_| Refusal::new(Reason::TooMany, "too many questions"))?;
        let converted = convert::question(id, &raw, language, &mut remarks);
        let mut report = QuestionReport {
            line: raw.line,
            question: name.clone(),
            quiz: String::new(),
            kind: raw.kind.clone(),
            imported: false,
            text: String::new(),
            answers: Vec::new(),
            remarks: Vec::new(),
        };
        match converted {
            Ok(question) => {
                report.kind = kind_name(&question.kind).to_owned();
                report.imported = true;
                report.text = question.text.get(language, language).to_owned();
                report.answers = answers(&question.kind, language);
                report.quiz = self.push(raw.line, question);
            }
            Err(Obstacle::LeftOut(remark)) => {
                report.text = convert::markup(raw.line, &raw.text, &mut remarks);
                remarks.push(remark);
            }
            Err(Obstacle::Refused(refusal)) => return Err(refusal.of_question(&name)),
        }
        report.remarks = remarks;
        self.report.questions.push(report);
        Ok(())
    }

    /// Adds a question to its group, and says which quiz it is in.
    fn push(&mut self, line: u32, question: QuestionDraft) -> String {
        let bytes = serde_json::to_vec(&question).map_or(0, |json| json.len());
        let group = &mut self.groups[self.at];
        let is_full = group.parts.last().is_none_or(|part| {
            let count = part.questions.len();
            count == MAX_OF_QUIZ || (count > 0 && part.bytes + bytes > MAX_BYTES_OF_QUIZ)
        });
        if is_full {
            group.parts.push(Part::default());
        }
        if let Some(part) = group.parts.last_mut() {
            part.bytes += bytes;
            part.questions.push((line, question));
        }
        group.title_of_part(group.parts.len() - 1)
    }

    fn finish(mut self, file_name: &str) -> Result<Import, Refusal> {
        for group in &self.groups {
            let is_empty = group.parts.iter().all(|part| part.questions.is_empty());
            if let Some(line) = group.line.filter(|_| is_empty) {
                let element = format!("category {}", group.path);
                let detail = "no question of it is imported";
                let remark = Remark::dropped(line, element, Cause::NoCounterpart, detail);
                self.report.remarks.push(remark);
            }
        }
        let mut quizzes: Vec<ImportedQuiz> = Vec::new();
        for group in &self.groups {
            for (number, part) in group.parts.iter().enumerate() {
                if part.questions.is_empty() {
                    continue;
                }
                let title = group.title_of_part(number);
                let id = id_of(&title, file_name, &quizzes)?;
                let draft = self.draft(&title, &part.questions)?;
                quizzes.push(ImportedQuiz { id, version: None, draft });
            }
        }
        if quizzes.len() > MAX_QUIZZES {
            let detail = format!("a file has at most {MAX_QUIZZES} quizzes");
            return Err(Refusal::new(Reason::TooMany, detail));
        }
        Ok(Import { quizzes, report: self.report })
    }

    fn draft(&self, title: &str, questions: &[(u32, QuestionDraft)]) -> Result<QuizDraft, Refusal> {
        let language = &self.options.language;
        let title = texts(language, title)?;
        let questions_of_pool = questions.iter().map(|(_, question)| question.clone()).collect();
        let draft = QuizDraft {
            description: title.clone(),
            title,
            topics: self.options.topics.clone(),
            language: language.clone(),
            rules: default_rules(),
            pools: vec![PoolDraft { draw: None, questions: questions_of_pool }],
        };
        match draft.faults().into_iter().next() {
            None => Ok(draft),
            Some(fault) => {
                let number = fault.field.strip_prefix("pools[0].questions[").and_then(|rest| {
                    rest.split_once(']').and_then(|(number, _)| number.parse::<usize>().ok())
                });
                let line = number.and_then(|number| questions.get(number)).map_or(1, |it| it.0);
                let field = fault.field.rsplit('.').next().unwrap_or(&fault.field);
                let detail = format!("{field} {}", fault.reason);
                Err(Refusal::new(faults::reason(&fault), detail).at(line))
            }
        }
    }
}

/// How a quiz of another program is taken: the file says nothing of it.
fn default_rules() -> QuizRules {
    QuizRules {
        pass_mark: BasisPoints::try_from(6_000).unwrap_or(BasisPoints::ALL),
        time_limit_seconds: None,
        attempts_a_day: None,
        shuffle_questions: false,
        certificate: None,
    }
}

fn texts(language: &Language, text: &str) -> Result<Texts, Refusal> {
    let text: String = markup::from_plain(text).chars().take(Markup::MAX_CHARS).collect();
    let text = Markup::try_from(text)
        .map_err(|error| Refusal::new(Reason::InvalidQuiz, format!("a title must be {error}")))?;
    Ok(Texts::single(language.clone(), text))
}

/// The file's name without its folder and ending.
fn title_of_file(file_name: &str) -> String {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem).trim();
    let plain: String = stem.chars().filter(|it| !it.is_control()).collect();
    if plain.is_empty() { "Quiz".to_owned() } else { plain }
}

/// A name from a title, which no other quiz of the file has.
fn id_of(title: &str, file_name: &str, others: &[ImportedQuiz]) -> Result<QuizId, Refusal> {
    let candidates = [slug(title), slug(&title_of_file(file_name)), "quiz".to_owned()];
    let base = candidates.into_iter().find(|it| it.parse::<QuizId>().is_ok()).unwrap_or_default();
    let numbered = (2..).map(|number: usize| format!("{base}-{number}"));
    std::iter::once(base.clone())
        .chain(numbered)
        .take(others.len() + 1)
        .filter_map(|name| name.parse::<QuizId>().ok())
        .find(|id| others.iter().all(|other| other.id != *id))
        .ok_or_else(|| Refusal::new(Reason::TooMany, "too many quizzes have one title"))
}

/// Small letters, digits and hyphens, at most 36.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for character in text.chars() {
        match character.to_ascii_lowercase() {
            it if it.is_ascii_lowercase() || it.is_ascii_digit() => slug.push(it),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(36);
    slug.trim_end_matches('-').to_owned()
}

/// The wire name of a kind.
pub(crate) const fn kind_name(kind: &KindDraft) -> &'static str {
    match kind {
        KindDraft::Single { .. } => "single",
        KindDraft::Multiple { .. } => "multiple",
        KindDraft::Number { .. } => "number",
        KindDraft::Text { .. } => "text",
        KindDraft::Ordering { .. } => "ordering",
        KindDraft::Matching { .. } => "matching",
    }
}

/// The answers of a question for the report.
pub(crate) fn answers(kind: &KindDraft, language: &Language) -> Vec<AnswerReport> {
    let text = |texts: &Texts| texts.get(language, language).to_owned();
    let answer = |text: String, points: i32| AnswerReport { text, weight: Percent(points) };
    match kind {
        KindDraft::Single { choices, .. } | KindDraft::Multiple { choices, .. } => {
            choices.iter().map(|choice| answer(text(&choice.text), choice.credit.into())).collect()
        }
        KindDraft::Number { accepted } => accepted
            .iter()
            .map(|range| {
                let text = match range.from == range.to {
                    true => range.from.to_string(),
                    false => format!("{}..{}", range.from, range.to),
                };
                answer(text, range.credit.get().into())
            })
            .collect(),
        KindDraft::Text { accepted, .. } => accepted
            .values()
            .flatten()
            .map(|accepted| answer(accepted.text.as_str().to_owned(), accepted.credit.get().into()))
            .collect(),
        KindDraft::Ordering { steps } => {
            let shares = shares(steps.len());
            steps.iter().zip(shares).map(|(step, share)| answer(text(&step.text), share)).collect()
        }
        KindDraft::Matching { pairs, distractors } => {
            let paired = pairs.iter().zip(shares(pairs.len())).map(|(pair, share)| {
                answer(format!("{} -> {}", text(&pair.prompt), text(&pair.answer)), share)
            });
            let others = distractors.iter().map(|step| answer(text(&step.text), 0));
            paired.chain(others).collect()
        }
    }
}

fn shares(count: usize) -> Vec<i32> {
    crate::percent::scaled(&vec![1; count])
}
