//! Quizzes: what everybody reads of them, and what their authors write.
//!
//! | route | who | store calls |
//! |---|---|---|
//! | `GET /v1/quizzes` | anyone | none when warm; else 1 query |
//! | `GET /v1/quizzes/{id}` | anyone | none when warm; else 1 read |
//! | `GET /v1/quizzes/{id}/versions/{version}` | anyone | none when warm; else 1 read |
//! | `GET /v1/quizzes/{id}/draft` | its author, administrators | 1 read |
//! | `PUT /v1/quizzes/{id}` | the same, or any author if it is new | 1 read, 1 write |
//! | `POST /v1/quizzes/{id}/publish` | its author, administrators | 1 query, 1 write, 2 stamps |
//! | `POST /v1/quizzes/{id}/archive` | the same | 1 read, 1 write, 2 stamps |
//! | `POST /v1/quizzes/import` | authors, administrators | for each quiz what a `PUT`, and a publication if asked for, cost |
//!
//! What an author does also takes a session that has not been revoked: one read more.
//!
//! Questions come with an attempt, and their answers after its submission: no public answer of this function
//! has either. The draft, which has both, goes to its author and to administrators only, and no cache keeps it.
//!
//! A `PUT`, a publication, archiving and an import may be repeated: whoever sends the same draft again, or publishes
//! what is published, changes nothing and gets the same answer. So none of them takes an `Idempotency-Key`.

mod cursor;
mod import;
mod language;
mod read;
mod schema;
mod wire;
mod write;

use axum::{extract::DefaultBodyLimit, http::StatusCode};
use minigate_domain::quizzes::MAX_CONTENT_BYTES;
use minigate_platform::{Code, Function, Needs, Router};
use minigate_quiz_import::MAX_ROUTE_BYTES;
use minigate_service::quizzes::NAMESPACES;
use utoipa_axum::routes;

const QUIZ_NOT_FOUND: Code =
    Code::new("quiz_not_found", StatusCode::NOT_FOUND, "There is no quiz with this name");
const QUIZ_VERSION_NOT_FOUND: Code =
    Code::new("quiz_version_not_found", StatusCode::NOT_FOUND, "The quiz has no such version");
const QUIZ_ARCHIVED: Code =
    Code::new("quiz_archived", StatusCode::GONE, "The quiz is no longer offered");
const QUIZ_NOT_PUBLISHED: Code =
    Code::new("quiz_not_published", StatusCode::CONFLICT, "The quiz was never published");
const QUIZ_VERSIONS_EXHAUSTED: Code =
    Code::new("quiz_versions_exhausted", StatusCode::CONFLICT, "The quiz has 9,999 versions");
const QUIZ_NOT_YOURS: Code =
    Code::new("quiz_not_yours", StatusCode::FORBIDDEN, "The quiz belongs to another author");
const DRAFT_INVALID: Code = Code::new(
    "draft_invalid",
    StatusCode::UNPROCESSABLE_ENTITY,
    "The draft cannot become a quiz as it is",
);
const IMPORT_REFUSED: Code = Code::new(
    "import_refused",
    StatusCode::UNPROCESSABLE_ENTITY,
    "The file contradicts itself or is in no known format",
);
const CURSOR_INVALID: Code =
    Code::new("cursor_invalid", StatusCode::BAD_REQUEST, "The cursor is not one of this list");

/// A draft, and room for white space.
const DRAFT_LIMIT: usize = 2 * MAX_CONTENT_BYTES;

/// The function, as its `main` runs it and `cargo dev` serves it.
pub fn function() -> Function {
    Function::routes("quizzes", router, Needs::ALL).with_namespaces(&NAMESPACES).with_codes(&[
        QUIZ_NOT_FOUND,
        QUIZ_VERSION_NOT_FOUND,
        QUIZ_ARCHIVED,
        QUIZ_NOT_PUBLISHED,
        QUIZ_VERSIONS_EXHAUSTED,
        QUIZ_NOT_YOURS,
        DRAFT_INVALID,
        IMPORT_REFUSED,
        CURSOR_INVALID,
    ])
}

/// The routes of this function.
pub fn router() -> Router {
    Router::new()
        .routes(routes!(read::list_quizzes))
        .routes(routes!(read::read_quiz, write::put_quiz))
        .routes(routes!(read::read_quiz_version))
        .routes(routes!(write::read_draft))
        .routes(routes!(write::publish_quiz))
        .routes(routes!(write::archive_quiz))
        .layer(DefaultBodyLimit::max(DRAFT_LIMIT))
        .merge(
            Router::new()
                .routes(routes!(import::import_quizzes))
                .layer(DefaultBodyLimit::max(MAX_ROUTE_BYTES)),
        )
}
