//! Aiken: a question, answers with letters, and which one is right.

use crate::{
    gift::{Format, Text},
    raw::{RawBody, RawChoice, RawEntry, RawQuestion, percent},
    report::{Reason, Refusal},
};

/// Whether a text looks like this format: it has an answer line and a choice.
pub(crate) fn is_likely(text: &str) -> bool {
    text.lines().any(|line| answer(line).is_some())
        && text.lines().any(|line| choice(line).is_some())
}

/// Reads a file.
pub(crate) fn parse(text: &str) -> Result<Vec<RawEntry>, Refusal> {
    let mut entries = Vec::new();
    let mut question = Pending::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() {
            // Some programs write blank lines between a question and its choices.
            continue;
        }
        if let Some(letter) = answer(line) {
            if question.text.is_empty() {
                let is_second = !entries.is_empty();
                let (reason, detail) = match is_second {
                    true => (Reason::TwoRightAnswers, "the question has a second answer line"),
                    false => (Reason::MalformedAiken, "an answer line stands before any question"),
                };
                return Err(Refusal::new(reason, detail).at(number));
            }
            let done = std::mem::take(&mut question);
            entries.push(RawEntry::Question(Box::new(done.finish(letter, number)?)));
        } else if let Some((letter, text)) = choice(line).filter(|_| !question.text.is_empty()) {
            question.choice(number, letter, text)?;
        } else if question.choices.is_empty() {
            question.line = if question.text.is_empty() { number } else { question.line };
            question.text.push(line);
        } else {
            let detail = "a choice (`A.` or `A)`) or `ANSWER:` is expected here";
            return Err(Refusal::new(Reason::MalformedAiken, detail).at(number));
        }
    }
    if !question.text.is_empty() {
        let detail = "the question has no line `ANSWER:`";
        return Err(Refusal::new(Reason::MalformedAiken, detail).at(question.line));
    }
    Ok(entries)
}

#[derive(Default)]
struct Pending<'a> {
    line: u32,
    text: Vec<&'a str>,
    choices: Vec<(u32, char, &'a str)>,
}

impl<'a> Pending<'a> {
    fn choice(&mut self, line: u32, letter: char, text: &'a str) -> Result<(), Refusal> {
        if self.choices.iter().any(|(_, other, _)| *other == letter) {
            let detail = format!("there is a choice {letter} already");
            return Err(Refusal::new(Reason::MalformedAiken, detail).at(line));
        }
        self.choices.push((line, letter, text));
        Ok(())
    }

    fn finish(self, right: char, line: u32) -> Result<RawQuestion, Refusal> {
        let fault = |reason, detail: String| Err(Refusal::new(reason, detail).at(line));
        if self.choices.len() < 2 {
            return fault(Reason::MalformedAiken, "a question has two choices or more".to_owned());
        }
        if !self.choices.iter().any(|(_, letter, _)| *letter == right) {
            return fault(Reason::NoRightAnswer, format!("there is no choice {right}"));
        }
        let plain = |text: &str| Text { format: Format::Plain, text: text.to_owned() };
        let choice = |(line, letter, text): &(u32, char, &str)| RawChoice {
            line: *line,
            text: plain(text),
            weight: percent(if *letter == right { 100 } else { 0 }),
            feedback: None,
        };
        let choices = self.choices.iter().map(choice).collect();
        Ok(RawQuestion {
            line: self.line,
            name: None,
            kind: "multiple-choice".to_owned(),
            text: plain(&self.text.join("\n")),
            explanation: None,
            weight: None,
            body: RawBody::Choice { is_single: Some(true), shuffle: true, choices },
            remarks: Vec::new(),
        })
    }
}

/// The letter of `ANSWER: B`.
fn answer(line: &str) -> Option<char> {
    let letter = line.trim().strip_prefix("ANSWER:")?.trim();
    let mut letters = letter.chars();
    let letter = letters.next().filter(char::is_ascii_alphabetic)?;
    letters.next().is_none().then(|| letter.to_ascii_uppercase())
}

/// The letter and the text of `B. text` or `B) text`.
fn choice(line: &str) -> Option<(char, &str)> {
    let mut letters = line.trim().chars();
    let letter = letters.next().filter(char::is_ascii_uppercase)?;
    letters.next().filter(|it| matches!(it, '.' | ')'))?;
    let text = letters.as_str();
    (text.starts_with([' ', '\t']) && !text.trim().is_empty()).then(|| (letter, text.trim()))
}
