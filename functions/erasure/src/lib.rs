//! Erases users whose days of grace are over.
//!
//! A schedule starts it each hour. It reads the erasures that are due, the oldest first, 25 at a time, and
//! erases one user after the other until its time is over; the next run goes on. One that cannot be erased
//! stays due and does not keep the others waiting, and the run fails in the end, which an alarm shows.
//! What it does to a user, and why each step may be repeated, says `minigate_service::accounts`.

use std::time::Duration;

use minigate_platform::{
    Function, Metric, Needs, Platform, Problem,
    workers::{Job, Receipt, Tick},
};
use minigate_service::accounts::{DueErasure, EraseOutcome};

/// Users who were erased.
const USERS_ERASED: Metric = Metric::of_deployment("UsersErased");
/// Erasures that failed, and are tried again by the next run.
const ERASURES_FAILED: Metric = Metric::of_deployment("ErasuresFailed");

/// What is left of the job's time is for what it is doing then.
const WORKING_TIME: Duration = Duration::from_secs(35);

/// The function, as its `main` runs it and `cargo dev` starts it.
pub fn function() -> Function {
    Function::schedule("erasure", EraseUsers, Needs::STORE)
}

/// The job.
#[derive(Clone, Copy, Debug)]
pub struct EraseUsers;

#[derive(Default)]
struct Counts {
    erased: u64,
    taken_back: u64,
    unfinished: u64,
    failed: u64,
    last_failure: Option<Problem>,
}

impl Job for EraseUsers {
    const NAME: &'static str = "erasure";

    async fn run(&self, platform: &Platform, _: &Tick) -> Result<Receipt, Problem> {
        let until = platform.now().after(WORKING_TIME);
        let mut counts = Counts::default();
        let mut last: Option<DueErasure> = None;
        'pages: loop {
            let page = platform.accounts.due_erasures(last.as_ref()).await?;
            for due in &page {
                match platform.accounts.erase(due, until).await {
                    Ok(EraseOutcome::Erased) => counts.erased += 1,
                    Ok(EraseOutcome::TakenBack) => counts.taken_back += 1,
                    Ok(EraseOutcome::Unfinished) => counts.unfinished += 1,
                    Err(error) => {
                        counts.failed += 1;
                        counts.last_failure = Some(error.into());
                    }
                }
                if platform.now() >= until {
                    break 'pages;
                }
            }
            let Some(due) = page.into_iter().next_back() else { break };
            last = Some(due);
        }
        counts.report(platform)
    }
}

impl Counts {
    fn report(self, platform: &Platform) -> Result<Receipt, Problem> {
        let Self { erased, taken_back, unfinished, failed, last_failure } = self;
        platform.metrics.add(&[(USERS_ERASED, erased), (ERASURES_FAILED, failed)]);
        tracing::info!(erased, taken_back, unfinished, failed, "erasures");
        match last_failure {
            Some(problem) => Err(problem),
            None => Ok(Receipt::harmless("what is deleted is not there the second time")),
        }
    }
}
