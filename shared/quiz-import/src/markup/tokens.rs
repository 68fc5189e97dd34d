//! HTML as tags and text. What is no element of HTML, such as `<String>`, is text.

use super::entities;

pub(super) enum Token {
    /// Decoded.
    Text(String),
    Open {
        name: String,
        attributes: Vec<(String, String)>,
    },
    Close {
        name: String,
    },
    Comment,
    /// The content of an element that is dropped with it.
    Opaque,
}

/// Elements whose content is no text, and dropped with them.
const OPAQUE: [&str; 14] = [
    "script", "style", "svg", "math", "iframe", "object", "template", "noscript", "title", "head",
    "textarea", "select", "video", "audio",
];

#[rustfmt::skip]
const ELEMENTS: [&str; 121] = [
    "a", "abbr", "acronym", "address", "applet", "area", "article", "aside", "audio", "b", "base",
    "basefont", "bdi", "bdo", "big", "blink", "blockquote", "body", "br", "button", "canvas",
    "caption", "center", "cite", "code", "col", "colgroup", "data", "datalist", "dd", "del",
    "details", "dfn", "dialog", "dir", "div", "dl", "dt", "em", "embed", "fieldset", "figcaption",
    "figure", "font", "footer", "form", "frame", "frameset", "h1", "h2", "h3", "h4", "h5", "h6",
    "head", "header", "hr", "html", "i", "iframe", "img", "image", "input", "ins", "kbd", "label",
    "legend", "li", "link", "main", "map", "mark", "marquee", "math", "menu", "meta", "meter", "nav",
    "nobr", "noscript", "object", "ol", "optgroup", "option", "output", "p", "param", "picture",
    "pre", "progress", "q", "s", "samp", "script", "section", "select", "small", "source", "span",
    "strike", "strong", "style", "sub", "summary", "sup", "svg", "table", "tbody", "td", "template",
    "textarea", "tfoot", "th", "thead", "title", "tr", "tt", "u", "ul", "var", "video",
];

/// More attributes of a tag take the rest of the text with them.
const MAX_ATTRIBUTES: usize = 64;

pub(super) fn is_opaque(name: &str) -> bool {
    OPAQUE.contains(&name)
}

pub(super) struct Tokens<'a> {
    rest: &'a str,
    opaque: Option<String>,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { rest: text, opaque: None }
    }

    fn text(&mut self, end: usize) -> Token {
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        Token::Text(entities::decode(text))
    }

    /// The content of an element that is dropped with it.
    fn opaque(&mut self, name: &str) -> Token {
        let close = format!("</{name}");
        let end = find_ignoring_case(self.rest, &close).unwrap_or(self.rest.len());
        self.rest = &self.rest[end..];
        Token::Opaque
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        if self.rest.is_empty() {
            return None;
        }
        if let Some(name) = self.opaque.take() {
            return Some(self.opaque(&name));
        }
        let mut from = 0;
        while let Some(at) = self.rest[from..].find('<').map(|at| from + at) {
            if let Some((token, width)) = tag(&self.rest[at..]) {
                if at > 0 {
                    return Some(self.text(at));
                }
                self.rest = &self.rest[width..];
                if let Token::Open { name, .. } = &token
                    && is_opaque(name)
                {
                    self.opaque = Some(name.clone());
                }
                return Some(token);
            }
            from = at + 1;
        }
        Some(self.text(self.rest.len()))
    }
}

/// The tag at the start of a text that begins with `<`, and its width in bytes.
pub(super) fn tag(text: &str) -> Option<(Token, usize)> {
    if let Some(comment) = text.strip_prefix("<!--") {
        let width = comment.find("-->").map_or(text.len(), |at| at + 7);
        return Some((Token::Comment, width));
    }
    if text.starts_with("<!") || text.starts_with("<?") {
        return Some((Token::Comment, text.find('>').map_or(text.len(), |at| at + 1)));
    }
    let body = text.strip_prefix("</").or_else(|| text.strip_prefix('<'))?;
    let is_close = text.starts_with("</");
    let end = body.find(|it: char| !it.is_ascii_alphanumeric()).unwrap_or(body.len());
    let name = body[..end].to_ascii_lowercase();
    // An unknown name with a hyphen or a colon would be an element to a browser.
    let is_foreign = name.starts_with(|it: char| it.is_ascii_alphabetic())
        && body[end..].starts_with(['-', ':']);
    if !ELEMENTS.contains(&name.as_str()) && !is_foreign {
        return None;
    }
    let (attributes, rest) = attributes(&body[end..]);
    let width = text.len() - rest.len();
    let token = if is_close { Token::Close { name } } else { Token::Open { name, attributes } };
    Some((token, width))
}

/// The attributes of a tag, and what follows its `>`. A tag that is not closed takes the rest.
fn attributes(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches(|it: char| it.is_whitespace() || it == '/');
        if let Some(after) = rest.strip_prefix('>') {
            return (found, after);
        }
        let end = rest.find(|it: char| it.is_whitespace() || matches!(it, '=' | '>' | '/'));
        let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
        if (name.is_empty() && after.is_empty()) || found.len() == MAX_ATTRIBUTES {
            return (found, "");
        }
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('=') {
            Some(value) => attribute_value(value.trim_start()),
            None => ("", after),
        };
        found.push((name.to_ascii_lowercase(), entities::decode(value)));
        rest = after;
    }
}

fn attribute_value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner.split_once(quote).unwrap_or((inner, ""));
        }
    }
    let end = text.find(|it: char| it.is_whitespace() || it == '>').unwrap_or(text.len());
    text.split_at(end)
}

fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
    text.windows(wanted.len()).position(|window| window.eq_ignore_ascii_case(wanted))
}
