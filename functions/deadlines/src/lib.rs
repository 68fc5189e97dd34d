//! Deadlines: attempts whose time is over and that nobody looks at are scored each minute.
//!
//! A sweep is one query for each of 16 shards of the open attempts, and for each that is over what a submission
//! costs: one read and one transaction. It leaves an attempt to its user for a minute.

use std::time::Duration;

use minigate_platform::{
    Function, Needs, Platform, Problem,
    workers::{Handler, Job, Receipt, Tick},
};
use minigate_service::attempts::Attempts;

/// Less than a job may take, so that a sweep ends by itself.
const LIMIT: Duration = Duration::from_secs(40);

/// The function, as its `main` runs it.
pub fn function() -> Function {
    Function::schedule("deadlines", Sweep, Needs::STORE)
}

/// The function, as `cargo dev` fires it.
pub fn handler() -> Handler {
    Handler::schedule(Sweep)
}

struct Sweep;

impl Job for Sweep {
    const NAME: &'static str = "deadlines";

    async fn run(&self, platform: &Platform, _: &Tick) -> Result<Receipt, Problem> {
        let attempts: Attempts = platform.service();
        let swept = attempts.sweep(&platform.service(), LIMIT).await?;
        // What failed stays due, and does not keep the others waiting. The run fails, which an alarm shows.
        if let Some(failure) = swept.last_failure {
            return Err(failure.into());
        }
        Ok(Receipt::harmless("an attempt is scored once, whoever notices that it is over"))
    }
}
