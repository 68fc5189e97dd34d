//! The blocks of a file: blank lines separate questions, and lines that begin with `//` are comments.

/// The lines between two blank ones, with their numbers from 1.
#[derive(Debug, Default)]
pub(super) struct Block<'a> {
    pub(super) lines: Vec<(u32, &'a str)>,
    pub(super) comments: Vec<&'a str>,
}

/// The blocks that are not empty. Line ends are `\n`, `\r\n` or `\r`, as in Moodle.
pub(super) fn split(text: &str) -> Vec<Block<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut blocks = Vec::new();
    let mut block = Block::default();
    for (number, line) in (1..).zip(lines(text)) {
        let trimmed = line.trim_matches([' ', '\t']);
        if trimmed.is_empty() {
            blocks.push(std::mem::take(&mut block));
        } else if let Some(comment) = trimmed.strip_prefix("//") {
            block.comments.push(comment);
        } else {
            block.lines.push((number, line));
        }
    }
    blocks.push(block);
    blocks.retain(|block| !block.lines.is_empty() || !block.comments.is_empty());
    blocks
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let width = if text[end..].starts_with("\r\n") { 2 } else { 1 };
        rest = Some(&text[end + width..]);
        Some(&text[..end])
    })
}

/// What the comments before a question say of it.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) id: Option<String>,
    pub(super) tags: Vec<String>,
}

impl Notes {
    pub(super) fn add(&mut self, comments: &[&str]) {
        for comment in comments {
            if let Some(id) = marked(comment, "[id:").next() {
                self.id = Some(id.trim().to_owned());
            }
            self.tags.extend(marked(comment, "[tag:").map(str::to_owned));
        }
    }
}

/// The values of `[name:value]` in a comment.
fn marked<'a>(comment: &'a str, open: &'static str) -> impl Iterator<Item = &'a str> {
    comment.split(open).skip(1).filter_map(|rest| {
        let value = &rest[..rest.find(']')?];
        let is_plain = !value.is_empty() && !value.chars().any(|it| it.is_ascii_control());
        is_plain.then_some(value)
    })
}
