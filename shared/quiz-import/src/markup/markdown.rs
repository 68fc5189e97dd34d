//! Markdown, cut down to the safe subset.

use super::{
    Cleaned, KEPT_TEXT, NO_IMAGE, NO_LINK, escape, file_name,
    html::{longest_run, short},
    is_forbidden, link,
    tokens::{Token, is_opaque, tag},
};
use crate::report::{Action, Cause};

/// How often a text is read until nothing changes. Each pass drops or escapes something.
const MAX_PASSES: usize = 16;

/// The longest text that is read as Markdown, in bytes. A quiz has no such text, so it matters only that
/// it takes no long time.
const MAX_BYTES: usize = 32_000;

/// How many characters of a line are searched for letters before a bracket.
const MAX_MARKS: usize = 64;

/// How far the end of a link is looked for, in bytes.
const MAX_DESTINATION: usize = 2_000;

/// A text of Markdown as one of the safe subset, with all that this dropped or changed.
///
/// It works on the text, not on a tree, so that a text of the subset comes back unchanged. Where readers
/// of Markdown disagree (spans over several lines, fences within lists), the text is made such that all of
/// them see the same.
#[must_use]
pub fn sanitise(text: &str) -> Cleaned {
    if text.len() > MAX_BYTES {
        let mut cleaned = Cleaned { text: escape::from_plain(text), losses: Vec::new() };
        cleaned.change("markup", "a text of this length is taken as plain");
        return cleaned;
    }
    let mut cleaned = pass(text);
    // Where something was dropped, its neighbours may mean something new.
    for _ in 0..MAX_PASSES {
        let next = pass(&cleaned.text);
        if next.text == cleaned.text {
            return cleaned;
        }
        cleaned.text = next.text;
        for loss in next.losses {
            cleaned.lose(loss.element, loss.action, loss.reason, loss.detail);
        }
    }
    // Only a text that is made to outlast the passes comes here.
    cleaned.text = escape::from_plain(&cleaned.text);
    cleaned
}

fn pass(text: &str) -> Cleaned {
    let mut sanitiser = Sanitiser::default();
    let mut text = text.replace("\r\n", "\n").replace('\r', "\n");
    if text.contains(is_forbidden) {
        text.retain(|it| !is_forbidden(it));
        sanitiser.cleaned.drop("control characters", Cause::UnsafeMarkup, "they are no text");
    }
    let mut lines = text.split('\n');
    let mut is_first = true;
    while let Some(line) = lines.next() {
        let before = sanitiser.cleaned.text.len();
        if !is_first {
            sanitiser.cleaned.text.push('\n');
        }
        let is_kept = match fence(line) {
            Some(fence) if sanitiser.until.is_none() => {
                sanitiser.code_block(&fence, &mut lines);
                true
            }
            _ => sanitiser.line(line),
        };
        if is_kept {
            is_first = false;
        } else {
            sanitiser.cleaned.text.truncate(before);
        }
    }
    sanitiser.cleaned
}

#[derive(Default)]
struct Sanitiser {
    cleaned: Cleaned,
    /// What ends the comment or element that is being dropped.
    until: Option<String>,
    /// Each `[` that is not closed.
    brackets: Vec<Bracket>,
    /// Where the present line begins in what was written.
    line_start: usize,
}

struct Bracket {
    /// Where it stands in what was written.
    at: usize,
    begins_line: bool,
    /// Whether it begins with `!`.
    is_image: bool,
}

/// The opening line of a block of code.
struct Fence<'a> {
    indent: usize,
    mark: char,
    length: usize,
    info: &'a str,
}

fn fence(line: &str) -> Option<Fence<'_>> {
    let body = line.trim_start_matches(' ');
    let mark = body.chars().next().filter(|it| matches!(it, '`' | '~'))?;
    let info = body.trim_start_matches(mark);
    let length = body.len() - info.len();
    let is_fence = length >= 3 && !info.contains('`');
    is_fence.then(|| Fence { indent: line.len() - body.len(), mark, length, info: info.trim() })
}

impl Sanitiser {
    /// A block of code, moved to the start of its lines.
    fn code_block<'a>(&mut self, fence: &Fence<'_>, lines: &mut impl Iterator<Item = &'a str>) {
        let mut code: Vec<&str> = Vec::new();
        for line in lines {
            let body = line.trim();
            if body.len() >= fence.length && body.chars().all(|it| it == fence.mark) {
                break;
            }
            let spaces = line.len() - line.trim_start_matches(' ').len();
            code.push(&line[spaces.min(fence.indent)..]);
        }
        let longest = code.iter().map(|line| longest_run(line)).max().unwrap_or(0);
        let kept = if fence.mark == '`' { fence.length } else { 3 };
        let ticks = "`".repeat(kept.max(longest + 1));
        let language: String = fence.info.chars().take_while(|it| it.is_alphanumeric()).collect();
        let out = &mut self.cleaned.text;
        out.push_str(&format!("{ticks}{language}"));
        for line in code {
            out.push('\n');
            out.push_str(line);
        }
        out.push_str(&format!("\n{ticks}"));
        self.brackets.clear();
    }

    /// A line outside of code; `false` if nothing of it is left.
    fn line(&mut self, line: &str) -> bool {
        let mut line = line;
        if let Some(until) = &self.until {
            let Some(rest) = after(line, until) else { return false };
            line = rest;
            self.until = None;
        }
        while let Some(quoted) = line.trim_start().strip_prefix('>') {
            self.cleaned.change(">", "a quotation became a paragraph");
            line = quoted.strip_prefix(' ').unwrap_or(quoted);
        }
        if line.trim().is_empty() {
            self.brackets.clear();
            self.cleaned.text.push_str(line.trim());
            return true;
        }
        if is_rule(line) {
            self.cleaned.drop(short(line.trim()), Cause::UnsafeMarkup, "rules are dropped");
            return false;
        }
        let body = line.trim_start();
        let marks = body.len() - body.trim_start_matches('#').len();
        let is_heading = (1..=6).contains(&marks) && body[marks..].starts_with([' ', '\t']);
        if is_heading {
            self.cleaned.change("#".repeat(marks), "a heading became a line of strong text");
            let heading = body[marks..].trim().trim_end_matches('#').trim_end();
            if heading.contains("**") || heading.is_empty() {
                self.inline(heading);
            } else {
                self.cleaned.text.push_str("**");
                self.inline(heading);
                self.cleaned.text.push_str("**");
            }
        } else {
            self.inline(line);
        }
        true
    }

    /// Whether nothing but marks of lists stands before, as before the definition of a link.
    fn begins_line(&self) -> bool {
        let before = self.cleaned.text.get(self.line_start..).unwrap_or_default();
        !before.chars().take(MAX_MARKS).any(char::is_alphabetic)
    }

    fn inline(&mut self, line: &str) {
        self.line_start = self.cleaned.text.len();
        let mut rest = line;
        while let Some(character) = rest.chars().next() {
            let width = match character {
                '\\' => self.escape(rest),
                '`' => self.span(rest),
                '<' => self.angle(rest),
                '!' | '[' if rest.starts_with("![") || character == '[' => {
                    self.brackets.push(Bracket {
                        at: self.cleaned.text.len(),
                        begins_line: self.begins_line(),
                        is_image: character == '!',
                    });
                    self.copy(rest, if character == '!' { 2 } else { 1 })
                }
                ']' => self.closing_bracket(rest),
                other => self.copy(rest, other.len_utf8()),
            };
            rest = &rest[width.min(rest.len())..];
            if let Some(until) = &self.until {
                let Some(shown) = after(rest, until) else { return };
                rest = shown;
                self.until = None;
            }
        }
    }

    fn copy(&mut self, rest: &str, width: usize) -> usize {
        self.cleaned.text.push_str(&rest[..width]);
        width
    }

    fn escape(&mut self, rest: &str) -> usize {
        let next = rest[1..].chars().next();
        self.copy(rest, if next.is_some_and(|it| it.is_ascii_punctuation()) { 2 } else { 1 })
    }

    /// Code, if it ends on its line; otherwise the ticks are text for every reader.
    fn span(&mut self, rest: &str) -> usize {
        let after = rest.trim_start_matches('`');
        let ticks = rest.len() - after.len();
        let mut at = 0;
        while let Some(found) = after[at..].find('`').map(|found| at + found) {
            let run = after[found..].len() - after[found..].trim_start_matches('`').len();
            if run == ticks {
                return self.copy(rest, ticks + found + run);
            }
            at = found + run;
        }
        self.cleaned.text.push_str(&"\\`".repeat(ticks));
        ticks
    }

    /// What begins with `<`: a link, a tag, or text.
    fn angle(&mut self, rest: &str) -> usize {
        if let Some(address) = autolink(rest) {
            match link::safe(address) {
                Some(safe) => {
                    self.cleaned.change("<https://…>", "the link is written `[text](https://…)`");
                    let text = escape::escape(&safe, false);
                    self.cleaned.text.push_str(&format!("[{text}]({safe})"));
                }
                None => self.cleaned.drop(
                    format!("link {}", short(address)),
                    Cause::UnsafeLink,
                    "only links to https:// are kept",
                ),
            }
            return address.len() + 2;
        }
        let closed = rest.contains('>').then(|| tag(rest)).flatten().filter(|(token, width)| {
            rest[..*width].ends_with('>') || matches!(token, Token::Comment)
        });
        let closed = match closed {
            None if rest.starts_with("<!--") => tag(rest),
            closed => closed,
        };
        if let Some((token, width)) = closed {
            self.tag(&token, &rest[..width]);
            return width;
        }
        if rest[1..].starts_with(escape::opens_tag) {
            self.cleaned.change("<", "`<` before a letter is written `&lt;`");
            self.cleaned.text.push_str("&lt;");
            return 1;
        }
        self.copy(rest, 1)
    }

    fn tag(&mut self, token: &Token, source: &str) {
        let (name, attributes) = match token {
            Token::Open { name, attributes } => (name.as_str(), attributes.as_slice()),
            Token::Close { name } => (name.as_str(), &[][..]),
            _ => {
                self.cleaned.drop("comment", Cause::UnsafeMarkup, "comments are not imported");
                let is_open = source.starts_with("<!--") && !source.ends_with("-->");
                self.until = is_open.then(|| "-->".to_owned());
                return;
            }
        };
        match name {
            "b" | "strong" => self.cleaned.text.push_str("**"),
            "i" | "em" => self.cleaned.text.push('*'),
            "br" => {
                self.cleaned.text.push_str("  \n");
                self.line_start = self.cleaned.text.len();
            }
            "img" | "image" => {
                let source = attributes.iter().find(|(name, _)| name == "src");
                let name = source.map_or("", |(_, value)| file_name(value));
                let element = format!("image {}", short(name));
                self.cleaned.drop(element, Cause::EmbeddedFile, NO_IMAGE);
                return;
            }
            _ if is_opaque(name) && matches!(token, Token::Open { .. }) => {
                let detail = "the tag was dropped with its content";
                self.cleaned.drop(format!("<{name}>"), Cause::UnsafeMarkup, detail);
                self.until = Some(format!("</{name}"));
                return;
            }
            _ => {
                self.cleaned.drop(format!("<{name}>"), Cause::UnsafeMarkup, KEPT_TEXT);
                return;
            }
        }
        self.cleaned.change(format!("<{name}>"), "the tag is written as Markdown");
    }

    fn closing_bracket(&mut self, rest: &str) -> usize {
        let opener = self.brackets.pop();
        match (rest[1..].chars().next(), opener) {
            (Some('('), Some(bracket)) => {
                let Some(target) = destination(&rest[2..]) else {
                    self.cleaned.text.push_str("]\\(");
                    return 2;
                };
                match link::safe(target.address) {
                    _ if bracket.is_image => {
                        self.cleaned.text.truncate(bracket.at);
                        let element = format!("image {}", short(file_name(target.address)));
                        self.cleaned.drop(element, Cause::EmbeddedFile, NO_IMAGE);
                    }
                    Some(safe) => {
                        if target.has_title {
                            let detail = "links have no titles";
                            self.cleaned.drop("title of a link", Cause::UnsafeMarkup, detail);
                        }
                        self.cleaned.text.push_str(&format!("]({safe})"));
                    }
                    None => {
                        self.cleaned.text.remove(bracket.at);
                        let element = format!("link {}", short(target.address));
                        self.cleaned.drop(element, Cause::UnsafeLink, NO_LINK);
                    }
                }
                2 + target.width
            }
            (Some('('), None) => {
                self.cleaned.text.push_str("]\\(");
                2
            }
            (Some(':'), Some(Bracket { begins_line: true, .. })) => {
                let detail = "links stand where they are used";
                self.cleaned.lose("link definition", Action::Changed, Cause::UnsafeLink, detail);
                self.cleaned.text.push_str("]\\:");
                2
            }
            _ => self.copy(rest, 1),
        }
    }
}

/// What follows the end of a comment or element.
fn after<'a>(line: &'a str, until: &str) -> Option<&'a str> {
    let at = line.to_ascii_lowercase().find(until)?;
    let rest = &line[at + until.len()..];
    let is_whole = until.ends_with('>');
    Some(if is_whole { rest } else { rest.split_once('>').map_or("", |(_, rest)| rest) })
}

/// The address of `<scheme:…>`.
fn autolink(text: &str) -> Option<&str> {
    let end = 1 + text[1..].find(|it: char| it.is_whitespace() || matches!(it, '<' | '>'))?;
    let address = text[end..].starts_with('>').then_some(&text[1..end])?;
    let (scheme, _) = address.split_once(':')?;
    let is_scheme = scheme.len() >= 2
        && scheme.starts_with(|it: char| it.is_ascii_alphabetic())
        && scheme.chars().all(|it| it.is_ascii_alphanumeric() || matches!(it, '+' | '.' | '-'));
    is_scheme.then_some(address)
}

struct Target<'a> {
    address: &'a str,
    has_title: bool,
    /// Of all up to the closing parenthesis.
    width: usize,
}

/// What stands between the parentheses of a link, the closing one included.
fn destination(text: &str) -> Option<Target<'_>> {
    let (mut depth, mut quote) = (0_u32, None);
    let mut end = None;
    let text = &text[..text.floor_char_boundary(MAX_DESTINATION)];
    for (at, character) in text.char_indices() {
        match (character, quote) {
            (it, Some(open)) if it == open => quote = None,
            (_, Some(_)) => {}
            ('"', None) if text[..at].ends_with([' ', '\t']) => quote = Some('"'),
            ('(', None) => depth += 1,
            (')', None) if depth > 0 => depth -= 1,
            (')', None) => {
                end = Some(at);
                break;
            }
            _ => {}
        }
    }
    // Without balance, the first one ends it.
    let end = end.or_else(|| text.find(')'))?;
    let inner = text[..end].trim();
    let (address, title) = inner.split_once([' ', '\t']).unwrap_or((inner, ""));
    let address = address.strip_prefix('<').and_then(|it| it.strip_suffix('>')).unwrap_or(address);
    Some(Target { address, has_title: !title.trim().is_empty(), width: end + 1 })
}

/// Whether a line is a rule, or the line under a heading.
fn is_rule(line: &str) -> bool {
    let marks: Vec<char> = line.chars().filter(|it| !it.is_whitespace()).collect();
    let is_of = |mark: char| marks.iter().all(|it| *it == mark);
    let is_solid = line.trim().len() == marks.len();
    (marks.len() >= 3 && ['-', '*', '_'].into_iter().any(is_of))
        || (is_solid && is_of('='))
        || (is_solid && marks.len() == 2 && is_of('-'))
}
