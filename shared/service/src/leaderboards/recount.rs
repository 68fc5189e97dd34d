//! Recounts, which administrators start.

use futures_util::future::BoxFuture;
use minigate_domain::{AuditEntry, UserId, leaderboards::Board};
pub use minigate_store::leaderboards::{Difference, RecountOutcome, RecountStep, Recounted};

use super::{Leaderboards, LeaderboardsError};

impl Leaderboards {
    /// Makes a step of a recount for an administrator, and records it if it was to repair what it finds.
    ///
    /// # Errors
    /// [`LeaderboardsError::Store`]. Repeating it is safe.
    pub fn recount<'a>(
        &'a self,
        board: &'a Board,
        step: RecountStep,
        repairs: bool,
        admin: UserId,
    ) -> BoxFuture<'a, Result<RecountOutcome, LeaderboardsError>> {
        // As a trait object: the compiler has a limit on how deep futures may be nested.
        Box::pin(async move {
            let outcome = self.0.store.recount(board, step, repairs).await?;
            if let RecountOutcome::Done(recounted) = &outcome
                && repairs
            {
                let (entropy, now) = (&*self.0.entropy, self.0.clock.now());
                let subject = format!("leaderboard/{board}");
                let repaired = recounted.differences.iter().filter(|it| it.is_repaired).count();
                let entry = AuditEntry::new(entropy, now, admin, "leaderboard.recounted", subject)
                    .change(None, Some(format!("{{\"repaired\":{repaired}}}")));
                self.0.store.record(&entry).await?;
            }
            Ok(outcome)
        })
    }

    /// The steps of a recount, in their order.
    pub fn recount_steps(board: &Board) -> Vec<RecountStep> {
        let pages = board.scope.pages().map(RecountStep::Page);
        pages.chain([RecountStep::Sums]).collect()
    }
}
