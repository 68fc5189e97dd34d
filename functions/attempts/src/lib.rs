//! Attempts: a user takes a quiz.
//!
//! | route | who | store calls |
//! |---|---|---|
//! | `POST /v1/quizzes/{id}/attempts` | the user | 1 transaction; 1 read and 1 transaction more if an attempt must be scored first |
//! | `GET /v1/attempts/{id}` | the user | 1 read; of one whose time is over also what a submission does |
//! | `PUT /v1/attempts/{id}/answers/{question}` | the user | 1 update |
//! | `POST /v1/attempts/{id}/submit` | the user | 1 read, 1 transaction |
//! | `GET /v1/me/attempts` | the user | 1 query |
//!
//! A start needs an `Idempotency-Key`, because it counts against the attempts of the day. An answer may be sent
//! again, replaces the one before, and is taken until the deadline, by the server's clock. A submission may be
//! repeated: an attempt is scored once, and everybody after that gets the same result.
//!
//! Another user's attempt is not found.

mod answers;
mod limits;
mod wire;

use std::convert::Infallible;

use axum::{
    extract::{FromRequestParts, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use minigate_domain::{
    AttemptId, CertificateId, Language, Timestamp,
    attempts::{AnswerKind, AnswerRefusal, Misfit},
    quizzes::{QuestionId, QuizId},
};
use minigate_platform::{
    Code, Function, Needs, Platform, Problem, Router,
    auth::User,
    extract::{Idempotent, Json, Path, Query, Service, repeated},
    limits::{Charge, RateLimits},
    schemas,
};
use minigate_service::attempts::{AttemptView, Attempts, Others, Start, StartOutcome};
use minigate_store::attempts::AnswerOutcome;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

pub use self::limits::{LIMITS, START};
use self::{
    answers::AnswerIn,
    wire::{AnsweredOut, AttemptOut, AttemptsOut},
};

/// The same as that of `quizzes`.
const QUIZ_NOT_FOUND: Code =
    Code::new("quiz_not_found", StatusCode::NOT_FOUND, "There is no quiz with this name");
const ATTEMPT_NOT_FOUND: Code =
    Code::new("attempt_not_found", StatusCode::NOT_FOUND, "This user has no attempt with this id");
const QUIZ_CLOSED: Code =
    Code::new("quiz_closed", StatusCode::CONFLICT, "The quiz takes no new attempts");
const ATTEMPT_OPEN: Code =
    Code::new("attempt_open", StatusCode::CONFLICT, "An attempt at this quiz is open");
const ATTEMPTS_USED_UP: Code = Code::new(
    "attempts_used_up",
    StatusCode::TOO_MANY_REQUESTS,
    "The user has started as many attempts at this quiz today as they may",
);
const NOT_RENEWABLE: Code = Code::new(
    "certificate_not_renewable",
    StatusCode::UNPROCESSABLE_ENTITY,
    "An attempt at this quiz cannot renew this certificate",
);
const RENEWAL_TOO_EARLY: Code =
    Code::new("renewal_too_early", StatusCode::CONFLICT, "The certificate cannot be renewed yet");
const ATTEMPT_SUBMITTED: Code = Code::new(
    "attempt_submitted",
    StatusCode::CONFLICT,
    "The attempt was submitted and takes no answers",
);
const ATTEMPT_OVER: Code =
    Code::new("attempt_over", StatusCode::CONFLICT, "The attempt's time is over");
const QUESTION_NOT_ASKED: Code =
    Code::new("question_not_asked", StatusCode::NOT_FOUND, "The attempt has no such question");
const ANSWER_KIND: Code = Code::new(
    "answer_kind_wrong",
    StatusCode::UNPROCESSABLE_ENTITY,
    "The question takes another kind of answer",
);
const OPTION_UNKNOWN: Code = Code::new(
    "option_unknown",
    StatusCode::UNPROCESSABLE_ENTITY,
    "The question has no such option",
);
const PLACE_REPEATED: Code = Code::new(
    "place_repeated",
    StatusCode::UNPROCESSABLE_ENTITY,
    "The answer has the same option at two places",
);
const ANSWER_INCOMPLETE: Code = Code::new(
    "answer_incomplete",
    StatusCode::UNPROCESSABLE_ENTITY,
    "The answer must have a place for every step",
);

/// The function, as its `main` runs it and `cargo dev` serves it.
pub fn function() -> Function {
    Function::routes("attempts", router, Needs::ALL).with_limits(LIMITS).with_codes(&[
        QUIZ_NOT_FOUND,
        ATTEMPT_NOT_FOUND,
        QUIZ_CLOSED,
        ATTEMPT_OPEN,
        ATTEMPTS_USED_UP,
        NOT_RENEWABLE,
        RENEWAL_TOO_EARLY,
        ATTEMPT_SUBMITTED,
        ATTEMPT_OVER,
        QUESTION_NOT_ASKED,
        ANSWER_KIND,
        OPTION_UNKNOWN,
        PLACE_REPEATED,
        ANSWER_INCOMPLETE,
    ])
}

/// The routes of this function.
pub fn router() -> Router {
    Router::new()
        .routes(routes!(start_attempt))
        .routes(routes!(read_attempt))
        .routes(routes!(answer_question))
        .routes(routes!(submit_attempt))
        .routes(routes!(list_attempts))
}

/// Starts an attempt at a quiz.
///
/// The attempt is pinned to the quiz's present version, draws its questions and their order, and ends with the
/// quiz's time limit, or after a week. A user has one open attempt at a quiz: if there is one, the answer is
/// `attempt_open`, and `Location` says which. One whose time is over is scored first.
#[utoipa::path(
    post, path = "/v1/quizzes/{id}/attempts", tag = "attempts",
    params(
        ("id" = String, Path, description = "The quiz", min_length = 3, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"),
        ("Idempotency-Key" = schemas::IdempotencyKey, Header, description = "Names this request; for 24 hours a repetition gets the same attempt"),
    ),
    request_body = Option<NewAttempt>,
    security(("accessToken" = ["user"]), ("initData" = ["user"])),
    responses(
        (status = 201, description = "The attempt and its questions", body = AttemptOut, headers(("Location" = String))),
        (status = 404, description = "There is no such quiz"),
        (status = 409, description = "Another attempt is open, the quiz is closed, or the certificate cannot be renewed yet"),
        (status = 422, description = "A field of the body is wrong, or the certificate cannot be renewed"),
        (status = 429, description = "Too many requests, or the attempts of the day are used up"),
    ),
)]
async fn start_attempt(
    State(platform): State<Platform>,
    Service(attempts): Service<Attempts>,
    Beside(others): Beside,
    user: User,
    limits: RateLimits,
    Path(quiz): Path<QuizId>,
    request: Idempotent<NewAttempt>,
) -> Result<Response, Problem> {
    let (request, NewAttempt { language, renews }) = request.of(user.id);
    limits.admit(&[Charge::user(&START, user.id, user.tier)]).await?;
    let start = Start { user_id: user.id, quiz, language, renews };
    let now = platform.now();
    let view = match attempts.start(&others, start, &request).await? {
        StartOutcome::Started(view) => view,
        StartOutcome::NoQuiz => return Err(Problem::new(QUIZ_NOT_FOUND).field("id", "is no quiz")),
        StartOutcome::Archived => return Err(Problem::new(QUIZ_CLOSED).field("id", "is archived")),
        StartOutcome::Open { id, deadline } => return Err(open(id, deadline)),
        StartOutcome::UsedUp { until } => {
            return Err(Problem::new(ATTEMPTS_USED_UP).retry_after(until.since(now)));
        }
        StartOutcome::NotRenewable => {
            let problem = Problem::new(NOT_RENEWABLE);
            return Err(problem.field("renews", "is no certificate that this attempt could renew"));
        }
        StartOutcome::TooEarly(from) => {
            let seconds = from.unix_seconds();
            let problem = Problem::new(RENEWAL_TOO_EARLY).retry_after(from.since(now));
            return Err(problem.field("renews", format!("may be renewed from {seconds} on")));
        }
        StartOutcome::Repeated(repetition) => {
            return Err(repeated(repetition)
                .map_or_else(|problem| problem, |_| Problem::new(Code::REQUEST_UNDER_WAY)));
        }
    };
    let out = AttemptOut::of(&view);
    let location = format!("/v1/attempts/{}", out.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(out)).into_response())
}

fn open(id: AttemptId, deadline: Timestamp) -> Problem {
    let seconds = deadline.unix_seconds();
    let problem = Problem::new(ATTEMPT_OPEN)
        .detail(format!("The attempt {id} is open until {seconds} (Unix seconds)."));
    match HeaderValue::from_str(&format!("/v1/attempts/{id}")) {
        Ok(location) => problem.header(header::LOCATION, location),
        Err(_) => problem,
    }
}

/// Reads an attempt of the user.
///
/// While it is open, it has its questions and what was answered. After submission, or once its time is over, it
/// also has its result: per question what was earned, what was right, and why.
#[utoipa::path(
    get, path = "/v1/attempts/{id}", tag = "attempts",
    params(("id" = String, Path, description = "The attempt", min_length = 32, max_length = 32, pattern = "^[0-9a-f]{32}$")),
    security(("accessToken" = ["user"]), ("initData" = ["user"])),
    responses(
        (status = 200, description = "The attempt", body = AttemptOut),
        (status = 404, description = "The user has no such attempt"),
    ),
)]
async fn read_attempt(
    Service(attempts): Service<Attempts>,
    Beside(others): Beside,
    user: User,
    Path(id): Path<AttemptId>,
) -> Result<Json<AttemptOut>, Problem> {
    found(attempts.read(&others, user.id, id).await?)
}

/// Answers a question of an open attempt.
///
/// The answer replaces an earlier one. It has one field, which goes with the question's kind; choices and pairs
/// may be empty, to take an answer back.
#[utoipa::path(
    put, path = "/v1/attempts/{id}/answers/{question}", tag = "attempts",
    params(
        ("id" = String, Path, description = "The attempt", min_length = 32, max_length = 32, pattern = "^[0-9a-f]{32}$"),
        ("question" = String, Path, description = "The question", min_length = 1, max_length = 32, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"),
    ),
    request_body = AnswerIn,
    security(("accessToken" = ["user"]), ("initData" = ["user"])),
    responses(
        (status = 200, description = "The answer is taken", body = AnsweredOut),
        (status = 404, description = "The user has no such attempt, or it has no such question"),
        (status = 409, description = "The attempt was submitted, or its time is over"),
        (status = 422, description = "The answer does not fit the question"),
    ),
)]
async fn answer_question(
    Service(attempts): Service<Attempts>,
    user: User,
    Path(place): Path<Answering>,
    Json(answer): Json<AnswerIn>,
) -> Result<Json<AnsweredOut>, Problem> {
    let malformed = |field: &str| Problem::new(Code::PATH_INVALID).field(field, "is malformed");
    let id: AttemptId = place.id.parse().map_err(|_| malformed("id"))?;
    let question: QuestionId = place.question.parse().map_err(|_| malformed("question"))?;
    let given = answer.given()?;
    match attempts.answer(user.id, id, &question, &given).await? {
        AnswerOutcome::Taken(attempt) => Ok(Json(AnsweredOut::new(question, &attempt))),
        AnswerOutcome::NotFound => Err(Problem::new(ATTEMPT_NOT_FOUND)),
        AnswerOutcome::Refused(refusal) => Err(refused(refusal, given.kind())),
    }
}

fn refused(refusal: AnswerRefusal, given: AnswerKind) -> Problem {
    match refusal {
        AnswerRefusal::Scored => Problem::new(ATTEMPT_SUBMITTED),
        AnswerRefusal::Over => Problem::new(ATTEMPT_OVER),
        AnswerRefusal::NotAsked => {
            Problem::new(QUESTION_NOT_ASKED).field("question", "is not part of the attempt")
        }
        AnswerRefusal::Misfit(Misfit::Kind(asked)) => Problem::new(ANSWER_KIND).field(
            given.field(),
            format!(
                "must be `{}`, as the question is of the kind `{}`",
                asked.field(),
                asked.as_str()
            ),
        ),
        AnswerRefusal::Misfit(Misfit::Unknown { field }) => {
            Problem::new(OPTION_UNKNOWN).field(field, "is no option of the question")
        }
        AnswerRefusal::Misfit(Misfit::Repeated { field }) => {
            Problem::new(PLACE_REPEATED).field(field, "has a place already")
        }
        AnswerRefusal::Misfit(Misfit::Incomplete(steps)) => Problem::new(ANSWER_INCOMPLETE)
            .field(given.field(), format!("must have all {steps} steps")),
    }
}

/// Submits an attempt.
///
/// It is scored with the answers that it has, also after its deadline. A repetition, and whoever submits what was
/// scored before, gets the same result.
#[utoipa::path(
    post, path = "/v1/attempts/{id}/submit", tag = "attempts",
    params(("id" = String, Path, description = "The attempt", min_length = 32, max_length = 32, pattern = "^[0-9a-f]{32}$")),
    security(("accessToken" = ["user"]), ("initData" = ["user"])),
    responses(
        (status = 200, description = "The attempt with its result", body = AttemptOut),
        (status = 404, description = "The user has no such attempt"),
    ),
)]
async fn submit_attempt(
    Service(attempts): Service<Attempts>,
    Beside(others): Beside,
    user: User,
    Path(id): Path<AttemptId>,
) -> Result<Json<AttemptOut>, Problem> {
    found(attempts.submit(&others, user.id, id).await?)
}

fn found(view: Option<AttemptView>) -> Result<Json<AttemptOut>, Problem> {
    let view = view.ok_or_else(|| Problem::new(ATTEMPT_NOT_FOUND))?;
    Ok(Json(AttemptOut::of(&view)))
}

/// Lists the user's attempts, the newest first.
#[utoipa::path(
    get, path = "/v1/me/attempts", tag = "attempts",
    params(("cursor" = Option<String>, Query, description = "The cursor of the page before", min_length = 32, max_length = 32, pattern = "^[0-9a-f]{32}$")),
    security(("accessToken" = ["user"]), ("initData" = ["user"])),
    responses(
        (status = 200, description = "A page of the attempts", body = AttemptsOut),
    ),
)]
async fn list_attempts(
    State(platform): State<Platform>,
    Service(attempts): Service<Attempts>,
    user: User,
    query: Query,
) -> Result<Json<AttemptsOut>, Problem> {
    const PAGE: u8 = 20;
    let [cursor] = query.optional(["cursor"])?;
    let before = cursor.map(|text| text.parse()).transpose();
    let before = before.map_err(|_| {
        Problem::new(Code::QUERY_INVALID).field("cursor", "must be the cursor of a page")
    })?;
    let page = attempts.list(user.id, before, PAGE).await?;
    Ok(Json(AttemptsOut::new(page, platform.now())))
}

/// The services that attempts need.
struct Beside(Others);

impl FromRequestParts<Platform> for Beside {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, platform: &Platform) -> Result<Self, Infallible> {
        let (quizzes, leaderboards) = (platform.service(), platform.service());
        Ok(Self(Others { quizzes, leaderboards }))
    }
}

/// Where an answer goes. As texts: of two parameters, axum does not say which one is malformed.
#[derive(Deserialize)]
struct Answering {
    id: String,
    question: String,
}

/// What a client may say of a new attempt.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAttempt {
    /// The language of the texts, and of the answers to questions that take a few words. Texts that do not exist in it
    /// are in the quiz's.
    #[serde(default)]
    #[schema(value_type = Option<schemas::Language>)]
    language: Option<Language>,
    /// The certificate that a pass renews. The attempt may then be shorter, and counts for nothing else.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 32, max_length = 32, pattern = "^[0-9a-f]{32}$")]
    renews: Option<CertificateId>,
}
