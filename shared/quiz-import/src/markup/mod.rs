//! The markup of quizzes: a small safe subset of Markdown, and what other markup becomes in it.
//!
//! | construct | form |
//! |---|---|
//! | paragraph, line break | a blank line; two spaces at a line's end |
//! | emphasis, strong | `*a*` or `_a_`, `**a**` or `__a__` |
//! | code | `` `a` `` within one line |
//! | code block | lines between two of ```` ``` ````, at the start of their lines |
//! | lists | `- a`, `1. a`, nested by indentation |
//! | link | `[text](https://…)`, nothing but `https` and no title |
//!
//! Outside code, no `<` that could open a tag is left: it becomes `&lt;`. Inside code it stays, as in any
//! Markdown, so whoever shows a text must escape code. There are no images, no raw HTML and no link
//! definitions. A text that is already of this subset is not changed, not even by a character.

mod entities;
mod escape;
mod html;
mod link;
mod markdown;
#[cfg(test)]
mod tests;
mod tokens;

pub use markdown::sanitise;

use crate::report::{Action, Cause, Remark};

pub(crate) use escape::from_plain;
pub(crate) use html::{Newlines, short, to_markup, to_plain};

/// A text of the safe subset, and what is not in it any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// The text.
    pub text: String,
    /// What was dropped or changed, each once.
    pub losses: Vec<Loss>,
}

/// Something of a text that was dropped or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// What was found, such as `image cat.png` or `<span>`.
    pub element: String,
    /// What became of it.
    pub action: Action,
    /// Why.
    pub reason: Cause,
    /// A sentence for whoever wrote the text.
    pub detail: &'static str,
}

impl Cleaned {
    /// Notes a loss, once.
    fn lose(
        &mut self,
        element: impl Into<String>,
        action: Action,
        reason: Cause,
        detail: &'static str,
    ) {
        let loss = Loss { element: element.into(), action, reason, detail };
        if !self.losses.contains(&loss) {
            self.losses.push(loss);
        }
    }

    fn drop(&mut self, element: impl Into<String>, reason: Cause, detail: &'static str) {
        self.lose(element, Action::Dropped, reason, detail);
    }

    fn change(&mut self, element: impl Into<String>, detail: &'static str) {
        self.lose(element, Action::Changed, Cause::UnsafeMarkup, detail);
    }

    /// The text, after its losses are added to the remarks of a line.
    pub(crate) fn note(self, line: u32, remarks: &mut Vec<Remark>) -> String {
        for Loss { element, action, reason, detail } in self.losses {
            let remark = Remark { line, element, action, reason, detail: detail.to_owned() };
            if !remarks.contains(&remark) {
                remarks.push(remark);
            }
        }
        self.text
    }
}

const KEPT_TEXT: &str = "the tag was dropped, its text is kept";
const NO_IMAGE: &str = "embedded files are not imported";
const NO_LINK: &str = "only links to https:// are kept; the link's text is";

/// The last part of a path, as the name of a file.
fn file_name(path: &str) -> &str {
    if path.starts_with("data:") {
        return "data:";
    }
    let path = path.split(['?', '#']).next().unwrap_or(path);
    path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(path)
}

/// Whether a character is one that no text may hold: control characters, but for tab and line break.
fn is_forbidden(character: char) -> bool {
    (character.is_control() && !matches!(character, '\n' | '\t' | '\r')) || character == '\u{feff}'
}
