//! Moodle XML: the six kinds of questions that quizzes have, too.

mod questions;
mod tree;

use crate::{
    raw::RawEntry,
    report::{Reason, Refusal},
};

/// Reads a file.
pub(crate) fn parse(text: &str) -> Result<Vec<RawEntry>, Refusal> {
    let root = tree::read(text)?;
    if root.name != "quiz" {
        let detail = format!("the file must be a <quiz> and is a <{}>", root.name);
        return Err(Refusal::new(Reason::MalformedXml, detail).at(root.line));
    }
    root.children.iter().map(questions::entry).collect()
}
