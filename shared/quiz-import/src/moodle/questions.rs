//! The elements of Moodle's questions.

use minigate_domain::quizzes::Decimal;

use super::tree::Element;
use crate::{
    gift::{Format, Number, Text},
    number,
    raw::{RawBody, RawChoice, RawEntry, RawNumber, RawQuestion, percent},
    report::{Cause, Reason, Refusal, Remark},
};

/// What is read of every question; of the rest, [`SETTINGS`] are named in one remark.
const READ: [&str; 12] = [
    "name",
    "questiontext",
    "generalfeedback",
    "defaultgrade",
    "single",
    "shuffleanswers",
    "usecase",
    "answer",
    "subquestion",
    "text",
    "file",
    "category",
];

/// Elements that set something that quizzes do not have.
const SETTINGS: [&str; 20] = [
    "penalty",
    "hidden",
    "idnumber",
    "answernumbering",
    "showstandardinstruction",
    "shownumcorrect",
    "correctfeedback",
    "partiallycorrectfeedback",
    "incorrectfeedback",
    "unitgradingtype",
    "unitpenalty",
    "showunits",
    "unitsleft",
    "layouttype",
    "selecttype",
    "selectcount",
    "gradingtype",
    "showgrading",
    "numberingstyle",
    "info",
];

/// An element of the file.
pub(super) fn entry(element: &Element) -> Result<RawEntry, Refusal> {
    let kind = element.attribute("type").unwrap_or_default();
    if element.name != "question" || kind.is_empty() {
        let detail = format!("<question type=…> is expected, not <{}>", element.name);
        return Err(Refusal::new(Reason::MalformedXml, detail).at(element.line));
    }
    if kind == "category" {
        let path = element.child("category").map(Element::value).unwrap_or_default().to_owned();
        return Ok(RawEntry::Category { line: element.line, path });
    }
    Ok(RawEntry::Question(Box::new(question(element, kind)?)))
}

fn question(element: &Element, kind: &str) -> Result<RawQuestion, Refusal> {
    let name = element.child("name").map(Element::value).filter(|name| !name.is_empty());
    let in_question = |refusal: Refusal| match name {
        Some(name) => refusal.of_question(name),
        None => refusal,
    };
    let body = body(element, kind).map_err(in_question)?;
    let weight = element.child("defaultgrade").filter(|it| !it.value().is_empty());
    let weight = weight.map(decimal).transpose().map_err(in_question)?;
    let text = element.child("questiontext").map(text).unwrap_or_else(|| plain(""));
    let mut remarks = Vec::new();
    if let Some(name) = name {
        let detail = "it only names the question in this report";
        let element_name = format!("name {name}");
        remarks.push(Remark::dropped(element.line, element_name, Cause::NoCounterpart, detail));
    }
    others(element, &mut remarks);
    files(element, &mut remarks);
    Ok(RawQuestion {
        line: element.line,
        name: name.map(str::to_owned),
        kind: kind.to_owned(),
        text,
        explanation: element.child("generalfeedback").and_then(optional_text),
        weight,
        body,
        remarks,
    })
}

fn body(element: &Element, kind: &str) -> Result<RawBody, Refusal> {
    let flag = |name: &str| element.child(name).map(|it| matches!(it.value(), "1" | "true"));
    Ok(match kind {
        "multichoice" => RawBody::Choice {
            is_single: Some(flag("single").unwrap_or(true)),
            shuffle: flag("shuffleanswers").unwrap_or(true),
            choices: element
                .all("answer")
                .map(|it| choice(it, text(it)))
                .collect::<Result<_, _>>()?,
        },
        "truefalse" => true_or_false(element)?,
        "shortanswer" => RawBody::Text {
            case_sensitive: flag("usecase").unwrap_or(false),
            // They are compared, so they are no markup.
            answers: element
                .all("answer")
                .map(|it| choice(it, plain(it.value())))
                .collect::<Result<_, _>>()?,
        },
        "numerical" => match element.all("answer").map(number).collect::<Result<Vec<_>, _>>()? {
            numbers if numbers.iter().all(Option::is_some) => {
                RawBody::Number(numbers.into_iter().flatten().collect())
            }
            // A number that no quiz can hold, such as 6.02E23.
            _ => RawBody::Unsupported(Cause::NoCounterpart),
        },
        "matching" => RawBody::Matching(element.all("subquestion").map(pair).collect()),
        "ordering" => RawBody::Ordering(steps(element)?),
        "description" => RawBody::Unsupported(Cause::NotAQuestion),
        _ => RawBody::Unsupported(Cause::UnsupportedKind),
    })
}

fn true_or_false(element: &Element) -> Result<RawBody, Refusal> {
    let of = |value: &str| element.all("answer").find(|it| it.value().eq_ignore_ascii_case(value));
    let (Some(yes), Some(no)) = (of("true"), of("false")) else {
        let detail = "a question of true or false has an <answer> of each";
        return Err(Refusal::new(Reason::MalformedXml, detail).at(element.line));
    };
    let is_full = |answer: &Element| Ok(fraction(answer)? == percent(100));
    let is_true = match (is_full(yes)?, is_full(no)?) {
        (true, true) => {
            let detail = "both true and false are right";
            return Err(Refusal::new(Reason::TwoRightAnswers, detail).at(yes.line));
        }
        (false, false) => {
            let detail = "neither true nor false is right";
            return Err(Refusal::new(Reason::NoRightAnswer, detail).at(yes.line));
        }
        (is_true, _) => is_true,
    };
    let feedback = |answer: &Element| answer.child("feedback").and_then(optional_text);
    Ok(RawBody::TrueFalse { is_true, feedback_true: feedback(yes), feedback_false: feedback(no) })
}

fn choice(answer: &Element, text: Text) -> Result<RawChoice, Refusal> {
    Ok(RawChoice {
        line: answer.line,
        text,
        weight: fraction(answer)?,
        feedback: answer.child("feedback").and_then(optional_text),
    })
}

/// Nothing if it is a number that cannot be kept exactly.
fn number(answer: &Element) -> Result<Option<RawNumber>, Refusal> {
    let tolerance = answer.child("tolerance").map(Element::value).filter(|it| !it.is_empty());
    let mut rounded = Vec::new();
    let mut read = |text: &str| match number::read(text) {
        Some((number, is_rounded)) => {
            if is_rounded {
                rounded.push(text.to_owned());
            }
            Ok(Some(number))
        }
        None if text.parse::<f64>().is_ok_and(f64::is_finite) => Ok(None),
        None => {
            let detail = format!("`{text}` is not a number");
            Err(Refusal::new(Reason::BadNumber, detail).at(answer.line))
        }
    };
    let number = match answer.value() {
        "*" => None,
        text => {
            let (Some(number), Some(tolerance)) = (read(text)?, read(tolerance.unwrap_or("0"))?)
            else {
                return Ok(None);
            };
            Some(Number::Tolerance(number, tolerance))
        }
    };
    Ok(Some(RawNumber {
        line: answer.line,
        number,
        rounded,
        weight: fraction(answer)?,
        feedback: answer.child("feedback").and_then(optional_text),
    }))
}

fn pair(subquestion: &Element) -> (u32, Option<Text>, Text) {
    let answer = subquestion.child("answer").map(Element::value).unwrap_or_default();
    (subquestion.line, optional_text(subquestion), plain(answer))
}

/// The steps by their places, which the plugin writes as fractions; without them as they stand.
fn steps(element: &Element) -> Result<Vec<(u32, Text)>, Refusal> {
    let mut steps = Vec::new();
    for answer in element.all("answer") {
        let place = match answer.attribute("fraction") {
            Some(_) => parse(answer.attribute("fraction").unwrap_or_default(), answer.line)?,
            None => percent(0),
        };
        steps.push((place, answer.line, text(answer)));
    }
    steps.sort_by_key(|(place, _, _)| *place);
    Ok(steps.into_iter().map(|(_, line, text)| (line, text)).collect())
}

fn fraction(answer: &Element) -> Result<Decimal, Refusal> {
    parse(answer.attribute("fraction").unwrap_or("0"), answer.line)
}

fn decimal(element: &Element) -> Result<Decimal, Refusal> {
    parse(element.value(), element.line)
}

fn parse(text: &str, line: u32) -> Result<Decimal, Refusal> {
    // What is rounded here becomes basis points, or whole marks, anyway.
    number::read(text.trim()).map(|(number, _)| number).ok_or_else(|| {
        let detail = format!("`{text}` is not a number that a quiz can hold");
        Refusal::new(Reason::BadNumber, detail).at(line)
    })
}

fn plain(text: &str) -> Text {
    Text { format: Format::Plain, text: text.to_owned() }
}

fn text(element: &Element) -> Text {
    let format = match element.attribute("format") {
        Some("html") => Format::Html,
        Some("markdown") => Format::Markdown,
        Some("plain_text") => Format::Plain,
        _ => Format::Moodle,
    };
    Text { format, text: element.value().to_owned() }
}

fn optional_text(element: &Element) -> Option<Text> {
    let text = text(element);
    (!text.text.is_empty()).then_some(text)
}

/// Names the elements that are not read.
fn others(question: &Element, remarks: &mut Vec<Remark>) {
    let mut settings: Vec<&str> = Vec::new();
    for child in &question.children {
        let name = child.name.as_str();
        let is_empty =
            child.value().is_empty() && child.children.iter().all(|it| it.name == "text");
        if READ.contains(&name) || is_empty {
            continue;
        }
        if SETTINGS.contains(&name) {
            if !settings.contains(&name) {
                settings.push(name);
            }
            continue;
        }
        let element = format!("<{name}> {}", crate::markup::short(child.value()));
        let detail = "quizzes have no place for it";
        remarks.push(Remark::dropped(child.line, element.trim_end(), Cause::NoCounterpart, detail));
    }
    if !settings.is_empty() {
        let element = format!("settings {}", settings.join(", "));
        let detail = "quizzes do not have these settings";
        remarks.push(Remark::dropped(question.line, element, Cause::NoCounterpart, detail));
    }
}

/// Names the embedded files.
fn files(element: &Element, remarks: &mut Vec<Remark>) {
    for child in &element.children {
        if child.name == "file" {
            let name = crate::markup::short(child.attribute("name").unwrap_or("without a name"));
            let detail = "embedded files are not imported";
            remarks.push(Remark::dropped(
                child.line,
                format!("file {name}"),
                Cause::EmbeddedFile,
                detail,
            ));
        }
        files(child, remarks);
    }
}
