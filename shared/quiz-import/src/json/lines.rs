//! The lines of values in a JSON text, by their paths.

use std::collections::{HashMap, HashSet};

use crate::{
    MAX_DEPTH,
    report::{Reason, Refusal},
};

/// An open array or object, and how long the path was before it.
enum Open<'a> {
    Array {
        length: usize,
        /// Of the present element.
        index: usize,
    },
    Object {
        length: usize,
        is_key_next: bool,
        keys: HashSet<&'a str>,
    },
}

/// The lines of the values at these paths, such as `quizzes[0].title`. One pass over the text, whatever
/// their number.
///
/// # Errors
/// [`Reason::TooDeep`], and [`Reason::MalformedJson`] for a field that is given twice, because parsers drop
/// one of them silently. What else is not JSON is not noticed; a parser will.
pub(super) fn of(text: &str, wanted: &HashSet<String>) -> Result<HashMap<String, u32>, Refusal> {
    let mut found = HashMap::new();
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut path = String::new();
    let (mut line, mut at) = (1_u32, 0);
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'\n' => line += 1,
            b' ' | b'\t' | b'\r' | b':' => {}
            b',' => after_value(&mut open, &mut path),
            b'}' | b']' => {
                if let Some(Open::Array { length, .. } | Open::Object { length, .. }) = open.pop() {
                    path.truncate(length);
                }
            }
            b'"' => {
                at = end_of_string(bytes, at);
                if let Some(Open::Object { length, is_key_next: is_next @ true, keys }) =
                    open.last_mut()
                {
                    *is_next = false;
                    path.truncate(*length);
                    if !path.is_empty() {
                        path.push('.');
                    }
                    let key = text.get(start + 1..at - 1).unwrap_or_default();
                    path.push_str(key);
                    if !keys.insert(key) {
                        let detail = format!("the field `{key}` is given twice");
                        return Err(Refusal::new(Reason::MalformedJson, detail).at(line));
                    }
                } else {
                    note(&path, line, wanted, &mut found);
                }
            }
            b'{' | b'[' => {
                note(&path, line, wanted, &mut found);
                if open.len() == MAX_DEPTH {
                    let detail = format!("values are nested more than {MAX_DEPTH} deep");
                    return Err(Refusal::new(Reason::TooDeep, detail).at(line));
                }
                let length = path.len();
                if *byte == b'{' {
                    open.push(Open::Object { length, is_key_next: true, keys: HashSet::new() });
                } else {
                    open.push(Open::Array { length, index: 0 });
                    path.push_str("[0]");
                }
            }
            _ => {
                note(&path, line, wanted, &mut found);
                let rest = bytes.get(at..).unwrap_or_default();
                let is_end =
                    |it: &u8| matches!(it, b',' | b'}' | b']' | b'\n' | b'{' | b'[' | b'"');
                at += rest.iter().position(is_end).unwrap_or(rest.len());
            }
        }
    }
    Ok(found)
}

fn note(path: &str, line: u32, wanted: &HashSet<String>, found: &mut HashMap<String, u32>) {
    if wanted.contains(path) {
        found.entry(path.to_owned()).or_insert(line);
    }
}

fn after_value(open: &mut [Open<'_>], path: &mut String) {
    match open.last_mut() {
        Some(Open::Array { length, index }) => {
            *index += 1;
            path.truncate(*length);
            path.push_str(&format!("[{index}]"));
        }
        Some(Open::Object { length, is_key_next, .. }) => {
            *is_key_next = true;
            path.truncate(*length);
        }
        None => {}
    }
}

/// Behind the closing quote of a string.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        at += match byte {
            b'"' => return at + 1,
            b'\\' => 2,
            _ => 1,
        };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn values_are_found_by_their_paths() {
        let text = "{\n \"a\": [1, \"]\\\"\",\n {\"b\": {},\n \"c\": [[],\n [2]]}],\n \"d\": null}";
        let paths = ["a", "a[1]", "a[2]", "a[2].b", "a[2].c[1][0]", "d", "e"];
        let found = of(text, &paths.map(str::to_owned).into()).unwrap();
        let lines = paths.map(|path| found.get(path).copied());
        assert_eq!(lines, [Some(2), Some(2), Some(3), Some(3), Some(5), Some(6), None]);
        assert_eq!(of(&"[".repeat(32), &[].into()).map(|_| ()), Ok(()));
        assert_eq!(of(&"[".repeat(33), &[].into()).unwrap_err().reason.code(), "too-deep");
        // Nonsense does no harm.
        for text in ["\"", "\"\\", "]]}", ",:,{", "{\"a", "é\"é"] {
            assert!(of(text, &[].into()).is_ok());
        }
    }
}
