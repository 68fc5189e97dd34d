//! A certificate as a picture for sharing: SVG in the proportions of link previews, without a script, a style
//! or anything to load, so that every viewer shows it and no policy forbids it.

use std::fmt::Write;

use minigate_credentials::date;
use minigate_domain::{
    Timestamp,
    certificates::{Certificate, Standing},
};

use crate::words::{Words, percent};

const WIDTH: u32 = 1_200;
const HEIGHT: u32 = 630;
const INK: &str = "#1c2b45";
const FADED: &str = "#5b6780";
const GOLD: &str = "#b5893a";
const SERIF: &str = "Georgia, 'Times New Roman', serif";
const SANS: &str = "'Helvetica Neue', Arial, sans-serif";

/// Sizes of a title, each with the characters of a line and the lines that it may have.
const TITLES: [(u32, usize, usize); 4] = [(64, 26, 1), (50, 34, 2), (38, 44, 3), (30, 56, 4)];

/// The picture of a certificate as it stands at `now`.
pub(crate) fn picture(
    certificate: &Certificate,
    issuer: &str,
    address: &str,
    now: Timestamp,
) -> String {
    let words = Words::of(&certificate.language);
    let holder = certificate.name.as_ref().map_or(words.not_named, |name| name.as_str());
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" lang=\"{}\">\
         <title>{} – {}</title>\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fdfaf3\"/>\
         <rect x=\"24\" y=\"24\" width=\"1152\" height=\"582\" fill=\"none\" stroke=\"{INK}\" stroke-width=\"3\"/>\
         <rect x=\"34\" y=\"34\" width=\"1132\" height=\"562\" fill=\"none\" stroke=\"{GOLD}\" stroke-width=\"1\"/>",
        words.tag,
        escaped(words.certificate),
        escaped(&certificate.title),
    );
    let line = |svg: &mut String, y: u32, size: u32, font: &str, color: &str, text: &str| {
        let _ = write!(
            svg,
            "<text x=\"600\" y=\"{y}\" font-family=\"{font}\" font-size=\"{size}\" fill=\"{color}\" \
             text-anchor=\"middle\">{}</text>",
            escaped(text)
        );
    };
    line(&mut svg, 92, 24, SANS, FADED, issuer);
    line(&mut svg, 160, 54, SERIF, GOLD, words.certificate);
    line(&mut svg, 228, if holder.chars().count() > 36 { 28 } else { 38 }, SERIF, INK, holder);
    line(&mut svg, 272, 24, SANS, FADED, words.has_passed);
    let (size, lines) = title(&certificate.title);
    // Around the middle of what is left.
    let mut y = 385 + size / 3 - (lines.len() as u32 - 1) * size * 3 / 5;
    for text in &lines {
        line(&mut svg, y, size, SERIF, INK, text);
        y += size * 6 / 5;
    }
    let facts = format!(
        "{} {} %   ·   {} {}   ·   {}",
        words.score,
        percent(certificate.score),
        words.issued,
        date(certificate.issued_at.unix_seconds()),
        validity(certificate, words),
    );
    line(&mut svg, 520, 24, SANS, INK, &facts);
    line(&mut svg, 566, 18, SANS, FADED, address);
    if let Some(stamp) = stamp(certificate, words, now) {
        let _ = write!(
            svg,
            "<g transform=\"rotate(-12 600 315)\">\
             <rect x=\"230\" y=\"265\" width=\"740\" height=\"100\" fill=\"#fdfaf3\" fill-opacity=\"0.9\" \
             stroke=\"#a32020\" stroke-width=\"6\"/>\
             <text x=\"600\" y=\"332\" font-family=\"{SANS}\" font-size=\"48\" font-weight=\"bold\" \
             fill=\"#a32020\" text-anchor=\"middle\">{}</text></g>",
            escaped(&stamp)
        );
    }
    svg.push_str("</svg>");
    svg
}

/// Until when it is good.
pub(crate) fn validity(certificate: &Certificate, words: &Words) -> String {
    match certificate.expires_at {
        Some(ends) => format!("{} {}", words.valid_until, date(ends.unix_seconds())),
        None => words.no_end.to_owned(),
    }
}

/// That it is not good, if it is not.
pub(crate) fn stamp(certificate: &Certificate, words: &Words, now: Timestamp) -> Option<String> {
    let (text, moment) = match certificate.standing(now) {
        Standing::Revoked => (words.revoked, certificate.revoked.as_ref().map(|it| it.at)),
        Standing::Expired => (words.expired, certificate.expires_at),
        Standing::Valid | Standing::RenewalDue => return None,
    };
    Some(format!("{text} {}", date(moment?.unix_seconds())))
}

/// The size and the lines of a title. What does not fit is cut.
fn title(text: &str) -> (u32, Vec<String>) {
    let (size, mut lines, max) = TITLES
        .into_iter()
        .map(|(size, width, max)| (size, wrapped(text, width), max))
        .find(|(_, lines, max)| lines.len() <= *max)
        .unwrap_or_else(|| {
            let (size, width, max) = TITLES[TITLES.len() - 1];
            (size, wrapped(text, width), max)
        });
    if lines.len() > max {
        lines.truncate(max);
        if let Some(last) = lines.last_mut() {
            last.push('…');
        }
    }
    (size, lines)
}

/// The text in lines of at most `width` characters, broken between words where that is possible.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let chars: Vec<char> = word.chars().collect();
        for part in chars.chunks(width) {
            let part: String = part.iter().collect();
            let last = lines.len() - 1;
            let used = lines[last].chars().count();
            if used > 0 && used + 1 + part.chars().count() > width {
                lines.push(part);
            } else {
                if used > 0 {
                    lines[last].push(' ');
                }
                lines[last].push_str(&part);
            }
        }
    }
    lines
}

/// The text for XML and HTML, without the characters that XML has not.
pub(crate) fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '"' => written.push_str("&quot;"),
            '\'' => written.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => {}
            char if char.is_control() => {}
            char => written.push(char),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_shrink_and_are_cut_at_last() {
        assert_eq!(title("Rust basics"), (64, vec!["Rust basics".to_owned()]));
        let (size, lines) = title("Ownership, borrowing and lifetimes in Rust");
        assert_eq!((size, lines.len()), (50, 2));
        let (size, lines) = title(&"word ".repeat(100));
        assert_eq!((size, lines.len()), (30, 4));
        assert!(lines[3].ends_with('…'));
        let (_, lines) = title(&"x".repeat(200));
        assert_eq!(lines.concat(), "x".repeat(200));
        assert_eq!(title("").1, [""]);
    }

    #[test]
    fn markup_is_text() {
        assert_eq!(escaped("<b a='1'>\"&\u{0}\u{ffff}"), "&lt;b a=&#39;1&#39;&gt;&quot;&amp;");
    }
}
