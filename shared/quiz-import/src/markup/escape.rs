//! Plain text as markup: escapes what would mean something, and nothing else.

/// Text without markup, so that it is shown as it is. Line breaks stay.
pub(crate) fn from_plain(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text: String = text.chars().filter(|it| !super::is_forbidden(*it)).collect();
    let lines: Vec<String> = text.lines().map(|line| escape(line.trim(), true)).collect();
    // A single line break is one of the markup, too.
    let mut out = String::new();
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            let is_break = !line.is_empty() && !lines[at - 1].is_empty();
            out.push_str(if is_break { "  \n" } else { "\n" });
        }
        out.push_str(line);
    }
    out.trim().to_owned()
}

/// A part of a line. `opens` says that nothing stands before it on its line.
pub(super) fn escape(text: &str, opens: bool) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len() + 8);
    let mut at = 0;
    if opens {
        at = escape_start(&characters, &mut out);
    }
    while let Some(&character) = characters.get(at) {
        let next = characters.get(at + 1).copied();
        match character {
            '\\' if next.is_some_and(|it| it.is_ascii_punctuation()) => out.push_str("\\\\"),
            '`' => out.push_str("\\`"),
            '<' if next.is_some_and(opens_tag) => out.push_str("&lt;"),
            // Otherwise it could escape the mark that follows.
            '\\' if next.is_none() => out.push_str("\\\\"),
            '&' if is_entity(&characters[at..]) => out.push_str("&amp;"),
            ']' if next.is_some_and(|it| matches!(it, '(' | ':' | '[')) => out.push_str("\\]"),
            '*' | '_' => {
                let end = at + characters[at..].iter().take_while(|it| **it == character).count();
                let before = at.checked_sub(1).and_then(|at| characters.get(at)).copied();
                let after = characters.get(end).copied();
                let run = characters.get(at..end).unwrap_or_default();
                let needs = marks(character, before, after);
                run.iter().for_each(|it| {
                    if needs {
                        out.push('\\');
                    }
                    out.push(*it);
                });
                at = end;
                continue;
            }
            other => out.push(other),
        }
        at += 1;
    }
    out
}

/// Whether a run of `*` or `_` could mean emphasis between these neighbours.
fn marks(mark: char, before: Option<char>, after: Option<char>) -> bool {
    let is_space = |it: Option<char>| it.is_some_and(char::is_whitespace);
    let is_letter = |it: Option<char>| it.is_some_and(char::is_alphanumeric);
    let is_free = is_space(before) && is_space(after);
    let is_inside = mark == '_' && is_letter(before) && is_letter(after);
    !is_free && !is_inside
}

/// Escapes what would begin a block, and says how many characters that were.
fn escape_start(characters: &[char], out: &mut String) -> usize {
    let is_end = |at: usize| characters.get(at).is_none_or(|it| it.is_whitespace());
    let digits = characters.iter().take_while(|it| it.is_ascii_digit()).count();
    let run = |mark: char| characters.iter().take_while(|it| **it == mark).count();
    match characters.first() {
        Some('>') => out.push_str("\\>"),
        Some('#') if is_end(run('#')) => out.push_str("\\#"),
        Some(mark @ ('-' | '+')) if is_end(1) || run('-') == characters.len() => {
            out.push('\\');
            out.push(*mark);
        }
        Some('=') if run('=') == characters.len() => out.push_str("\\="),
        Some('~') if run('~') >= 3 => out.push_str("\\~"),
        _ if (1..10).contains(&digits)
            && matches!(characters.get(digits), Some('.' | ')'))
            && is_end(digits + 1) =>
        {
            out.extend(&characters[..digits]);
            out.push('\\');
            out.extend(characters.get(digits));
            return digits + 1;
        }
        _ => return 0,
    }
    1
}

/// Whether `<` before this character could open a tag.
pub(super) fn opens_tag(next: char) -> bool {
    next.is_ascii_alphabetic() || matches!(next, '/' | '!' | '?')
}

/// Whether the text begins with an entity, such as `&lt;`.
fn is_entity(characters: &[char]) -> bool {
    let name = characters.iter().skip(1).take(33);
    let length = name.take_while(|it| it.is_ascii_alphanumeric() || **it == '#').count();
    length > 0 && characters.get(length + 1) == Some(&';')
}
