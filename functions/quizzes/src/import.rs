//! Quizzes from files of other systems.

use axum::{
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
};
use minigate_domain::{
    InvalidField, Language,
    quizzes::{QuizId, Topic},
};
use minigate_platform::{
    Code, Platform, Problem,
    auth::{self, User},
    extract::{Json, Query, Service},
    schemas,
};
use minigate_quiz_import::{
    Import, ImportOptions, ImportedQuiz, MAX_ROUTE_BYTES, Reason, Refusal, Report, import,
};
use minigate_service::quizzes::{Author, KnownDraft, PublishOutcome, PutDraftOutcome, Quizzes};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{IMPORT_REFUSED, schema::QuizFile, write::may_change_all};

/// A file's name is for messages, and its ending for the format.
const MAX_NAME: usize = 128;

/// Imports quizzes from a file of at most 1 MiB: own JSON, GIFT, Aiken or Moodle XML.
///
/// They become drafts, and with `publish=true` published versions. With `dry_run=true` nothing is written, and the
/// report says what would come. A file that contradicts itself is refused as a whole, with its line. Importing a file
/// again changes nothing.
#[utoipa::path(
    post, path = "/v1/quizzes/import", tag = "quizzes", operation_id = "import_quizzes",
    params(
        ("file" = Option<String>, Query, description = "The name of the file, whose ending tells the format; else the content does", max_length = 128),
        ("format" = Option<String>, Query, description = "The format, where no name tells it", max_length = 16, pattern = "^(json|gift|aiken|moodle-xml)$"),
        ("language" = Option<schemas::Language>, Query, description = "The language of a file that names none; `en` without"),
        ("topic" = Option<String>, Query, description = "What quizzes are listed under where the file names nothing; `general` without", min_length = 2, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"),
        ("dry_run" = Option<bool>, Query, description = "Only report"),
        ("publish" = Option<bool>, Query, description = "Publish too"),
    ),
    request_body(content = QuizFile, content_type = "text/plain", description = "The file, in UTF-8, whatever its media type is called"),
    security(("accessToken" = ["author"]), ("initData" = ["author"])),
    responses(
        (status = 200, description = "What came of the file", body = ImportOut),
        (status = 422, description = "The file is refused, with its line"),
    ),
)]
pub(crate) async fn import_quizzes(
    State(platform): State<Platform>,
    auth::Author(user): auth::Author,
    Service(quizzes): Service<Quizzes>,
    query: Query,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<ImportOut>, Problem> {
    let [file, format, language, topic, dry_run, publish] =
        query.optional(["file", "format", "language", "topic", "dry_run", "publish"])?;
    let name = file_name(file, format, &headers)?;
    let mut options = ImportOptions { max_bytes: MAX_ROUTE_BYTES, ..ImportOptions::default() };
    if let Some(language) = language {
        options.language = language.parse::<Language>().map_err(|error| bad("language", &error))?;
    }
    if let Some(topic) = topic {
        options.topics = vec![topic.parse::<Topic>().map_err(|error| bad("topic", &error))?];
    }
    let (dry_run, publish) = (flag("dry_run", dry_run)?, flag("publish", publish)?);
    let body = body.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::new(Code::BODY_TOO_LARGE)
        } else {
            Problem::new(Code::BODY_MALFORMED).detail("The body ended early.")
        }
    })?;
    let Import { quizzes: found, report } =
        import(&name, &body, &options).map_err(|refusal| refused(&refusal))?;
    let mut out = Vec::with_capacity(found.len());
    for quiz in found {
        let outcome = if dry_run {
            Outcome::NotWritten
        } else {
            bring_in(&platform, &quizzes, &user, &quiz, publish).await?
        };
        out.push(ImportedOut::new(&quiz, outcome));
    }
    Ok(Json(ImportOut { dry_run, quizzes: out, report }))
}

async fn bring_in(
    platform: &Platform,
    quizzes: &Quizzes,
    user: &User,
    quiz: &ImportedQuiz,
    publish: bool,
) -> Result<Outcome, Problem> {
    let ImportedQuiz { id, draft, .. } = quiz;
    let mut author = Author { id: user.id, may_change_all: false };
    let mut put = quizzes.put_draft(id, draft, author, KnownDraft::Nothing).await?;
    if put == PutDraftOutcome::NotOwner && may_change_all(platform, user).await? {
        author.may_change_all = true;
        put = quizzes.put_draft(id, draft, author, KnownDraft::Nothing).await?;
    }
    let stored = match put {
        PutDraftOutcome::Created(quiz) | PutDraftOutcome::Saved(quiz) => quiz,
        // Nothing is known of the draft that is replaced, so none is stale.
        PutDraftOutcome::NotOwner | PutDraftOutcome::Stale(_) => return Ok(Outcome::NotYours),
    };
    if !publish {
        return Ok(Outcome::Drafted { draft: stored.draft });
    }
    match quizzes.publish(id, author, Some(stored.draft)).await? {
        PublishOutcome::Published(quiz) | PublishOutcome::Unchanged(quiz) => {
            Ok(Outcome::Published { version: quiz.card.map_or(0, |card| card.version.get()) })
        }
        // Somebody replaced the draft in between: that one is theirs to publish.
        _ => Ok(Outcome::Drafted { draft: stored.draft }),
    }
}

fn file_name(
    file: Option<String>,
    format: Option<String>,
    headers: &HeaderMap,
) -> Result<String, Problem> {
    let name = file.unwrap_or_else(|| "import".to_owned());
    let fits = (1..=MAX_NAME).contains(&name.len()) && !name.chars().any(char::is_control);
    if !fits {
        return Err(bad("file", &InvalidField::new("a name of 1 to 128 bytes")));
    }
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let ending = match (format.as_deref(), media_type.and_then(|text| text.split(';').next())) {
        (Some("json"), _) => ".json",
        (Some("gift"), _) => ".gift",
        (Some("aiken"), _) => ".aiken",
        (Some("moodle-xml"), _) => ".xml",
        (Some(_), _) => {
            let expected = InvalidField::new("`json`, `gift`, `aiken` or `moodle-xml`");
            return Err(bad("format", &expected));
        }
        (None, _) if name.contains('.') => "",
        (None, Some("application/json")) => ".json",
        (None, Some("application/xml" | "text/xml")) => ".xml",
        (None, _) => "",
    };
    Ok(if name.ends_with(ending) { name } else { name + ending })
}

fn flag(name: &'static str, text: Option<String>) -> Result<bool, Problem> {
    match text.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(bad(name, &InvalidField::new("`true` or `false`"))),
    }
}

fn bad(name: &'static str, error: &InvalidField) -> Problem {
    Problem::new(Code::QUERY_INVALID).field(name, format!("must be {error}"))
}

/// The place in the file is the field: `quiz.gift:12`.
fn refused(refusal: &Refusal) -> Problem {
    if refusal.reason == Reason::TooLarge {
        return Problem::new(Code::BODY_TOO_LARGE);
    }
    let Refusal { file, line, question, reason, detail } = refusal;
    let question = question.as_ref().map_or(String::new(), |name| format!("question {name}: "));
    let message = format!("{question}{detail} ({})", reason.code());
    Problem::new(IMPORT_REFUSED).field(format!("{file}:{line}"), message)
}

/// What came of a file.
#[derive(Serialize, ToSchema)]
#[schema(as = QuizImport)]
pub(crate) struct ImportOut {
    /// Whether nothing was written.
    dry_run: bool,
    /// The quizzes of the file.
    #[schema(max_items = 200)]
    quizzes: Vec<ImportedOut>,
    /// Each question of the file, with its answers, and what was dropped or changed and why: docs/import.md.
    #[schema(value_type = Object)]
    report: Report,
}

/// A quiz of a file.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportedQuiz)]
struct ImportedOut {
    /// Its name.
    #[schema(min_length = 3, max_length = 40)]
    id: String,
    /// How many questions it has.
    #[schema(minimum = 1, maximum = 200)]
    questions: usize,
    /// What became of it.
    #[serde(flatten)]
    outcome: Outcome,
}

/// What became of a quiz.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportOutcome)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum Outcome {
    /// It was a dry run.
    NotWritten,
    /// It is the draft with this number.
    Drafted {
        /// The number.
        draft: u64,
    },
    /// It is published as this version.
    Published {
        /// The version.
        version: u32,
    },
    /// A quiz of another author has its name; nothing was written.
    NotYours,
}

impl ImportedOut {
    fn new(quiz: &ImportedQuiz, outcome: Outcome) -> Self {
        let id: &QuizId = &quiz.id;
        Self { id: id.to_string(), questions: quiz.draft.questions().count(), outcome }
    }
}
