//! The language of an answer: the one asked for by a parameter, else the client's preferred ones.

use axum::http::{HeaderMap, header};
use minigate_domain::{Language, quizzes::Texts};

/// More than a client sends. What is behind is not looked at.
const MAX_LANGUAGES: usize = 16;

/// The first of the languages of `Accept-Language` (RFC 9110, 12.5.4), by preference, that `texts` exist in, also in the
/// same language of another region; `fallback` if they exist in none.
pub(crate) fn preferred(headers: &HeaderMap, texts: &Texts, fallback: &Language) -> Language {
    let base = |language: &Language| {
        language.as_str().split('-').next().and_then(|base| base.parse().ok())
    };
    accepted(headers)
        .into_iter()
        .flat_map(|language| [base(&language), Some(language)].into_iter().rev().flatten())
        .find(|language| texts.has(language))
        .unwrap_or_else(|| fallback.clone())
}

/// The languages that a client accepts, the preferred one first. What is none is passed over.
fn accepted(headers: &HeaderMap) -> Vec<Language> {
    let text = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let ranges = text.unwrap_or_default().split(',').take(MAX_LANGUAGES).filter_map(|range| {
        let mut parts = range.split(';');
        let language = parts.next()?.trim().parse().ok()?;
        let quality = parts.find_map(|part| part.trim().strip_prefix("q="));
        let quality: f32 = quality.map_or(Some(1.0), |quality| quality.parse().ok())?;
        (quality > 0.0).then_some((language, quality))
    });
    let mut ranges: Vec<(Language, f32)> = ranges.collect();
    ranges.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    ranges.into_iter().map(|(language, _)| language).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn chosen(accept: &str) -> String {
        let texts = serde_json::json!({ "en": "Hello", "de": "Hallo", "pt": "Olá" });
        let texts: Texts = serde_json::from_value(texts).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_str(accept).unwrap());
        preferred(&headers, &texts, &Language::english()).as_str().to_owned()
    }

    #[test]
    fn the_most_preferred_language_that_there_is() {
        for (accept, expected) in [
            ("", "en"),
            ("*", "en"),
            ("de", "de"),
            ("de-AT", "de"),
            ("fr, de;q=0.5, en;q=0.7", "en"),
            ("fr;q=0.9, pt-BR;q=0.8, en;q=0.1", "pt"),
            ("de;q=0, en", "en"),
            ("de;q=x", "en"),
            ("xx-invalid-tag, de", "de"),
        ] {
            assert_eq!(chosen(accept), expected, "{accept}");
        }
    }
}
