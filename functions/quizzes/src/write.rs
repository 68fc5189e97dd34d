//! What authors write.

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use minigate_domain::{
    Role,
    quizzes::{Fault, Quiz, QuizDraft, QuizId},
};
use minigate_platform::{
    Code, Platform, Problem,
    auth::{self, User},
    extract::{IfMatch, Json, Path, Service},
    public::IfNoneMatch,
    schemas,
};
use minigate_service::quizzes::{
    ArchiveOutcome, Author, KnownDraft, PublishOutcome, PutDraftOutcome, Quizzes,
};

use crate::{
    DRAFT_INVALID, QUIZ_NOT_FOUND, QUIZ_NOT_PUBLISHED, QUIZ_NOT_YOURS, QUIZ_VERSIONS_EXHAUSTED,
    schema::QuizDraftSchema, wire::QuizStateOut,
};

/// Reads the draft of a quiz, with its answers. Only for its author and for administrators.
#[utoipa::path(
    get, path = "/v1/quizzes/{id}/draft", tag = "quizzes", operation_id = "read_quiz_draft",
    params(("id" = String, Path, description = "The name of the quiz", min_length = 3, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")),
    security(("accessToken" = ["author"]), ("initData" = ["author"])),
    responses(
        (status = 200, description = "The draft, as it was written", body = QuizDraftSchema, headers(("ETag" = String))),
        (status = 403, description = "The quiz belongs to another author"),
        (status = 404, description = "There is no such quiz"),
    ),
)]
pub(crate) async fn read_draft(
    State(platform): State<Platform>,
    auth::Author(user): auth::Author,
    Service(quizzes): Service<Quizzes>,
    Path(id): Path<QuizId>,
) -> Result<Response, Problem> {
    let stored = quizzes.draft(&id).await?.ok_or_else(|| Problem::new(QUIZ_NOT_FOUND))?;
    if stored.owner != Some(user.id) && !may_change_all(&platform, &user).await? {
        return Err(Problem::new(QUIZ_NOT_YOURS));
    }
    Ok(tagged(Json(stored.draft), stored.number))
}

/// Replaces the draft of a quiz, or creates a quiz. Nobody sees a draft before it is published.
///
/// A draft is complete or refused, with every fault's field. Sending the same draft again changes nothing.
#[utoipa::path(
    put, path = "/v1/quizzes/{id}", tag = "quizzes", operation_id = "put_quiz",
    params(
        ("id" = String, Path, description = "The name of the quiz, which the author chooses", min_length = 3, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"),
        ("If-Match" = Option<schemas::IfMatch>, Header, description = "The draft to replace; any other is answered 412"),
        ("If-None-Match" = Option<schemas::IfNoneMatch>, Header, description = "`*` creates a quiz and replaces none"),
    ),
    request_body = QuizDraftSchema,
    security(("accessToken" = ["author"]), ("initData" = ["author"])),
    responses(
        (status = 200, description = "The draft is replaced", body = QuizStateOut, headers(("ETag" = String))),
        (status = 201, description = "The quiz is created", body = QuizStateOut, headers(("ETag" = String), ("Location" = String))),
        (status = 403, description = "The quiz belongs to another author"),
        (status = 412, description = "The draft is another one"),
        (status = 422, description = "The draft cannot become a quiz as it is"),
    ),
)]
pub(crate) async fn put_quiz(
    State(platform): State<Platform>,
    auth::Author(user): auth::Author,
    Service(quizzes): Service<Quizzes>,
    Path(id): Path<QuizId>,
    if_match: IfMatch,
    if_none_match: IfNoneMatch,
    Json(draft): Json<QuizDraft>,
) -> Result<Response, Problem> {
    let known = match if_match {
        IfMatch::Absent if if_none_match.has("*") => KnownDraft::None,
        IfMatch::Absent => KnownDraft::Nothing,
        IfMatch::Any => KnownDraft::Some,
        IfMatch::Version(number) => KnownDraft::Number(number),
        IfMatch::Never => return Err(another_draft()),
    };
    let faults = draft.faults();
    if !faults.is_empty() {
        return Err(invalid(&faults));
    }
    let put = async |may_change_all| {
        let author = Author { id: user.id, may_change_all };
        quizzes.put_draft(&id, &draft, author, known).await
    };
    let mut outcome = put(false).await?;
    if outcome == PutDraftOutcome::NotOwner && may_change_all(&platform, &user).await? {
        outcome = put(true).await?;
    }
    match outcome {
        PutDraftOutcome::Created(quiz) => {
            let mut response = state(&id, &quiz);
            *response.status_mut() = StatusCode::CREATED;
            let location = HeaderValue::from_str(&format!("/v1/quizzes/{id}"));
            response.headers_mut().extend(location.ok().map(|place| (header::LOCATION, place)));
            Ok(response)
        }
        PutDraftOutcome::Saved(quiz) => Ok(state(&id, &quiz)),
        PutDraftOutcome::Stale(_) if known == KnownDraft::None => Err(mismatch(
            header::IF_NONE_MATCH,
            "asks for no quiz with this name, and there is one",
        )),
        PutDraftOutcome::Stale(_) => Err(another_draft()),
        PutDraftOutcome::NotOwner => Err(Problem::new(QUIZ_NOT_YOURS)),
    }
}

/// Publishes the draft as the next version of the quiz, which never changes again, and lists it.
///
/// Publishing the same draft again changes nothing. An archived quiz is offered again.
#[utoipa::path(
    post, path = "/v1/quizzes/{id}/publish", tag = "quizzes", operation_id = "publish_quiz",
    params(
        ("id" = String, Path, description = "The name of the quiz", min_length = 3, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"),
        ("If-Match" = Option<schemas::IfMatch>, Header, description = "The draft to publish; any other is answered 412"),
    ),
    security(("accessToken" = ["author"]), ("initData" = ["author"])),
    responses(
        (status = 200, description = "The quiz is published", body = QuizStateOut, headers(("ETag" = String))),
        (status = 403, description = "The quiz belongs to another author"),
        (status = 404, description = "There is no such quiz"),
        (status = 409, description = "The quiz has as many versions as there may be"),
        (status = 412, description = "The draft is another one"),
        (status = 422, description = "The draft cannot become a quiz as it is"),
    ),
)]
pub(crate) async fn publish_quiz(
    State(platform): State<Platform>,
    auth::Author(user): auth::Author,
    Service(quizzes): Service<Quizzes>,
    Path(id): Path<QuizId>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    let known = known_draft(if_match)?;
    let publish = async |may_change_all| {
        quizzes.publish(&id, Author { id: user.id, may_change_all }, known).await
    };
    let mut outcome = publish(false).await?;
    if outcome == PublishOutcome::NotOwner && may_change_all(&platform, &user).await? {
        outcome = publish(true).await?;
    }
    match outcome {
        PublishOutcome::Published(quiz) | PublishOutcome::Unchanged(quiz) => Ok(state(&id, &quiz)),
        PublishOutcome::Stale(_) => Err(another_draft()),
        PublishOutcome::Invalid(faults) => Err(invalid(&faults)),
        PublishOutcome::TooManyVersions => Err(Problem::new(QUIZ_VERSIONS_EXHAUSTED)),
        PublishOutcome::NotOwner => Err(Problem::new(QUIZ_NOT_YOURS)),
        PublishOutcome::NotFound => Err(Problem::new(QUIZ_NOT_FOUND)),
    }
}

/// Takes a quiz out of all lists and closes it to new attempts. Its versions stay readable.
#[utoipa::path(
    post, path = "/v1/quizzes/{id}/archive", tag = "quizzes", operation_id = "archive_quiz",
    params(
        ("id" = String, Path, description = "The name of the quiz", min_length = 3, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"),
        ("If-Match" = Option<schemas::IfMatch>, Header, description = "The draft that the quiz must have; any other is answered 412"),
    ),
    security(("accessToken" = ["author"]), ("initData" = ["author"])),
    responses(
        (status = 200, description = "The quiz is archived", body = QuizStateOut, headers(("ETag" = String))),
        (status = 403, description = "The quiz belongs to another author"),
        (status = 404, description = "There is no such quiz"),
        (status = 409, description = "The quiz was never published"),
        (status = 412, description = "The draft is another one"),
    ),
)]
pub(crate) async fn archive_quiz(
    State(platform): State<Platform>,
    auth::Author(user): auth::Author,
    Service(quizzes): Service<Quizzes>,
    Path(id): Path<QuizId>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    let known = known_draft(if_match)?;
    let archive = async |may_change_all| {
        quizzes.archive(&id, Author { id: user.id, may_change_all }, known).await
    };
    let mut outcome = archive(false).await?;
    if outcome == ArchiveOutcome::NotOwner && may_change_all(&platform, &user).await? {
        outcome = archive(true).await?;
    }
    match outcome {
        ArchiveOutcome::Archived(quiz) => Ok(state(&id, &quiz)),
        ArchiveOutcome::Stale(_) => Err(another_draft()),
        ArchiveOutcome::NotPublished => Err(Problem::new(QUIZ_NOT_PUBLISHED)),
        ArchiveOutcome::NotOwner => Err(Problem::new(QUIZ_NOT_YOURS)),
        ArchiveOutcome::NotFound => Err(Problem::new(QUIZ_NOT_FOUND)),
    }
}

/// Whether the user may change the quizzes of others. Asked only where a quiz is not their own.
pub(crate) async fn may_change_all(platform: &Platform, user: &User) -> Result<bool, Problem> {
    if platform.settings().admins.contains(&user.id) {
        return Ok(true);
    }
    let account = platform.accounts.get(user.id, false).await?;
    Ok(account.is_some_and(|account| account.roles.allow(Role::Admin, platform.now())))
}

fn known_draft(if_match: IfMatch) -> Result<Option<u64>, Problem> {
    match if_match {
        IfMatch::Absent | IfMatch::Any => Ok(None),
        IfMatch::Version(number) => Ok(Some(number)),
        IfMatch::Never => Err(another_draft()),
    }
}

/// At most 50 faults, each with its field.
fn invalid(faults: &[Fault]) -> Problem {
    let problem = Problem::new(DRAFT_INVALID);
    faults.iter().fold(problem, |problem, fault| problem.field(&fault.field, &fault.reason))
}

fn another_draft() -> Problem {
    mismatch(header::IF_MATCH, "is not the entity tag of the draft any more; read it again")
}

fn mismatch(header: HeaderName, message: &str) -> Problem {
    Problem::new(Code::VERSION_MISMATCH).field(header.as_str(), message)
}

fn state(id: &QuizId, quiz: &Quiz) -> Response {
    tagged(Json(QuizStateOut::new(id, quiz)), quiz.draft)
}

/// An answer with the draft's number as its entity tag.
fn tagged(answer: impl IntoResponse, draft: u64) -> Response {
    let mut response = answer.into_response();
    let tag = HeaderValue::from_str(&format!("\"{draft}\""));
    response.headers_mut().extend(tag.ok().map(|tag| (header::ETAG, tag)));
    response
}
