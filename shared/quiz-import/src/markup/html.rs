//! HTML as markup of the safe subset, or as plain text.

use super::{
    Cleaned, KEPT_TEXT, NO_IMAGE, NO_LINK, escape, file_name, is_forbidden, link,
    tokens::{Token, Tokens, is_opaque},
};
use crate::report::Cause;

/// The deepest list.
const MAX_LISTS: usize = 4;

/// What a line break in HTML means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Newlines {
    /// A space, as in HTML.
    Spaces,
    /// A line break, as in Moodle's own format.
    Breaks,
}

/// HTML as markup.
pub(crate) fn to_markup(html: &str, newlines: Newlines) -> Cleaned {
    Writer::new(true, newlines).write(html)
}

/// HTML as text without markup, on one line.
pub(crate) fn to_plain(html: &str) -> Cleaned {
    Writer::new(false, Newlines::Spaces).write(html)
}

/// What stands between the last text and the next one.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Gap {
    Nothing,
    Space,
    Break,
    Item,
    Paragraph,
}

#[derive(PartialEq)]
struct Mark {
    element: String,
    open: &'static str,
    close: String,
    is_written: bool,
}

struct Writer {
    cleaned: Cleaned,
    is_markup: bool,
    newlines: Newlines,
    gap: Gap,
    marks: Vec<Mark>,
    /// The next number of each open list, or nothing for bullets.
    lists: Vec<Option<u32>>,
    /// The text of an open `code` or `pre`.
    code: Option<(String, String)>,
    attributes: Vec<String>,
}

impl Writer {
    fn new(is_markup: bool, newlines: Newlines) -> Self {
        Self {
            cleaned: Cleaned::default(),
            is_markup,
            newlines,
            gap: Gap::Nothing,
            marks: Vec::new(),
            lists: Vec::new(),
            code: None,
            attributes: Vec::new(),
        }
    }

    fn write(mut self, html: &str) -> Cleaned {
        let html = html.replace("\r\n", "\n").replace('\r', "\n");
        for token in Tokens::of(&html) {
            match token {
                Token::Text(text) => self.text(&text),
                Token::Comment => {
                    self.cleaned.drop("comment", Cause::UnsafeMarkup, "comments are not imported");
                }
                Token::Opaque => {}
                Token::Open { name, attributes } => self.open(&name, &attributes),
                Token::Close { name } => self.close(&name),
            }
        }
        self.end_code();
        self.close_marks(0);
        if !self.attributes.is_empty() {
            let element = format!("attributes {}", self.attributes.join(", "));
            self.cleaned.drop(
                element,
                Cause::UnsafeMarkup,
                "styles and other attributes are dropped",
            );
        }
        self.cleaned.text.truncate(self.cleaned.text.trim_end().len());
        if self.is_markup {
            // What two elements hold side by side may mean something together.
            let checked = super::sanitise(&self.cleaned.text);
            self.cleaned.text = checked.text;
            self.cleaned.losses.extend(checked.losses);
        }
        self.cleaned
    }

    fn text(&mut self, text: &str) {
        let text = text.chars().filter(|it| !is_forbidden(*it) && *it != '\r');
        if let Some((_, code)) = &mut self.code {
            code.extend(text);
            return;
        }
        let mut word = String::new();
        for character in text {
            let is_break = character == '\n' && self.newlines == Newlines::Breaks;
            if !character.is_whitespace() {
                word.push(character);
                continue;
            }
            self.words(&mut word, false);
            self.separate(if is_break { Gap::Break } else { Gap::Space });
        }
        self.words(&mut word, true);
    }

    /// Writes what was gathered between two spaces, or up to a tag.
    fn words(&mut self, word: &mut String, is_before_tag: bool) {
        if word.is_empty() {
            return;
        }
        let opens = self.flush();
        let text = std::mem::take(word);
        if self.is_markup {
            let escaped = escape::escape(&text, opens);
            match escaped.strip_suffix('<').filter(|_| is_before_tag) {
                Some(escaped) => self.cleaned.text.push_str(&format!("{escaped}&lt;")),
                None => self.cleaned.text.push_str(&escaped),
            }
        } else {
            self.cleaned.text.push_str(&text);
        }
    }

    fn separate(&mut self, gap: Gap) {
        if gap > self.gap {
            self.gap = gap;
        }
    }

    /// Writes the gap and the marks that are due, and says whether a line begins.
    fn flush(&mut self) -> bool {
        let indent: usize = self.lists.len().saturating_sub(1) * 3;
        let gap = std::mem::replace(&mut self.gap, Gap::Nothing);
        let is_first = self.cleaned.text.is_empty();
        let out = &mut self.cleaned.text;
        let mut opens = is_first;
        if !self.is_markup {
            if !is_first && gap != Gap::Nothing {
                out.push(' ');
            }
            return opens;
        }
        match gap {
            Gap::Nothing => {}
            _ if is_first && gap != Gap::Item => {}
            Gap::Space => out.push(' '),
            Gap::Break | Gap::Paragraph if !self.lists.is_empty() => {
                out.push_str("  \n");
                out.push_str(&" ".repeat(indent + 3));
                opens = true;
            }
            Gap::Break => {
                out.push_str("  \n");
                opens = true;
            }
            Gap::Paragraph => {
                out.push_str("\n\n");
                opens = true;
            }
            Gap::Item => {
                if !is_first {
                    out.push_str(if self.lists.len() > 1 || out_is_item(out) {
                        "\n"
                    } else {
                        "\n\n"
                    });
                }
                out.push_str(&" ".repeat(indent));
                match self.lists.last_mut() {
                    Some(Some(number)) => {
                        out.push_str(&format!("{number}. "));
                        *number += 1;
                    }
                    _ => out.push_str("-  "),
                }
                opens = true;
            }
        }
        for mark in &mut self.marks {
            if !mark.is_written {
                mark.is_written = true;
                if mark.open == "[" && out.ends_with('!') {
                    // Not an image.
                    out.truncate(out.len() - 1);
                    out.push_str("\\!");
                }
                out.push_str(mark.open);
                opens = opens && mark.open.is_empty();
            }
        }
        opens
    }

    fn open(&mut self, name: &str, attributes: &[(String, String)]) {
        let value = |wanted: &str| {
            attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
        };
        if !matches!(name, "img" | "image" | "a" | "object" | "iframe" | "embed") {
            for (name, _) in attributes {
                if !self.attributes.contains(name) && self.attributes.len() < 20 {
                    self.attributes.push(name.chars().take(40).collect());
                }
            }
        }
        if let Some((_, code)) = &mut self.code {
            if name == "br" {
                code.push('\n');
            }
            return;
        }
        match name {
            "p" | "div" | "blockquote" | "section" | "article" | "table" | "dl" | "figure" => {
                self.block(Gap::Paragraph);
                if matches!(name, "blockquote" | "table" | "dl") {
                    self.cleaned.change(format!("<{name}>"), KEPT_TEXT);
                }
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.block(Gap::Paragraph);
                self.cleaned.change(format!("<{name}>"), "a heading became a line of strong text");
                self.mark(name, "**", "**");
            }
            "br" => self.block(Gap::Break),
            "tr" | "dt" | "dd" => self.block(Gap::Break),
            "td" | "th" => self.separate(Gap::Space),
            "ul" | "ol" if self.lists.len() < MAX_LISTS => {
                self.close_all_marks();
                self.lists.push((name == "ol").then_some(1));
            }
            "ul" | "ol" => self.cleaned.change(format!("<{name}>"), "lists nest four levels deep"),
            "li" if !self.lists.is_empty() => self.block(Gap::Item),
            "li" => self.block(Gap::Break),
            "b" | "strong" => self.mark(name, "**", "**"),
            "i" | "em" => self.mark(name, "*", "*"),
            "code" | "pre" | "tt" | "kbd" | "samp" => {
                self.code = Some((name.to_owned(), String::new()));
            }
            "a" => match value("href").and_then(link::safe) {
                Some(address) => self.mark(name, "[", &format!("]({address})")),
                None => {
                    if let Some(address) = value("href") {
                        self.cleaned.drop(
                            format!("link {}", short(address)),
                            Cause::UnsafeLink,
                            NO_LINK,
                        );
                    }
                    self.mark(name, "", "");
                }
            },
            "img" | "image" | "embed" | "video" | "audio" | "object" | "iframe" | "source" => {
                let source = value("src").or_else(|| value("data")).unwrap_or_default();
                let kind = if matches!(name, "img" | "image") { "image" } else { name };
                self.cleaned.drop(
                    format!("{kind} {}", short(file_name(source))),
                    Cause::EmbeddedFile,
                    NO_IMAGE,
                );
            }
            "html" | "body" | "tbody" | "thead" | "tfoot" => {}
            _ if is_opaque(name) => self.cleaned.drop(
                format!("<{name}>"),
                Cause::UnsafeMarkup,
                "the tag was dropped with its content",
            ),
            "hr" => {
                self.block(Gap::Paragraph);
                self.cleaned.drop("<hr>", Cause::UnsafeMarkup, "rules are dropped");
            }
            _ => self.cleaned.drop(format!("<{name}>"), Cause::UnsafeMarkup, KEPT_TEXT),
        }
    }

    fn close(&mut self, name: &str) {
        if let Some((open, _)) = &self.code {
            if open == name {
                self.end_code();
            }
            return;
        }
        match name {
            "ul" | "ol" => {
                self.close_all_marks();
                self.lists.pop();
                self.gap = if self.lists.is_empty() { Gap::Paragraph } else { Gap::Nothing };
            }
            "p" | "div" | "blockquote" | "section" | "article" | "table" | "dl" | "figure" => {
                self.block(Gap::Paragraph);
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.end_mark(name);
                self.block(Gap::Paragraph);
            }
            "td" | "th" => self.separate(Gap::Space),
            _ => self.end_mark(name),
        }
    }

    /// A block ends: marks are closed, and opened again in the next one.
    fn block(&mut self, gap: Gap) {
        self.close_all_marks();
        self.separate(gap);
    }

    fn mark(&mut self, name: &str, open: &'static str, close: &str) {
        // A mark in itself, and a link in a link, mean nothing.
        let is_open = self.marks.iter().any(|mark| mark.open == open);
        let (open, close) = if is_open || !self.is_markup { ("", "") } else { (open, close) };
        if self.marks.len() < 64 {
            self.marks.push(Mark {
                element: name.to_owned(),
                open,
                close: close.to_owned(),
                is_written: false,
            });
        }
    }

    fn end_mark(&mut self, name: &str) {
        if let Some(at) = self.marks.iter().rposition(|mark| mark.element == name) {
            self.close_marks(at);
            self.marks.remove(at);
        }
    }

    fn close_all_marks(&mut self) {
        self.close_marks(0);
    }

    /// Closes the marks from this one on; those within are opened again by the next text.
    fn close_marks(&mut self, from: usize) {
        for mark in self.marks.iter_mut().skip(from).rev() {
            if mark.is_written {
                mark.is_written = false;
                self.cleaned.text.push_str(&mark.close);
            }
        }
    }

    fn end_code(&mut self) {
        let Some((element, code)) = self.code.take() else { return };
        if !self.is_markup {
            self.text(&code);
        } else if element == "pre" {
            self.code_block(&code);
        } else {
            let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
            if !code.is_empty() {
                self.flush();
                self.cleaned.text.push_str(&span(&code));
            }
        }
    }

    fn code_block(&mut self, code: &str) {
        let code = code.trim_matches('\n');
        if code.trim().is_empty() {
            return;
        }
        // A block of code begins at the start of its line, so lists end before it.
        self.close_all_marks();
        self.lists.clear();
        let fence = "`".repeat(longest_run(code).max(2) + 1);
        let out = &mut self.cleaned.text;
        if !out.is_empty() {
            out.push_str("\n\n");
        }
        out.push_str(&format!("{fence}\n{code}\n{fence}"));
        self.gap = Gap::Paragraph;
    }
}

/// Whether the last line is of a list.
fn out_is_item(out: &str) -> bool {
    let last = out.rsplit('\n').next().unwrap_or(out).trim_start();
    let digits = last.bytes().take_while(u8::is_ascii_digit).count();
    last.starts_with("-  ") || (digits > 0 && last[digits..].starts_with(". "))
}

/// A code span of this text.
pub(super) fn span(code: &str) -> String {
    let ticks = "`".repeat(longest_run(code) + 1);
    let pad = if code.starts_with('`') || code.ends_with('`') { " " } else { "" };
    format!("{ticks}{pad}{code}{pad}{ticks}")
}

pub(super) fn longest_run(code: &str) -> usize {
    code.split(|it| it != '`').map(str::len).max().unwrap_or(0)
}

pub(crate) fn short(text: &str) -> String {
    let mut short: String = text.chars().filter(|it| !is_forbidden(*it)).take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
