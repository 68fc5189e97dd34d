//! What stands in the braces of a question.

use super::{
    Answers, Choice, Format, Number, NumberChoice, Pair, Text,
    scan::{self, Slice},
};
use minigate_domain::quizzes::Decimal;

use crate::{Reason, Refusal, number, percent};

/// The answers and the feedback that is shown with all of them.
pub(super) fn parse(inside: Slice<'_>, format: Format) -> Result<(Answers, Option<Text>), Refusal> {
    let (answers, global) = match inside.find_global() {
        Some(at) => (inside.cut(at), optional_text(inside.skip(at + 4), format)),
        None => (inside, None),
    };
    Ok((kind(answers.trim_start(), format)?, global))
}

fn kind(slice: Slice<'_>, format: Format) -> Result<Answers, Refusal> {
    if slice.is_empty() {
        return Ok(Answers::Essay);
    }
    if let Some(numbers) = slice.text().strip_prefix('#') {
        return numerical(slice.skip(slice.text().len() - numbers.len()).trim_start(), format);
    }
    if slice.text().starts_with(['=', '~']) {
        let pieces = pieces(slice);
        return match matching(&pieces, format) {
            Some(pairs) => Ok(Answers::Matching(pairs)),
            None => {
                let choices = pieces.iter().map(|piece| choice(*piece, format));
                Ok(Answers::Choices(choices.collect::<Result<_, _>>()?))
            }
        };
    }
    if let Some(answer) = true_or_false(slice, format) {
        return Ok(answer);
    }
    if let Some((at, _)) = slice.find(|it| matches!(it, '=' | '~')) {
        let detail = "text stands before the first `=` or `~`";
        return Err(Refusal::new(Reason::MalformedAnswer, detail).at(slice.skip(at).line()));
    }
    Ok(Answers::Word(word(slice.line(), slice, true, None, format)?))
}

/// Each `=` or `~` with what follows it.
fn pieces(mut rest: Slice<'_>) -> Vec<(char, Slice<'_>)> {
    let mut pieces = Vec::new();
    while let Some(mark) = rest.text().chars().next() {
        let inner = rest.skip(1);
        let end = inner.find(|it| matches!(it, '=' | '~')).map(|(at, _)| at);
        let end = end.unwrap_or(inner.text().len());
        pieces.push((mark, inner.cut(end)));
        rest = inner.skip(end);
    }
    pieces
}

/// The pairs, if all of the answers are pairs.
fn matching(pieces: &[(char, Slice<'_>)], format: Format) -> Option<Vec<Pair>> {
    let pair = |(mark, piece): &(char, Slice<'_>)| {
        let arrow = piece.text().find("->")?;
        let right = scan::plain(piece.skip(arrow + 2).text());
        let is_pair = *mark == '=' && !right.is_empty() && piece.find(|it| it == '#').is_none();
        is_pair.then(|| Pair {
            line: piece.line(),
            left: scan::text(piece.cut(arrow), format),
            right,
        })
    };
    pieces.iter().map(pair).collect()
}

fn choice((mark, piece): (char, Slice<'_>), format: Format) -> Result<Choice, Refusal> {
    let line = piece.line();
    let (weight, piece) = weight(piece.trim_start())?;
    word(line, piece, mark == '=', weight, format)
}

/// An answer with its feedback.
fn word(
    line: u32,
    piece: Slice<'_>,
    is_right: bool,
    weight: Option<Decimal>,
    format: Format,
) -> Result<Choice, Refusal> {
    let (answer, feedback) = with_feedback(piece, format);
    let text = scan::text(answer, format);
    if text.text.is_empty() {
        return Err(Refusal::new(Reason::EmptyText, "an answer has no text").at(line));
    }
    Ok(Choice { line, is_right, weight, text, feedback })
}

fn with_feedback(piece: Slice<'_>, format: Format) -> (Slice<'_>, Option<Text>) {
    match piece.find(|it| it == '#') {
        Some((at, _)) => (piece.cut(at), optional_text(piece.skip(at + 1), format)),
        None => (piece, None),
    }
}

fn optional_text(slice: Slice<'_>, format: Format) -> Option<Text> {
    let text = scan::text(slice, format);
    (!text.text.is_empty()).then_some(text)
}

/// `%50%` before an answer. Something else between percent signs is text.
fn weight(piece: Slice<'_>) -> Result<(Option<Decimal>, Slice<'_>), Refusal> {
    let weight = piece.text().strip_prefix('%').and_then(|rest| {
        let end = rest.find('%')?;
        Some((end, number::read(rest[..end].trim())?.0))
    });
    let Some((end, weight)) = weight else { return Ok((None, piece)) };
    if percent::basis_points(weight).is_none() {
        let detail = format!("a weight is −100 to 100 percent, not {weight}");
        return Err(Refusal::new(Reason::WeightOutOfRange, detail).at(piece.line()));
    }
    Ok((Some(weight), piece.skip(end + 2).trim_start()))
}

fn true_or_false(slice: Slice<'_>, format: Format) -> Option<Answers> {
    let (answer, feedback) = match slice.find(|it| it == '#') {
        Some((at, _)) => (slice.cut(at), Some(slice.skip(at + 1))),
        None => (slice, None),
    };
    let is_true = match answer.text().trim() {
        "T" | "TRUE" => true,
        "F" | "FALSE" => false,
        _ => return None,
    };
    let feedback = feedback.map_or([None, None], |both| match both.find(|it| it == '#') {
        Some((at, _)) => {
            [optional_text(both.cut(at), format), optional_text(both.skip(at + 1), format)]
        }
        None => [optional_text(both, format), None],
    });
    Some(Answers::TrueFalse { is_true, feedback })
}

fn numerical(slice: Slice<'_>, format: Format) -> Result<Answers, Refusal> {
    if !slice.text().starts_with(['=', '~']) {
        let (answer, feedback) = with_feedback(slice, format);
        let (number, rounded) = number(answer)?;
        let Some(number) = number else {
            return Err(Refusal::new(Reason::BadNumber, "a number is missing").at(slice.line()));
        };
        if feedback.is_none() && rounded.is_empty() {
            return Ok(Answers::Number(number));
        }
        let (line, number) = (slice.line(), Some(number));
        let choice = NumberChoice { line, is_right: true, weight: None, number, rounded, feedback };
        return Ok(Answers::Numbers(vec![choice]));
    }
    let choice = |(mark, piece): (char, Slice<'_>)| {
        let line = piece.line();
        let (weight, piece) = weight(piece.trim_start())?;
        let (answer, feedback) = with_feedback(piece, format);
        let (number, rounded) = number(answer)?;
        Ok(NumberChoice { line, is_right: mark == '=', weight, number, rounded, feedback })
    };
    Ok(Answers::Numbers(pieces(slice).into_iter().map(choice).collect::<Result<_, Refusal>>()?))
}

/// A number, a number and its tolerance, or a range; nothing and `*` stand for any other. Also what had
/// to be rounded, as written.
fn number(slice: Slice<'_>) -> Result<(Option<Number>, Vec<String>), Refusal> {
    let text = slice.text().trim();
    let mut rounded = Vec::new();
    if text.is_empty() || text == "*" {
        return Ok((None, rounded));
    }
    let mut decimal = |text: &str| match number::read(text.trim()) {
        Some((number, is_rounded)) => {
            if is_rounded {
                rounded.push(text.trim().to_owned());
            }
            Ok(number)
        }
        None => {
            let detail = format!("`{text}` is not a number that a quiz can hold");
            Err(Refusal::new(Reason::BadNumber, detail).at(slice.trim_start().line()))
        }
    };
    let number = if let Some((low, high)) = text.split_once("..") {
        Number::Range(decimal(low)?, decimal(high)?)
    } else if let Some((number, tolerance)) = text.split_once(':') {
        Number::Tolerance(decimal(number)?, decimal(tolerance)?)
    } else {
        Number::Exact(decimal(text)?)
    };
    Ok((Some(number), rounded))
}
