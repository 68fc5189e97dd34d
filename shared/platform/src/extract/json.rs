//! JSON bodies.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Code, Problem};

/// A JSON body. As a response it is written as one.
///
/// Refused are bodies that are not `application/json`, that are longer than the route takes, that
/// are not JSON, and that have a field which is unknown, missing or wrong; the problem names it.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// A JSON body that may be absent; then it is `T::default()`.
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
            Problem::new(Code::BodyTooLarge)
        } else {
            Problem::new(Code::BodyMalformed).detail("The body broke off.")
        }
    })
}

fn parse<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    if !is_json(headers) {
        return Err(Problem::new(Code::UnsupportedMediaType)
            .field("content-type", "must be `application/json`"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        refusal(path, error.into_inner())
    })?;
    deserializer.end().map_err(|error| refusal(".".to_owned(), error))?;
    Ok(parsed)
}

fn refusal(path: String, error: serde_json::Error) -> Problem {
    if error.is_data() {
        let field = match field_of_object(&error) {
            Some(field) if path == "." => field,
            Some(field) => format!("{path}.{field}"),
            None => path,
        };
        Problem::new(Code::BodyInvalid).field(field, without_position(&error))
    } else {
        Problem::new(Code::BodyMalformed).detail(format!("The body is not JSON: {error}."))
    }
}

/// serde reports a missing or repeated field at the object around it; this names the field.
fn field_of_object(error: &serde_json::Error) -> Option<String> {
    let message = error.to_string();
    let rest = ["missing field `", "duplicate field `"]
        .iter()
        .find_map(|beginning| message.strip_prefix(beginning))?;
    rest.split_once('`').map(|(field, _)| field.to_owned())
}

/// What is wrong, without the line and column in a body that its sender may have made with a
/// library.
fn without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.rsplit_once(" at line ").map_or(message.clone(), |(message, _)| message.to_owned())
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
    }

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
        let body = Body { name: "a".to_owned(), inner: Some(Inner { count: 1 }) };
        let text = r#"{"name":"a","inner":{"count":1}}"#;
        assert_eq!(parsed("application/json; charset=utf-8", text), Ok(body));
    }

    #[test]
    fn every_refusal_names_the_field() {
        let named = |field: &str| Some(field.to_owned());
        for (body, code, field) in [
            (r#"{"name":"a","nmae":"b"}"#, Code::BodyInvalid, named("nmae")),
            (r#"{"name":1}"#, Code::BodyInvalid, named("name")),
            (r#"{}"#, Code::BodyInvalid, named("name")),
            (r#"{"name":"a","inner":{"count":256}}"#, Code::BodyInvalid, named("inner.count")),
            (r#"{"name":"a","name":"b"}"#, Code::BodyInvalid, named("name")),
            (r#"{"name":"a","inner":{}}"#, Code::BodyInvalid, named("inner.count")),
            (r#"[]"#, Code::BodyInvalid, named(".")),
            (r#"{"name":"a""#, Code::BodyMalformed, None),
            (r#"{"name":"a"} {}"#, Code::BodyMalformed, None),
            ("", Code::BodyMalformed, None),
        ] {
            assert_eq!(parsed("application/json", body), Err((code, field)), "{body}");
        }
        assert_eq!(
            parsed("text/plain", r#"{"name":"a"}"#),
            Err((Code::UnsupportedMediaType, named("content-type")))
        );
    }
}
