//! The forms of a certificate, and which one a client wants.

use axum::http::{HeaderMap, header};
use minigate_platform::{Code, Problem};

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The credential with its embedded proof, under the media type that was asked for.
    Json(&'static str),
    /// The signed token, likewise.
    Jwt(&'static str),
    /// A page for people.
    Html,
    /// A picture for sharing.
    Svg,
}

/// What each media type is, in the order of preference where a client has none.
const OFFERED: [(&str, Form); 7] = [
    ("application/json", Form::Json("application/json")),
    ("application/vc", Form::Json("application/vc")),
    ("application/ld+json", Form::Json("application/ld+json")),
    ("application/vc+jwt", Form::Jwt("application/vc+jwt")),
    ("application/jwt", Form::Jwt("application/jwt")),
    ("text/html", Form::Html),
    ("image/svg+xml", Form::Svg),
];

/// The values of the parameter `format`, for where nobody sets a header: a link, an image.
pub(crate) const FORMATS: [(&str, Form); 4] = [
    ("json", Form::Json("application/json")),
    ("jwt", Form::Jwt("application/vc+jwt")),
    ("html", Form::Html),
    ("svg", Form::Svg),
];

impl Form {
    /// The media type.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Json(media_type) | Self::Jwt(media_type) => media_type,
            Self::Html => "text/html; charset=utf-8",
            Self::Svg => "image/svg+xml",
        }
    }

    /// The form that a request wants: that of its parameter `format`, otherwise that of `Accept`. A client that accepts
    /// none of them gets JSON (RFC 9110, 12.4.1).
    pub(crate) fn wanted(format: Option<&str>, headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(format) = format else {
            let lines =
                headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
            return Ok(accepted(&lines.collect::<Vec<_>>().join(",")));
        };
        let known = FORMATS.iter().find(|(name, _)| *name == format);
        known.map(|(_, form)| *form).ok_or_else(|| {
            Problem::new(Code::QUERY_INVALID).field("format", "must be json, jwt, html or svg")
        })
    }
}

/// The offered form with the greatest weight (RFC 9110, 12.5.1).
fn accepted(accept: &str) -> Form {
    let ranges: Vec<(&str, u16)> = accept.split(',').filter_map(range).collect();
    let weight = |media_type: &str| {
        let kind = media_type.split('/').next().unwrap_or_default();
        let precision = |range: &str| match range.strip_suffix("/*") {
            _ if range.eq_ignore_ascii_case(media_type) => Some(2),
            Some(of_range) if of_range.eq_ignore_ascii_case(kind) => Some(1),
            Some("*") => Some(0),
            _ => None,
        };
        let matching =
            ranges.iter().filter_map(|(range, weight)| Some((precision(range)?, *weight)));
        matching.max_by_key(|(precision, _)| *precision).map_or(0, |(_, weight)| weight)
    };
    let (mut best, mut heaviest) = (OFFERED[0].1, 0);
    for (media_type, form) in OFFERED {
        let weight = weight(media_type);
        if weight > heaviest {
            (best, heaviest) = (form, weight);
        }
    }
    best
}

/// A media range and its weight, in thousandths.
fn range(text: &str) -> Option<(&str, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| range.contains('/'))?;
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let weight = match weight {
        None => 1_000,
        Some(text) => thousandths(text)?,
    };
    Some((range, weight))
}

/// `1`, `0.5`, `0.333`.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !matches!(whole, "0" | "1") || rest.len() > 3 || !is_number(rest) {
        return None;
    }
    let rest: u16 = format!("{rest:0<3}").parse().ok()?;
    Some((whole.parse::<u16>().ok()? * 1_000 + rest).min(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_that_which_the_client_prefers() {
        let json = Form::Json("application/json");
        for (accept, form) in [
            ("", json),
            ("*/*", json),
            ("application/json", json),
            ("Application/JSON; q=0.1", json),
            ("application/vc", Form::Json("application/vc")),
            ("application/vc+jwt", Form::Jwt("application/vc+jwt")),
            ("application/jwt, application/json;q=0.9", Form::Jwt("application/jwt")),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
                Form::Html,
            ),
            ("image/avif,image/webp,image/svg+xml,image/*,*/*;q=0.8", Form::Svg),
            ("image/*,*/*;q=0.5", Form::Svg),
            ("text/*;q=0.3, text/html;q=0.1, */*;q=0.2", json),
            ("text/html;q=0, */*;q=0.1", json),
            ("video/mp4", json),
            ("text/html;q=7, nonsense, ;, image/svg+xml;q=0.001", Form::Svg),
        ] {
            assert_eq!(accepted(accept), form, "{accept}");
        }
    }

    #[test]
    fn a_parameter_overrides_the_header() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, "text/html".parse().unwrap());
        assert_eq!(Form::wanted(Some("svg"), &headers).unwrap(), Form::Svg);
        assert_eq!(Form::wanted(None, &headers).unwrap(), Form::Html);
        let refused = Form::wanted(Some("pdf"), &headers).unwrap_err();
        assert_eq!(refused.code(), Code::QUERY_INVALID);
    }
}
