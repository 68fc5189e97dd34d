//! Texts as they are compared.

use icu_normalizer::ComposingNormalizerBorrowed;

/// The text in Unicode NFKC, without white space at its ends, with one space for each run of it, and in
/// lower case unless capital letters matter.
pub(super) fn normalize(text: &str, case_sensitive: bool) -> String {
    let composed = ComposingNormalizerBorrowed::new_nfkc().normalize(text);
    let collapsed = composed.split_whitespace().collect::<Vec<_>>().join(" ");
    if case_sensitive {
        return collapsed;
    }
    // Lower case can decompose a letter, as of `İ`.
    let lower = collapsed.to_lowercase();
    ComposingNormalizerBorrowed::new_nfkc().normalize(&lower).into_owned()
}

/// Whether a normalised text is what a normalised pattern accepts: `*` stands for any characters or none,
/// `\*` for an asterisk.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (tokens(pattern), text.chars().collect::<Vec<_>>());
    let (mut at, mut from) = (0, 0);
    // The last `*`, and where the text after it was tried to begin.
    let mut retry = None;
    while from < text.len() {
        match pattern.get(at) {
            Some(None) => {
                retry = Some((at, from));
                at += 1;
            }
            Some(Some(char)) if *char == text[from] => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((star, begin)) = retry else { return false };
                retry = Some((star, begin + 1));
                at = star + 1;
                from = begin + 1;
            }
        }
    }
    pattern[at..].iter().all(Option::is_none)
}

/// The characters of a pattern; `None` for `*`.
fn tokens(pattern: &str) -> Vec<Option<char>> {
    let mut tokens = Vec::with_capacity(pattern.len());
    let mut chars = pattern.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '*' => tokens.push(None),
            '\\' => match chars.next_if_eq(&'*') {
                Some(asterisk) => tokens.push(Some(asterisk)),
                None => tokens.push(Some(char)),
            },
            _ => tokens.push(Some(char)),
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{matches, normalize};

    #[test]
    fn texts_that_people_take_for_equal_are_equal() {
        for (one, other) in [
            ("Rome", "  rome "),
            ("New York", "new \t york"),
            ("caf\u{e9}", "cafe\u{301}"),
            ("\u{fb01}ne", "FINE"),
            ("Ｈ２Ｏ", "h2o"),
            ("\u{39f}\u{394}\u{39f}\u{3a3}", "\u{3bf}\u{3b4}\u{3bf}\u{3c2}"),
        ] {
            assert_eq!(normalize(one, false), normalize(other, false), "{one} {other}");
        }
        assert_ne!(normalize("Rome", true), normalize("rome", true));
        assert_ne!(normalize("ä", false), normalize("a", false));
    }

    #[test]
    fn an_asterisk_stands_for_any_characters() {
        for (pattern, text, fits) in [
            ("rome", "rome", true),
            ("rome", "romea", false),
            ("*", "", true),
            ("*rome*", "in rome, italy", true),
            ("a*b*c", "abbc", true),
            ("a*b*c", "acb", false),
            ("2\\*3", "2*3", true),
            ("2\\*3", "213", false),
            ("a\\b", "a\\b", true),
            ("", "", true),
            ("a*", "", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn normalizing_twice_changes_nothing(text in "\\PC{0,40}", case_sensitive: bool) {
            let once = normalize(&text, case_sensitive);
            prop_assert_eq!(normalize(&once, case_sensitive), once);
        }

        #[test]
        fn a_text_matches_itself_and_any_part_of_it_replaced(text in "[a-c]{0,12}", cut in 0_usize..13, length in 0_usize..13) {
            prop_assert!(matches(&text, &text));
            let cut = cut.min(text.len());
            let end = (cut + length).min(text.len());
            let pattern = format!("{}*{}", &text[..cut], &text[end..]);
            prop_assert!(matches(&pattern, &text));
        }
    }
}
