//! JSON bodies.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Code, Problem};

/// A JSON object as a request body; as a response, any JSON.
///
/// Refuses bodies that are not `application/json`, exceed the limit of the route, are not JSON, or have an
/// unknown, missing or invalid field, which the problem names.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// A JSON body that may be absent; it defaults to `T::default()`.
#[derive(Clone, Copy, Debug)]
pub struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let headers = request.headers().clone();
        let body = read(request, state).await?;
        parse(&headers, &body).map(Self)
    }
}

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let headers = request.headers().clone();
        let body = read(request, state).await?;
        if body.is_empty() { Ok(Self(T::default())) } else { parse(&headers, &body).map(Self) }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::new(Code::BODY_TOO_LARGE)
        } else {
            Problem::new(Code::BODY_MALFORMED).detail("The body ended early.")
        }
    })
}

fn parse<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    if !is_json(headers) {
        return Err(Problem::new(Code::UNSUPPORTED_MEDIA_TYPE)
            .field("content-type", "must be `application/json`"));
    }
    // serde would also accept a list for a struct, with its fields in order.
    let is_object = body.trim_ascii_start().first() == Some(&b'{');
    if !is_object && is_valid(body) {
        return Err(Problem::new(Code::BODY_INVALID).field(".", "must be an object"));
    }
    parse_object(body).or_else(|problem| match with_integers(body) {
        Some(body) => parse_object(&body),
        None => Err(problem),
    })
}

fn parse_object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| (error.path().to_string(), error.into_inner()))
        .and_then(|parsed| {
            deserializer.end().map_err(|error| (".".to_owned(), error)).map(|()| parsed)
        });
    parsed.map_err(|(path, error)| {
        // serde_json reports some wrong types as syntax errors, so the syntax is checked separately.
        if error.is_data() || is_valid(body) {
            wrong_field(&path, &error.to_string())
        } else {
            Problem::new(Code::BODY_MALFORMED).detail(format!("The body is not JSON: {error}."))
        }
    })
}

/// The body with `1` for `1.0`, if it has such a number: JSON Schema, and so the API reference, calls it
/// an integer, and serde does not.
fn with_integers(body: &[u8]) -> Option<Vec<u8>> {
    if !is_valid(body) {
        return None;
    }
    let mut changed = Vec::with_capacity(body.len());
    let (mut rest, mut is_in_string) = (body, false);
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'"' => is_in_string = !is_in_string,
            b'\\' if is_in_string => {
                changed.push(b'\\');
                let [escaped, after @ ..] = rest else { break };
                changed.push(*escaped);
                rest = after;
                continue;
            }
            b'.' if !is_in_string => {
                let zeros = rest.iter().take_while(|byte| **byte == b'0').count();
                let (_, after) = rest.split_at(zeros);
                if !matches!(after.first(), Some(b'0'..=b'9' | b'e' | b'E')) {
                    rest = after;
                    continue;
                }
            }
            _ => {}
        }
        changed.push(*first);
    }
    (changed != body).then_some(changed)
}

fn is_valid(json: &[u8]) -> bool {
    // Not `IgnoredAny`, which does not validate strings.
    serde_json::from_slice::<serde_json::Value>(json).is_ok()
}

/// Names the field and what is expected. serde's own message also repeats the value, which may be a
/// misplaced secret.
fn wrong_field(path: &str, message: &str) -> Problem {
    let (what, rest) = message.split_once(" `").unwrap_or((message, ""));
    let name = rest.split_once('`').map_or("", |(name, _)| name);
    let field = match what {
        // serde reports these at the enclosing object.
        "missing field" | "duplicate field" if path == "." => name.to_owned(),
        "missing field" | "duplicate field" => format!("{path}.{name}"),
        _ => path.to_owned(),
    };
    let expected = message.split_once(", expected ").map(|(_, expected)| {
        expected.rsplit_once(" at line ").map_or(expected, |(expected, _)| expected)
    });
    let message = match (what, expected) {
        ("missing field", _) => "is missing".to_owned(),
        ("duplicate field", _) => "is repeated".to_owned(),
        ("unknown field", Some(expected)) => format!("is unknown; expected {expected}"),
        ("unknown field", None) => "is unknown".to_owned(),
        (_, Some(expected)) => format!("must be {expected}"),
        _ if is_of_serde(message) => "has the wrong type".to_owned(),
        // Our own types say what they take, and never what they were given.
        _ => {
            let expected = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
            format!("must be {expected}")
        }
    };
    Problem::new(Code::BODY_INVALID).field(presentable(&field), message)
}

/// Whether serde or serde_json wrote a message, which may repeat a value.
fn is_of_serde(message: &str) -> bool {
    ["invalid ", "unknown ", "missing ", "duplicate ", "number ", "expected ", "key must "]
        .iter()
        .any(|prefix| message.starts_with(prefix))
}

/// The name of a field, if its length is plausible. A longer one may be a misplaced secret, and becomes
/// the body as a whole.
fn presentable(field: &str) -> &str {
    const MAX_BYTES: usize = 64;
    if field.len() <= MAX_BYTES { field } else { "." }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|text| {
        let media_type = text.split(';').next().unwrap_or_default().trim();
        media_type.eq_ignore_ascii_case("application/json")
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Body {
        name: String,
        inner: Option<Inner>,
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    enum Kind {}

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        count: u8,
    }

    fn parsed(content_type: &'static str, body: &str) -> Result<Body, (Code, Option<String>)> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        parse(&headers, body.as_bytes()).map_err(|problem| {
            let document: serde_json::Value = serde_json::from_slice(&problem.to_json("")).unwrap();
            let field = document["errors"][0]["field"].as_str().map(str::to_owned);
            (problem.code(), field)
        })
    }

    #[test]
    fn json_is_taken() {
        let body = Body { name: "a".to_owned(), inner: Some(Inner { count: 1 }), kind: None };
        let text = r#"{"name":"a","inner":{"count":1}}"#;
        assert_eq!(parsed("application/json; charset=utf-8", text), Ok(body));
    }

    #[test]
    fn a_whole_number_is_an_integer_however_it_is_written() {
        let body =
            || Body { name: "1.0 \\\"2.0".to_owned(), inner: Some(Inner { count: 1 }), kind: None };
        for number in ["1", "1.0", "1.000"] {
            let text = format!(r#"{{"name":"1.0 \\\"2.0","inner":{{"count":{number}}}}}"#);
            assert_eq!(parsed("application/json", &text), Ok(body()), "{number}");
        }
        let refused = Err((Code::BODY_INVALID, Some("inner.count".to_owned())));
        for number in ["1.5", "1.05", "1.0e1", "256.0"] {
            let text = format!(r#"{{"name":"a","inner":{{"count":{number}}}}}"#);
            assert_eq!(parsed("application/json", &text), refused, "{number}");
        }
        let twice = r#"{"name":"a","inner":{"count":1.0,"count":2}}"#;
        let refused = Err((Code::BODY_INVALID, Some("inner.count".to_owned())));
        assert_eq!(parsed("application/json", twice), refused);
        for wrong in
            [r#"{"name":"a","inner":{"count":1.0.0}}"#, r#"{"name":"a","inner":{"count":.0}}"#]
        {
            assert!(parsed("application/json", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_refusal_names_the_field() {
        let named = |field: &str| Some(field.to_owned());
        for (body, code, field) in [
            (r#"{"name":"a","nmae":"b"}"#, Code::BODY_INVALID, named("nmae")),
            (r#"{"name":1}"#, Code::BODY_INVALID, named("name")),
            (r#"{}"#, Code::BODY_INVALID, named("name")),
            (r#"{"name":"a","inner":{"count":256}}"#, Code::BODY_INVALID, named("inner.count")),
            (r#"{"name":"a","name":"b"}"#, Code::BODY_INVALID, named("name")),
            (r#"{"name":"a","inner":{}}"#, Code::BODY_INVALID, named("inner.count")),
            (r#"[]"#, Code::BODY_INVALID, named(".")),
            (r#" ["a", {"count": 1}]"#, Code::BODY_INVALID, named(".")),
            (r#"{"name":"a","kind":true}"#, Code::BODY_INVALID, named("kind")),
            (r#"{"name":"a","kind":[}"#, Code::BODY_MALFORMED, None),
            (r#"{"name":"a""#, Code::BODY_MALFORMED, None),
            (r#"{"name":"a"} {}"#, Code::BODY_MALFORMED, None),
            ("", Code::BODY_MALFORMED, None),
        ] {
            assert_eq!(parsed("application/json", body), Err((code, field)), "{body}");
        }
        let secret = "s".repeat(100);
        let unknown = wrong_field(&secret, &format!("unknown field `{secret}`, expected `a`"));
        let typed = wrong_field("a", &format!("invalid type: string \"{secret}\", expected u64"));
        for problem in [unknown, typed] {
            let document = String::from_utf8(problem.to_json("")).unwrap();
            assert!(!document.contains("ssss"), "{document}");
        }
        assert_eq!(
            parsed("text/plain", r#"{"name":"a"}"#),
            Err((Code::UNSUPPORTED_MEDIA_TYPE, named("content-type")))
        );
    }
}
