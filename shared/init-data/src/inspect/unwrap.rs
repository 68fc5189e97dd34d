//! Takes off what people leave around init data.

use super::Mistake;

/// No honest string is wrapped more often.
const MAX_LAYERS: usize = 6;

/// The string inside, and the mistakes that were around it.
pub(super) fn unwrap(input: &str) -> (String, Vec<Mistake>) {
    let mut inner = input.to_owned();
    let mut mistakes = Vec::new();
    for _ in 0..MAX_LAYERS {
        let Some((mistake, unwrapped)) = unwrap_once(&inner) else { break };
        if !mistakes.contains(&mistake) {
            mistakes.push(mistake);
        }
        if mistake == Mistake::InitDataUnsafe {
            break;
        }
        inner = unwrapped;
    }
    (inner, mistakes)
}

fn unwrap_once(text: &str) -> Option<(Mistake, String)> {
    let trimmed = text.trim().trim_matches(['"', '\'', '`']);
    if trimmed != text {
        return Some((Mistake::Surroundings, trimmed.to_owned()));
    }
    if text.starts_with('{') {
        return Some((Mistake::InitDataUnsafe, text.to_owned()));
    }
    if let Some((scheme, rest)) = text.split_once(' ')
        && (scheme.eq_ignore_ascii_case("tma") || scheme.eq_ignore_ascii_case("bearer"))
    {
        return Some((Mistake::AuthorizationScheme, rest.to_owned()));
    }
    if let Some((_, rest)) = text.split_once("tgWebAppData=") {
        let value = rest.split('&').next().unwrap_or_default();
        return Some((Mistake::WholeUrl, decode_percent(value)));
    }
    if let Some(rest) = text.strip_prefix(['?', '#']) {
        return Some((Mistake::LeadingDelimiter, rest.to_owned()));
    }
    let is_encoded_whole = !text.contains('=') && contains_ignoring_case(text, "%3d");
    let has_encoded_json = contains_ignoring_case(text, "=%257b");
    (is_encoded_whole || has_encoded_json).then(|| (Mistake::DoubleEncoding, decode_percent(text)))
}

fn contains_ignoring_case(text: &str, lower_case: &str) -> bool {
    text.to_ascii_lowercase().contains(lower_case)
}

/// Decodes one layer of escapes; leaves `+` and whatever is no escape.
fn decode_percent(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escape = after.first_chunk::<2>().filter(|_| *first == b'%');
        let byte = escape.and_then(|digits| {
            let digits = str::from_utf8(digits).ok()?;
            digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(digits)?;
            u8::from_str_radix(digits, 16).ok()
        });
        decoded.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
