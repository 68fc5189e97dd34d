//! A question of another program as one of ours.

use std::collections::BTreeMap;

use minigate_domain::{
    Language,
    quizzes::{
        AcceptedRange, AcceptedText, BasisPoints, ChoiceDraft, ChoiceId, Decimal, KindDraft,
        Markup, PairDraft, QuestionDraft, QuestionId, StepDraft, Texts,
    },
};

use crate::{
    gift::{Format, Number, Text},
    markup::{self, Newlines},
    percent::{self, FULL},
    raw::{RawBody, RawChoice, RawNumber, RawQuestion},
    report::{Cause, Reason, Refusal, Remark},
};

/// Why a question does not become one of ours.
pub(crate) enum Obstacle {
    /// The file is refused.
    Refused(Refusal),
    /// The question is left out.
    LeftOut(Remark),
}

impl From<Refusal> for Obstacle {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The question, and the remarks of what it lost.
pub(crate) fn question(
    id: QuestionId,
    raw: &RawQuestion,
    language: &Language,
    remarks: &mut Vec<Remark>,
) -> Result<QuestionDraft, Obstacle> {
    let mut converter = Converter { language, line: raw.line, remarks, explanation: Vec::new() };
    if let RawBody::Unsupported(cause) = raw.body {
        let detail = match cause {
            Cause::NotAQuestion => "text without a question is not imported",
            Cause::NoCounterpart => "a number has more digits than a quiz can hold",
            _ => "quizzes have no questions of this kind",
        };
        let remark = Remark::dropped(raw.line, raw.kind.clone(), cause, detail);
        return Err(Obstacle::LeftOut(remark));
    }
    let text = converter.texts(raw.line, &raw.text, "the question's text")?;
    if let Some(explanation) = &raw.explanation {
        let explanation = converter.markup(raw.line, explanation);
        converter.explanation.push(explanation);
    }
    let weight = converter.weight(raw.weight);
    let kind = converter.kind(&raw.body)?;
    let explanation = converter.explanation()?;
    Ok(QuestionDraft { id, text, weight, penalty: BasisPoints::NONE, explanation, kind })
}

/// A text as markup; what it loses goes to the remarks.
pub(crate) fn markup(line: u32, text: &Text, remarks: &mut Vec<Remark>) -> String {
    let cleaned = match text.format {
        Format::Html => markup::to_markup(&text.text, Newlines::Spaces),
        Format::Moodle => markup::to_markup(&text.text, Newlines::Breaks),
        Format::Markdown => markup::sanitise(&text.text),
        Format::Plain => return markup::from_plain(&text.text),
    };
    cleaned.note(line, remarks).trim().to_owned()
}

/// The nth name of a choice: `a`, `b` and so on.
fn choice_id(at: usize) -> Result<ChoiceId, Refusal> {
    let letter = u8::try_from(at).ok().filter(|at| *at < 20).map(|at| b'a' + at);
    let letter = letter.map(|it| char::from(it).to_string());
    let too_many = || Refusal::new(Reason::TooMany, "a question has at most 20 answers");
    letter.and_then(|letter| letter.parse().ok()).ok_or_else(too_many)
}

struct Converter<'a> {
    language: &'a Language,
    line: u32,
    remarks: &'a mut Vec<Remark>,
    /// Paragraphs.
    explanation: Vec<String>,
}

impl Converter<'_> {
    fn markup(&mut self, line: u32, text: &Text) -> String {
        markup(line, text, self.remarks)
    }

    /// A text that the question cannot do without.
    fn texts(&mut self, line: u32, text: &Text, what: &str) -> Result<Texts, Obstacle> {
        let before = self.remarks.len();
        let kept = self.markup(line, text);
        if !kept.is_empty() {
            return Ok(self.in_language(line, kept)?);
        }
        let lost = self.remarks[before..].iter().find(|it| it.reason == Cause::EmbeddedFile);
        let detail = format!("nothing is left of {what}");
        if lost.is_some() || before < self.remarks.len() {
            let reason = lost.map_or(Cause::UnsafeMarkup, |remark| remark.reason);
            let remark = Remark::dropped(line, "question", reason, detail);
            return Err(Obstacle::LeftOut(remark));
        }
        Err(Refusal::new(Reason::EmptyText, format!("{what} is empty")).at(line).into())
    }

    fn in_language(&self, line: u32, text: String) -> Result<Texts, Refusal> {
        let long = |error: minigate_domain::InvalidField| {
            Refusal::new(Reason::InvalidQuiz, format!("a text must be {}", error)).at(line)
        };
        Ok(Texts::single(self.language.clone(), Markup::try_from(text).map_err(long)?))
    }

    fn feedback(&mut self, line: u32, feedback: Option<&Text>) -> Result<Option<Texts>, Refusal> {
        let text = feedback.map(|feedback| self.markup(line, feedback));
        text.filter(|text| !text.is_empty()).map(|text| self.in_language(line, text)).transpose()
    }

    /// Feedback of an answer that has no place for it in a quiz.
    fn explain(&mut self, line: u32, answer: &str, feedback: Option<&Text>) {
        let Some(feedback) = feedback else { return };
        let text = self.markup(line, feedback);
        if text.is_empty() {
            return;
        }
        self.explanation.push(format!("{}: {text}", markup::from_plain(answer)));
        let detail = "it became a part of the explanation";
        self.remarks.push(Remark::changed(
            line,
            format!("feedback of {answer}"),
            Cause::FeedbackMoved,
            detail,
        ));
    }

    fn explanation(&mut self) -> Result<Option<Texts>, Refusal> {
        self.explanation.retain(|paragraph| !paragraph.is_empty());
        let text = self.explanation.join("\n\n");
        (!text.is_empty()).then(|| self.in_language(self.line, text)).transpose()
    }

    fn weight(&mut self, written: Option<Decimal>) -> u8 {
        let Some(written) = written else { return 1 };
        let text = written.to_string();
        let whole = text.split('.').next().and_then(|whole| whole.parse::<i64>().ok());
        let weight = whole.unwrap_or(0).clamp(1, 100);
        if weight.to_string() != text {
            let detail = format!("a weight is 1 to 100; it became {weight}");
            let element = format!("weight {text}");
            self.remarks.push(Remark::changed(self.line, element, Cause::ValueAdjusted, detail));
        }
        u8::try_from(weight).unwrap_or(1)
    }

    fn kind(&mut self, body: &RawBody) -> Result<KindDraft, Obstacle> {
        match body {
            RawBody::Unsupported(_) => Err(self.refuse(Reason::InvalidQuiz, "no kind").into()),
            RawBody::TrueFalse { is_true, feedback_true, feedback_false } => {
                let both = [(true, feedback_true), (false, feedback_false)];
                let choices = both.map(|(value, feedback)| {
                    Ok(ChoiceDraft {
                        id: choice_id(usize::from(!value))?,
                        text: self.in_language(self.line, word_for(value, self.language))?,
                        credit: if value == *is_true { 10_000 } else { 0 },
                        feedback: self.feedback(self.line, feedback.as_ref())?,
                    })
                });
                let choices = choices.into_iter().collect::<Result<_, Refusal>>()?;
                Ok(KindDraft::Single { choices, shuffle: false })
            }
            RawBody::Choice { is_single, shuffle, choices } => {
                self.choices(*is_single, *shuffle, choices)
            }
            RawBody::Text { case_sensitive, answers } => self.text(*case_sensitive, answers),
            RawBody::Number(numbers) => self.numbers(numbers),
            RawBody::Ordering(steps) => {
                let step = |(at, (line, text)): (usize, &(u32, Text))| {
                    let text = self.texts(*line, text, "a step")?;
                    Ok(StepDraft { id: choice_id(at)?, text })
                };
                let steps = steps.iter().enumerate().map(step).collect::<Result<_, Obstacle>>()?;
                Ok(KindDraft::Ordering { steps })
            }
            RawBody::Matching(pairs) => self.matching(pairs),
        }
    }

    fn refuse(&self, reason: Reason, detail: impl Into<String>) -> Refusal {
        Refusal::new(reason, detail).at(self.line)
    }

    fn choices(
        &mut self,
        is_single: Option<bool>,
        shuffle: bool,
        raw: &[RawChoice],
    ) -> Result<KindDraft, Obstacle> {
        let mut credits = Vec::new();
        for choice in raw {
            credits.push(percent::basis_points(choice.weight).ok_or_else(|| {
                let detail = format!("a weight is −100 to 100 percent, not {}", choice.weight);
                Refusal::new(Reason::WeightOutOfRange, detail).at(choice.line)
            })?);
        }
        let full = credits.iter().filter(|credit| **credit == FULL).count();
        if !credits.iter().any(|credit| *credit > 0) {
            return Err(self.refuse(Reason::NoRightAnswer, "no answer is right").into());
        }
        let becomes_single = match is_single {
            Some(true) if full > 1 => {
                let detail = format!("one answer is chosen, and {full} are right");
                return Err(self.refuse(Reason::TwoRightAnswers, detail).into());
            }
            Some(true) if full == 0 => {
                let detail = "one answer is chosen, and none is worth 100 %";
                return Err(self.refuse(Reason::NoRightAnswer, detail).into());
            }
            Some(is_single) => is_single,
            None => full == 1,
        };
        if !becomes_single {
            self.share(is_single, full, &mut credits);
        }
        let mut choices = Vec::new();
        for (at, (choice, credit)) in raw.iter().zip(credits).enumerate() {
            choices.push(ChoiceDraft {
                id: choice_id(at).map_err(|refusal| refusal.at(choice.line))?,
                text: self.texts(choice.line, &choice.text, "an answer")?,
                credit: i16::try_from(credit).unwrap_or_default(),
                feedback: self.feedback(choice.line, choice.feedback.as_ref())?,
            });
        }
        Ok(if becomes_single {
            KindDraft::Single { choices, shuffle }
        } else {
            KindDraft::Multiple { choices, shuffle }
        })
    }

    /// The credits of several choices, which add up to all.
    fn share(&mut self, is_single: Option<bool>, full: usize, credits: &mut [i32]) {
        let positive: Vec<i32> = credits.iter().map(|credit| (*credit).max(0)).collect();
        let total: i32 = positive.iter().sum();
        let scaled = percent::scaled(&positive);
        for (credit, scaled) in credits.iter_mut().zip(&scaled) {
            if *credit > 0 {
                *credit = *scaled;
            }
        }
        let slack = i32::try_from(credits.len()).unwrap_or(FULL);
        if is_single.is_none() && full > 1 {
            // Otherwise all of them chosen would earn as much as the right ones.
            let cost = -scaled.iter().copied().max().unwrap_or(FULL);
            let wrong = credits.iter_mut().filter(|credit| **credit == 0);
            wrong.for_each(|credit| *credit = cost);
            let detail = "several answers are right, so several are chosen: the right ones share \
                          the marks, and a wrong one costs as much as a right one earns";
            self.remarks.push(Remark::changed(self.line, "one choice", Cause::KindChanged, detail));
        } else if (total - FULL).abs() > slack {
            let detail = "the weights of the right answers were scaled to 100 % in all";
            self.remarks.push(Remark::changed(self.line, "weights", Cause::ValueAdjusted, detail));
        }
    }

    /// The credit of an answer of which only one is given.
    fn credit(&mut self, line: u32, weight: Decimal, what: &str) -> Result<BasisPoints, Refusal> {
        let out_of_range = || {
            let detail = format!("a weight is −100 to 100 percent, not {weight}");
            Refusal::new(Reason::WeightOutOfRange, detail).at(line)
        };
        let points = percent::basis_points(weight).ok_or_else(out_of_range)?;
        if points < 0 {
            let detail = "only a wrong choice can cost marks; it earns none";
            let element = format!("weight of {what}");
            self.remarks.push(Remark::changed(line, element, Cause::ValueAdjusted, detail));
        }
        let points = u16::try_from(points).unwrap_or(0);
        BasisPoints::try_from(points).map_err(|_| out_of_range())
    }

    fn text(&mut self, case_sensitive: bool, raw: &[RawChoice]) -> Result<KindDraft, Obstacle> {
        let mut accepted = Vec::new();
        for answer in raw {
            let text = match answer.text.format {
                Format::Html => markup::to_plain(&answer.text.text).note(answer.line, self.remarks),
                _ => answer.text.text.split_whitespace().collect::<Vec<_>>().join(" "),
            };
            self.explain(answer.line, &text, answer.feedback.as_ref());
            let credit = self.credit(answer.line, answer.weight, &text)?;
            // Such an answer is only there for its feedback.
            if credit == BasisPoints::NONE {
                let detail = "an answer that earns nothing is not kept";
                self.remarks.push(Remark::dropped(
                    answer.line,
                    format!("answer {text}"),
                    Cause::NoCounterpart,
                    detail,
                ));
                continue;
            }
            let text = Markup::try_from(text).map_err(|error| {
                let detail = format!("an accepted answer must be {}", error);
                Refusal::new(Reason::InvalidQuiz, detail).at(answer.line)
            })?;
            accepted.push(AcceptedText { text, credit });
        }
        if !accepted.iter().any(|answer| answer.credit == BasisPoints::ALL) {
            return Err(self.refuse(Reason::NoRightAnswer, "no answer is worth 100 %").into());
        }
        let accepted = BTreeMap::from([(self.language.clone(), accepted)]);
        Ok(KindDraft::Text { accepted, case_sensitive })
    }

    fn numbers(&mut self, raw: &[RawNumber]) -> Result<KindDraft, Obstacle> {
        let mut accepted = Vec::new();
        for RawNumber { line, number, rounded, weight, feedback } in raw {
            let line = if *line == 0 { self.line } else { *line };
            let credit = self.credit(line, *weight, "a number")?;
            for written in rounded {
                let element = format!("number {written}");
                let detail = "it was rounded to nine digits behind the point";
                self.remarks.push(Remark::changed(line, element, Cause::ValueAdjusted, detail));
            }
            let Some(number) = number else {
                let detail = "no range contains all other numbers";
                self.remarks.push(Remark::dropped(line, "answer *", Cause::NoCounterpart, detail));
                self.explain(line, "*", feedback.as_ref());
                continue;
            };
            let range = range(*number)
                .ok_or_else(|| {
                    let detail = "a range of numbers runs from its lower to its upper end";
                    Refusal::new(Reason::BadNumber, detail).at(line)
                })
                .map(|(from, to)| AcceptedRange { from, to, credit })?;
            let text = match range.from == range.to {
                true => range.from.to_string(),
                false => format!("{}..{}", range.from, range.to),
            };
            self.explain(line, &text, feedback.as_ref());
            accepted.push(range);
        }
        if !accepted.iter().any(|range| range.credit == BasisPoints::ALL) {
            return Err(self.refuse(Reason::NoRightAnswer, "no number is worth 100 %").into());
        }
        Ok(KindDraft::Number { accepted })
    }

    fn matching(&mut self, raw: &[(u32, Option<Text>, Text)]) -> Result<KindDraft, Obstacle> {
        let (mut pairs, mut distractors) = (Vec::new(), Vec::new());
        for (at, (line, left, right)) in raw.iter().enumerate() {
            let number = if left.is_some() { pairs.len() } else { distractors.len() };
            if number == 20 {
                let detail = "a question has at most 20 pairs and 20 further answers";
                return Err(Refusal::new(Reason::TooMany, detail).at(*line).into());
            }
            let name = format!("p{}", at + 1);
            let id = name.parse().map_err(|_| self.refuse(Reason::TooMany, "too many pairs"))?;
            let answer = self.texts(*line, right, "an answer")?;
            match left {
                Some(left) => {
                    let prompt = self.texts(*line, left, "a prompt")?;
                    pairs.push(PairDraft { id, prompt, answer });
                }
                None => distractors.push(StepDraft { id, text: answer }),
            }
        }
        Ok(KindDraft::Matching { pairs, distractors })
    }
}

/// The least and the largest number that is accepted.
fn range(number: Number) -> Option<(Decimal, Decimal)> {
    let (from, to) = match number {
        Number::Exact(number) => (number, number),
        Number::Range(from, to) => (from, to),
        Number::Tolerance(number, tolerance) => (number.minus(tolerance)?, number.plus(tolerance)?),
    };
    (from <= to).then_some((from, to))
}

/// The words for true and false; English where the language is not known.
fn word_for(value: bool, language: &Language) -> String {
    let base = language.as_str().split('-').next().unwrap_or_default();
    let (yes, no) = match base {
        "de" => ("Richtig", "Falsch"),
        "es" => ("Verdadero", "Falso"),
        "fr" => ("Vrai", "Faux"),
        "it" => ("Vero", "Falso"),
        "pl" => ("Prawda", "Fałsz"),
        "pt" => ("Verdadeiro", "Falso"),
        "ru" => ("Верно", "Неверно"),
        "uk" => ("Правда", "Неправда"),
        _ => ("True", "False"),
    };
    (if value { yes } else { no }).to_owned()
}
