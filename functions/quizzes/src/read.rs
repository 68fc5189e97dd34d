//! What everybody reads.

use std::time::Duration;

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use minigate_domain::{
    Language,
    quizzes::{QuizCard, QuizId, QuizList, QuizStatus, Version},
};
use minigate_platform::{
    Code, Problem,
    extract::{Path, Query, Service},
    public::{self, Document, Freshness, IfNoneMatch},
    schemas,
};
use minigate_service::quizzes::{Freshest, Quizzes};
use serde::Serialize;

use crate::{
    QUIZ_ARCHIVED, QUIZ_NOT_FOUND, QUIZ_VERSION_NOT_FOUND, cursor, language,
    wire::{QuizOut, QuizzesOut},
};

const MAX_PAGE: u8 = 50;
const PAGE: u8 = 20;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What an author may change. Shared caches add their minute to the five of ours.
const CHANGING: Freshness =
    Freshness { fresh: MINUTE, while_revalidating: Duration::from_secs(5 * 60), if_error: DAY };
/// A version never changes; only the way that it is shown may.
const UNCHANGING: Freshness = Freshness { fresh: DAY, while_revalidating: DAY, if_error: DAY };

/// Lists the published quizzes, in the order of their titles.
///
/// With `language`, those that exist in it as a whole, titled in it; else all, each titled in its own language.
/// `Cache-Control: no-cache` asks for what was published a moment ago too.
#[utoipa::path(
    get, path = "/v1/quizzes", tag = "quizzes", operation_id = "list_quizzes",
    params(
        ("topic" = Option<String>, Query, description = "Only quizzes of this topic", min_length = 2, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"),
        ("language" = Option<schemas::Language>, Query, description = "Only quizzes in this language"),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before", max_length = 800, pattern = "^[A-Za-z0-9_-]*$"),
        ("limit" = Option<u8>, Query, description = "The most quizzes of a page; 20 without", minimum = 1, maximum = 50),
        ("If-None-Match" = Option<schemas::IfNoneMatch>, Header, description = "Entity tags of cached pages; a match is answered 304"),
    ),
    security(()),
    responses(
        (status = 200, description = "A page", body = QuizzesOut, headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 304, description = "The cached page is current", headers(("ETag" = String), ("Cache-Control" = String))),
    ),
)]
pub(crate) async fn list_quizzes(
    Service(quizzes): Service<Quizzes>,
    query: Query,
    headers: HeaderMap,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let [topic, language, cursor, limit] =
        query.optional(["topic", "language", "cursor", "limit"])?;
    let list = QuizList {
        topic: topic.map(|text| parameter("topic", &text)).transpose()?,
        language: language.map(|text| parameter("language", &text)).transpose()?,
    };
    let limit = limit.as_deref().map_or(Ok(PAGE), page_size)?;
    let behind = cursor.map(|text| cursor::decode(&list, &text)).transpose()?;
    let page = quizzes.page(list.clone(), behind, limit, freshest(&headers)).await?;
    let next = page.last.as_ref().map(|place| cursor::encode(&list, place));
    let out = QuizzesOut { quizzes: page.quizzes.iter().map(Into::into).collect(), next };
    answer(&out, CHANGING, &if_none_match)
}

/// Reads the latest version of a quiz: everything but its questions, which come with an attempt.
///
/// Texts are in the `language` asked for, else in the first one of `Accept-Language` that there is, else in the quiz's own.
#[utoipa::path(
    get, path = "/v1/quizzes/{id}", tag = "quizzes", operation_id = "read_quiz",
    params(
        ("id" = String, Path, description = "The name of the quiz", min_length = 3, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"),
        ("language" = Option<schemas::Language>, Query, description = "The language of title and description"),
        ("Accept-Language" = Option<String>, Header, description = "Preferred languages, where there is no parameter", max_length = 256),
        ("If-None-Match" = Option<schemas::IfNoneMatch>, Header, description = "Entity tags of cached answers; a match is answered 304"),
    ),
    security(()),
    responses(
        (status = 200, description = "The quiz", body = QuizOut, headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 304, description = "The cached answer is current", headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 404, description = "There is no such quiz, or it was never published"),
        (status = 410, description = "The quiz is archived; its versions can still be read"),
    ),
)]
pub(crate) async fn read_quiz(
    Service(quizzes): Service<Quizzes>,
    Path(id): Path<QuizId>,
    query: Query,
    headers: HeaderMap,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let [language] = query.optional(["language"])?;
    let face = quizzes.face(&id, freshest(&headers)).await?;
    let face = face.ok_or_else(|| Problem::new(QUIZ_NOT_FOUND))?;
    if face.status == QuizStatus::Archived {
        let version = face.card.version;
        return Err(Problem::new(QUIZ_ARCHIVED)
            .detail(format!("It stays readable as GET /v1/quizzes/{id}/versions/{version}.")));
    }
    show(&id, &face.card, language, &headers, CHANGING, &if_none_match)
}

/// Reads a version of a quiz, also of an archived one: certificates name them. A version never changes.
#[utoipa::path(
    get, path = "/v1/quizzes/{id}/versions/{version}", tag = "quizzes", operation_id = "read_quiz_version",
    params(
        ("id" = String, Path, description = "The name of the quiz", min_length = 3, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"),
        ("version" = u32, Path, description = "The number of the version", minimum = 1, maximum = 9999),
        ("language" = Option<schemas::Language>, Query, description = "The language of title and description"),
        ("Accept-Language" = Option<String>, Header, description = "Preferred languages, where there is no parameter", max_length = 256),
        ("If-None-Match" = Option<schemas::IfNoneMatch>, Header, description = "Entity tags of cached answers; a match is answered 304"),
    ),
    security(()),
    responses(
        (status = 200, description = "The version", body = QuizOut, headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 304, description = "The cached answer is current", headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 404, description = "There is no such version"),
    ),
)]
pub(crate) async fn read_quiz_version(
    Service(quizzes): Service<Quizzes>,
    Path((id, version)): Path<(QuizId, Version)>,
    query: Query,
    headers: HeaderMap,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let [language] = query.optional(["language"])?;
    let version = quizzes.version(&id, version).await?;
    let version = version.ok_or_else(|| Problem::new(QUIZ_VERSION_NOT_FOUND))?;
    show(&id, &version.card(), language, &headers, UNCHANGING, &if_none_match)
}

fn show(
    id: &QuizId,
    card: &QuizCard,
    language: Option<String>,
    headers: &HeaderMap,
    freshness: Freshness,
    if_none_match: &IfNoneMatch,
) -> Result<Response, Problem> {
    let language: Language = match language {
        Some(text) => parameter("language", &text)?,
        None => language::preferred(headers, &card.title, &card.language),
    };
    let mut response = answer(&QuizOut::new(id, card, &language), freshness, if_none_match)?;
    // Shared caches keep an answer for each.
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-language"));
    Ok(response)
}

fn answer(
    out: &impl Serialize,
    freshness: Freshness,
    if_none_match: &IfNoneMatch,
) -> Result<Response, Problem> {
    let text = serde_json::to_string(out).map_err(Problem::internal)?;
    Ok(public::answer(&Document::new(text), "application/json", freshness, if_none_match))
}

/// Whoever asks for no cached answer (RFC 9111, 5.2.1.4) gets what was changed a moment ago: an author who
/// has just published, on another instance.
fn freshest(headers: &HeaderMap) -> Freshest {
    let directives = headers.get_all(header::CACHE_CONTROL).iter();
    let mut directives =
        directives.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
    if directives.any(|directive| directive.trim().eq_ignore_ascii_case("no-cache")) {
        Freshest::Required
    } else {
        Freshest::Cached
    }
}

fn parameter<T>(name: &'static str, text: &str) -> Result<T, Problem>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.parse().map_err(|error: T::Err| {
        Problem::new(Code::QUERY_INVALID).field(name, format!("must be {error}"))
    })
}

fn page_size(text: &str) -> Result<u8, Problem> {
    text.parse().ok().filter(|limit| (1..=MAX_PAGE).contains(limit)).ok_or_else(|| {
        Problem::new(Code::QUERY_INVALID).field("limit", format!("must be 1 to {MAX_PAGE}"))
    })
}
