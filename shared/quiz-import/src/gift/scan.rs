//! Escapes, slices that know their line, braces.

use super::{Format, Text};
use crate::{Reason, Refusal};

/// The characters that a backslash escapes; `\n` is a line break.
const ESCAPABLE: [char; 8] = ['\\', ':', '#', '=', '{', '}', '~', 'n'];

/// The lines of a question as one text, which knows where they begin.
pub(super) struct Source {
    text: String,
    /// Offset and number of each line.
    starts: Vec<(usize, u32)>,
}

impl Source {
    pub(super) fn of(lines: &[(u32, &str)]) -> Self {
        let (mut text, mut starts) = (String::new(), Vec::new());
        for (number, line) in lines {
            if !starts.is_empty() {
                text.push('\n');
            }
            starts.push((text.len(), *number));
            text.push_str(line);
        }
        Self { text, starts }
    }

    pub(super) fn all(&self) -> Slice<'_> {
        Slice { source: self, start: 0, end: self.text.len() }
    }
}

/// A part of a question.
#[derive(Clone, Copy)]
pub(super) struct Slice<'a> {
    source: &'a Source,
    start: usize,
    end: usize,
}

impl<'a> Slice<'a> {
    pub(super) fn text(self) -> &'a str {
        &self.source.text[self.start..self.end]
    }

    /// The number of the line in which it begins.
    pub(super) fn line(self) -> u32 {
        let after = self.source.starts.partition_point(|(offset, _)| *offset <= self.start);
        self.source.starts.get(after.saturating_sub(1)).map_or(1, |(_, line)| *line)
    }

    pub(super) fn skip(self, bytes: usize) -> Self {
        Self { start: (self.start + bytes).min(self.end), ..self }
    }

    pub(super) fn cut(self, bytes: usize) -> Self {
        Self { end: (self.start + bytes).min(self.end), ..self }
    }

    pub(super) fn trim_start(self) -> Self {
        self.skip(self.text().len() - self.text().trim_start().len())
    }

    pub(super) fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The unescaped characters that `wanted` picks, with their offsets.
    pub(super) fn find(self, wanted: impl Fn(char) -> bool) -> Option<(usize, char)> {
        unescaped(self.text()).find(|(_, it)| wanted(*it))
    }

    /// The offset of the first unescaped `####`.
    pub(super) fn find_global(self) -> Option<usize> {
        let text = self.text();
        unescaped(text).find(|(at, _)| text[*at..].starts_with("####")).map(|(at, _)| at)
    }
}

/// The characters that no backslash escapes.
fn unescaped(text: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    let mut characters = text.char_indices().peekable();
    std::iter::from_fn(move || {
        loop {
            let (at, character) = characters.next()?;
            let is_escape = character == '\\'
                && characters.next_if(|(_, next)| ESCAPABLE.contains(next)).is_some();
            if !is_escape {
                return Some((at, character));
            }
        }
    })
}

/// Where the `::` stands that ends a title.
pub(super) fn find_title_end(text: &str) -> Option<usize> {
    unescaped(text).find(|(at, _)| text[*at..].starts_with("::")).map(|(at, _)| at)
}

pub(super) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let escaped = match character {
            '\\' => characters.next_if(|next| ESCAPABLE.contains(next)),
            _ => None,
        };
        plain.push(match escaped {
            Some('n') => '\n',
            Some(escaped) => escaped,
            None => character,
        });
    }
    plain
}

/// A text with its format, or with the inherited one.
pub(super) fn text(slice: Slice<'_>, inherited: Format) -> Text {
    let raw = slice.text().trim_start();
    let (format, raw) = [
        ("[html]", Format::Html),
        ("[markdown]", Format::Markdown),
        ("[plain]", Format::Plain),
        ("[moodle]", Format::Moodle),
    ]
    .into_iter()
    .find_map(|(tag, format)| Some((format, raw.strip_prefix(tag)?)))
    .unwrap_or((inherited, raw));
    let raw = raw.trim();
    let text = match format {
        Format::Html | Format::Markdown => unescape(raw),
        Format::Moodle | Format::Plain => plain(raw),
    };
    Text { format, text }
}

/// A text in which line breaks and runs of spaces are one space, unless they are escaped.
pub(super) fn plain(raw: &str) -> String {
    let (mut joined, mut spaces) = (String::with_capacity(raw.len()), String::new());
    for character in raw.trim().chars() {
        if character.is_whitespace() {
            spaces.push(if character == '\n' { ' ' } else { character });
            continue;
        }
        let is_run = spaces.chars().nth(1).is_some();
        joined.push_str(if is_run { " " } else { &spaces });
        spaces.clear();
        joined.push(character);
    }
    unescape(&joined)
}

/// A question around its braces.
pub(super) struct Braces<'a> {
    pub(super) before: Slice<'a>,
    pub(super) inside: Slice<'a>,
    pub(super) after: Slice<'a>,
    /// Of the opening one.
    pub(super) line: u32,
}

/// The braces of a question, or nothing in a description.
pub(super) fn braces(slice: Slice<'_>) -> Result<Option<Braces<'_>>, Refusal> {
    let is_brace = |it| it == '{' || it == '}';
    let fault = |reason, at: Slice<'_>, detail| Err(Refusal::new(reason, detail).at(at.line()));
    let Some((open, brace)) = slice.find(is_brace) else { return Ok(None) };
    let (before, rest) = (slice.cut(open), slice.skip(open + 1));
    let opening = slice.skip(open);
    if brace == '}' {
        return fault(Reason::UnopenedBrace, opening, "a brace closes that none has opened");
    }
    let (inside, after) = match rest.find(is_brace) {
        Some((close, '}')) => (rest.cut(close), rest.skip(close + 1)),
        Some((inner, _)) => {
            let detail = "a brace opens within the answers; a literal one is written `\\{`";
            return fault(Reason::NestedBrace, rest.skip(inner), detail);
        }
        None => {
            let detail = "the brace that opens here is not closed before the next blank line";
            return fault(Reason::UnclosedBrace, opening, detail);
        }
    };
    match after.find(is_brace) {
        None => Ok(Some(Braces { before, inside, after, line: opening.line() })),
        Some((at, '}')) => {
            fault(Reason::UnopenedBrace, after.skip(at), "a brace closes that none has opened")
        }
        Some((at, _)) => {
            let detail = "a question has one pair of braces; blank lines separate questions";
            fault(Reason::SecondAnswers, after.skip(at), detail)
        }
    }
}
