//! The function of a schedule.

use std::time::{Duration, Instant};

use minigate_domain::Timestamp;
use serde_json::Value;
use tracing::Instrument;

use super::{Cause, Receipt, contained, time_for};
use crate::{
    Code, Metric, Platform, Problem,
    events::{Answers, Failure, Invocation},
    layers::log_causes,
};

/// What a function does when its schedule fires.
pub trait Job: Send + Sync + 'static {
    /// The job's name, for the log and as a part of causes.
    const NAME: &'static str;

    /// The most time that it may take.
    const TIME: Duration = Duration::from_secs(50);

    /// Does what is due. The schedule may have fired for this moment before; the [`Receipt`] says why
    /// that does no harm.
    fn run(
        &self,
        platform: &Platform,
        tick: &Tick,
    ) -> impl Future<Output = Result<Receipt, Problem>> + Send;
}

/// A moment at which a schedule fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The moment for which it fired, in whole seconds: not when, which may be later and more than once.
    pub scheduled_for: Timestamp,
    /// The job and that moment.
    pub cause: Cause,
}

/// The function of a job.
pub(crate) struct OfSchedule<J>(pub(crate) J);

impl<J: Job> Answers for OfSchedule<J> {
    async fn answer(
        &self,
        platform: &Platform,
        event: &Value,
        invocation: &Invocation,
    ) -> Result<Value, Failure> {
        let started = Instant::now();
        let request_id = invocation.request_id.as_str();
        let span = tracing::info_span!("schedule", request_id);
        async {
            let outcome = self.run(platform, event, invocation).await;
            if let Err(problem) = &outcome {
                log_causes(problem);
                platform.metrics.count(Metric::SERVER_ERRORS);
            }
            let code = outcome.as_ref().err().map(Problem::code);
            let is_repeated = outcome.as_ref().is_ok_and(|receipt| receipt.is_repeated());
            tracing::info!(
                request_id,
                job = J::NAME,
                outcome = match code {
                    Some(_) => "failed",
                    None if is_repeated => "repeated",
                    None => "done",
                },
                code = code.map(Code::as_str),
                duration_ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3,
                "schedule"
            );
            outcome.map(|_| Value::Null).map_err(|problem| Failure::of(problem.code()))
        }
        .instrument(span)
        .await
    }
}

impl<J: Job> OfSchedule<J> {
    async fn run(
        &self,
        platform: &Platform,
        event: &Value,
        invocation: &Invocation,
    ) -> Result<Receipt, Problem> {
        let time = event["time"].as_str().unwrap_or_default();
        let scheduled_for = unix_seconds(time).ok_or_else(|| Problem::new(Code::BODY_INVALID))?;
        let scheduled_for = Timestamp::from_unix_millis(scheduled_for * 1_000);
        let tick = Tick { scheduled_for, cause: Cause::new(J::NAME, time) };
        let left = time_for(platform, invocation.deadline_unix_millis, J::TIME);
        contained(platform, left, self.0.run(platform, &tick)).await
    }
}

/// The time of an event, `2026-11-24T11:07:00Z`, in seconds since 1970.
fn unix_seconds(time: &str) -> Option<u64> {
    let number = |from: usize, to: usize| -> Option<u64> {
        let digits = time.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    if shape != "0000-00-00T00:00:00Z" {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let is_good = year >= 1970 && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !is_good || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Source: https://howardhinnant.github.io/date_algorithms.html#days_from_civil
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (shifted_year / 400, shifted_year % 400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_stand_in_events() {
        for (time, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T23:59:59Z", Some(951_868_799)),
            ("2025-10-09T08:53:20Z", Some(1_760_000_000)),
            ("2100-03-01T00:00:00Z", Some(4_107_542_400)),
            ("2025-13-09T08:53:20Z", None),
            ("2025-10-09T24:00:00Z", None),
            ("2025-10-09 08:53:20Z", None),
            ("2025-10-09T08:53:20+01:00", None),
            ("+025-10-09T08:53:20Z", None),
            ("1969-12-31T23:59:59Z", None),
            ("", None),
        ] {
            assert_eq!(unix_seconds(time), seconds, "{time}");
        }
    }
}
