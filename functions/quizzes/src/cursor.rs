//! Where a list goes on: opaque, and good for the list that it came with only.
//!
//! A cursor holds the place of the last quiz and a checksum over it and its list, so that one that was altered or
//! belongs to another list is refused instead of starting somewhere else. It needs no key: what it leads to, anyone
//! may read.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use minigate_domain::quizzes::QuizList;
use minigate_platform::Problem;
use sha2::{Digest, Sha256};

use crate::CURSOR_INVALID;

const CHECKSUM: usize = 8;
/// Longer than a place can be.
pub(crate) const MAX_CHARS: usize = 800;

/// The cursor behind a place in a list.
pub(crate) fn encode(list: &QuizList, place: &str) -> String {
    let mut bytes = checksum(list, place).to_vec();
    bytes.extend_from_slice(place.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place that a cursor of this list is for.
///
/// # Errors
/// [`CURSOR_INVALID`].
pub(crate) fn decode(list: &QuizList, text: &str) -> Result<String, Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|_| text.len() <= MAX_CHARS);
    let place = bytes.as_ref().and_then(|bytes| {
        let (found, place) = bytes.split_at_checked(CHECKSUM)?;
        let place = std::str::from_utf8(place).ok()?;
        (found == checksum(list, place)).then(|| place.to_owned())
    });
    place.ok_or_else(|| {
        Problem::new(CURSOR_INVALID).field(
            "cursor",
            "must be the `next` of this list, unchanged and with its other parameters",
        )
    })
}

fn checksum(QuizList { topic, language }: &QuizList, place: &str) -> [u8; CHECKSUM] {
    let mut hash = Sha256::new();
    let topic = topic.as_ref().map_or("*", |topic| topic.as_str());
    let language = language.as_ref().map_or("*", |language| language.as_str());
    hash.update(format!("quizzes 1\n{topic}\n{language}\n{place}"));
    let mut checksum = [0; CHECKSUM];
    checksum.copy_from_slice(&hash.finalize()[..CHECKSUM]);
    checksum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_list_and_unchanged_only() {
        let list = QuizList { topic: "rust".parse().ok(), language: None };
        let cursor = encode(&list, "ownership — basics#first");
        assert_eq!(decode(&list, &cursor).unwrap(), "ownership — basics#first");
        assert!(decode(&QuizList::default(), &cursor).is_err(), "another list");
        for at in 0..cursor.len() {
            let mut altered = cursor.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(decode(&list, &altered).is_err(), "{altered}");
        }
        for text in ["", "A", "AAAAAAAAAAA", "%%%", "0", &"A".repeat(900)] {
            let problem = decode(&list, text).unwrap_err();
            assert_eq!(problem.code(), CURSOR_INVALID, "{text}");
        }
    }
}
