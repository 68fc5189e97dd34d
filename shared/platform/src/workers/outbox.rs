//! The outbox on the platform's table, and the draining of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::Client;
use minigate_domain::{Clock, Entropy};
use minigate_outbox::{DynamoTable, Limits, Outbox, Policy, Receiver};

use super::Receipt;
use crate::{Code, Metric, Platform, Problem};

/// The outbox of the deployment, in the table of what must last.
pub type EffectOutbox = Outbox<DynamoTable, OutboxClock>;

/// The platform's clock, for the outbox.
#[derive(Clone)]
pub struct OutboxClock(Arc<dyn Clock>);

impl minigate_outbox::Clock for OutboxClock {
    fn unix_millis(&self) -> u64 {
        self.0.now().unix_millis()
    }
}

pub(crate) fn outbox(
    client: &Client,
    table: &str,
    clock: &Arc<dyn Clock>,
    entropy: &dyn Entropy,
) -> EffectOutbox {
    let mut seed = [0; 8];
    entropy.fill(&mut seed);
    let table = DynamoTable::new(client.clone(), table);
    let clock = OutboxClock(Arc::clone(clock));
    Outbox::new(table, clock, Policy::default(), u64::from_le_bytes(seed))
}

/// Performs what is due in a lane of the outbox, for so long at most, and counts it. For a worker that is
/// nudged after a commit, and for a job that each minute finds what no nudge did.
///
/// # Errors
/// A problem if DynamoDB did not answer, so that the nudge comes again.
pub async fn drain<R: Receiver>(
    platform: &Platform,
    lane: &str,
    receiver: &R,
    time: Duration,
) -> Result<Receipt, Problem> {
    let started = Instant::now();
    let limits = Limits { time, ..Limits::default() };
    let report = platform.outbox.drain(lane, receiver, &limits).await;
    let count = |count: usize| count as u64;
    platform.metrics.add(&[
        (Metric::EFFECTS_PERFORMED, count(report.performed)),
        (Metric::EFFECTS_RETRIED, count(report.retried)),
        (Metric::EFFECTS_PARKED, count(report.parked)),
        (Metric::EFFECTS_UNKNOWN, count(report.unknown)),
        (Metric::EFFECTS_MALFORMED, count(report.malformed)),
    ]);
    tracing::info!(
        lane,
        attempts = report.attempts,
        performed = report.performed,
        retried = report.retried,
        parked = report.parked,
        unknown = report.unknown,
        has_more = report.has_more,
        duration_ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3,
        "drained"
    );
    if report.table_errors > 0 {
        return Err(Problem::new(Code::STORE_UNAVAILABLE));
    }
    Ok(Receipt::harmless("each effect is claimed before it is performed"))
}
