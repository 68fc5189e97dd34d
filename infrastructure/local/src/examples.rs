//! The quizzes that a development server begins with.

use futures_util::future::try_join_all;
use minigate_domain::{UserId, quizzes::QuizStatus};
use minigate_platform::Platform;
use minigate_quiz_import::{ImportedQuiz, examples};
use minigate_service::quizzes::{Author, KnownDraft, PutDraftOutcome, Quizzes};

use crate::{DevError, development};

/// Brings the quizzes of `examples/quizzes` in, all at once, through the importer, and publishes them. A quiz
/// that is there already stays as it is, whatever became of it: then it costs one read.
pub(crate) async fn bring_in(platform: &Platform) -> Result<(), DevError> {
    let failed = |error: &dyn std::fmt::Display| DevError::Examples(error.to_string());
    let quizzes = platform.service::<Quizzes>();
    let id = UserId::new(development::USER_ID).map_err(|error| failed(&error))?;
    let author = Author { id, may_change_all: false };
    let examples = examples().map_err(|error| failed(&error))?;
    let all = examples.iter().map(|example| bring_one_in(&quizzes, author, example));
    try_join_all(all).await.map(drop).map_err(|error| failed(&error))
}

async fn bring_one_in(
    quizzes: &Quizzes,
    author: Author,
    ImportedQuiz { id, draft, .. }: &ImportedQuiz,
) -> Result<(), minigate_store::StoreError> {
    let quiz = match quizzes.put_draft(id, draft, author, KnownDraft::None).await? {
        PutDraftOutcome::Created(quiz) | PutDraftOutcome::Saved(quiz) => quiz,
        PutDraftOutcome::Stale(_) | PutDraftOutcome::NotOwner => return Ok(()),
    };
    // A start that was stopped half way is finished by the next one.
    if quiz.status == QuizStatus::Draft {
        quizzes.publish(id, author, Some(quiz.draft)).await?;
    }
    Ok(())
}
