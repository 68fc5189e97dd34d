//! Schedules of EventBridge: when they fire and what they send.
//!
//! `rate(5 minutes)` and those of `cron(…)` that have numbers, `*` or `*/n` for minute and hour and `*`
//! or `?` for everything else; all in UTC. EventBridge counts a rate from when the rule was made; here
//! it is counted from the beginning of 1970, so that what is fired does not depend on the start.

use std::{fmt, str::FromStr};

use serde_json::{Value, json};

const MINUTE_MILLIS: u64 = 60_000;
const HOUR: u64 = 60;
const DAY: u64 = 24 * HOUR;

/// When something fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    expression: String,
    when: When,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum When {
    /// Every so many minutes.
    Rate(u64),
    Cron {
        minute: Field,
        hour: Field,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Is(u64),
    Every(u64),
}

impl Field {
    fn parse(text: &str, below: u64) -> Option<Self> {
        let number = |text: &str| text.parse().ok().filter(|number: &u64| *number < below);
        match (text, text.strip_prefix("*/")) {
            ("*", _) => Some(Self::Every(1)),
            (_, Some(step)) => number(step).filter(|step| *step > 0).map(Self::Every),
            (_, None) => number(text).map(Self::Is),
        }
    }

    const fn matches(self, value: u64) -> bool {
        match self {
            Self::Is(number) => value == number,
            Self::Every(step) => value.is_multiple_of(step),
        }
    }
}

/// A schedule that is none, or one that is not supported here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the schedule {0:?} must be `rate(5 minutes)` or `cron(0 3 * * ? *)`, with numbers, * or */n for \
     minute and hour, and * or ? for everything else"
)]
pub struct ScheduleError(String);

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let inner = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        let when = inner("rate").and_then(rate).or_else(|| inner("cron").and_then(cron));
        match when {
            Some(when) => Ok(Self { expression: text.to_owned(), when }),
            None => Err(ScheduleError(text.to_owned())),
        }
    }
}

fn rate(text: &str) -> Option<When> {
    let (number, unit) = text.split_once(' ')?;
    let number: u64 = number.parse().ok().filter(|number| (1..=10_000).contains(number))?;
    // As EventBridge has it: singular for one, plural for others.
    let minutes = match (unit.strip_suffix('s').unwrap_or(unit), unit.ends_with('s')) {
        (_, is_plural) if is_plural == (number == 1) => return None,
        ("minute", _) => 1,
        ("hour", _) => HOUR,
        ("day", _) => DAY,
        _ => return None,
    };
    Some(When::Rate(number * minutes))
}

fn cron(text: &str) -> Option<When> {
    let mut fields = text.split(' ');
    let minute = Field::parse(fields.next()?, HOUR)?;
    let hour = Field::parse(fields.next()?, 24)?;
    let rest: Vec<_> = fields.collect();
    let is_every_day = rest.len() == 4 && rest.iter().all(|field| matches!(*field, "*" | "?"));
    is_every_day.then_some(When::Cron { minute, hour })
}

impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.expression)
    }
}

impl Schedule {
    /// The first moment after this one at which it fires, both in Unix milliseconds.
    pub fn next_after(&self, unix_millis: u64) -> u64 {
        let after = unix_millis / MINUTE_MILLIS;
        let minute = match self.when {
            When::Rate(minutes) => (after / minutes + 1) * minutes,
            When::Cron { minute, hour } => {
                let fires = |at: &u64| minute.matches(at % HOUR) && hour.matches(at / HOUR % 24);
                // Each field matches something, so it fires within a day.
                (after + 1..=after + DAY).find(fires).unwrap_or(after + DAY)
            }
        };
        minute * MINUTE_MILLIS
    }
}

/// What a rule of EventBridge sends to its function when it fires.
pub fn event(rule: &str, id: &str, unix_millis: u64) -> Value {
    json!({
        "version": "0",
        "id": id,
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": rfc3339(unix_millis / 1_000),
        "region": "us-east-1",
        "resources": [format!("arn:aws:events:us-east-1:000000000000:rule/{rule}")],
        "detail": {},
    })
}

fn rfc3339(unix_seconds: u64) -> String {
    let (days, second) = (unix_seconds / 86_400, unix_seconds % 86_400);
    // Source: https://howardhinnant.github.io/date_algorithms.html#civil_from_days
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2025-10-09T08:53:20Z
    const NOW: u64 = 1_760_000_000_000;

    #[test]
    fn schedules_fire_when_they_say() {
        for (expression, next) in [
            ("rate(1 minute)", "2025-10-09T08:54:00Z"),
            ("rate(5 minutes)", "2025-10-09T08:55:00Z"),
            ("rate(1 hour)", "2025-10-09T09:00:00Z"),
            ("rate(2 days)", "2025-10-11T00:00:00Z"),
            ("cron(0 3 * * ? *)", "2025-10-10T03:00:00Z"),
            ("cron(*/15 * * * ? *)", "2025-10-09T09:00:00Z"),
            ("cron(30 */6 ? * * *)", "2025-10-09T12:30:00Z"),
        ] {
            let schedule: Schedule = expression.parse().unwrap();
            let first = schedule.next_after(NOW);
            assert_eq!(rfc3339(first / 1_000), next, "{expression}");
            assert!(schedule.next_after(first) > first, "{expression} fires twice at one moment");
            assert_eq!(schedule.to_string(), expression);
        }
    }

    #[test]
    fn others_are_refused_by_name() {
        for expression in [
            "rate(1 minutes)",
            "rate(5 minute)",
            "rate(0 minutes)",
            "rate(5)",
            "rate 5 minutes",
            "cron(0 3 * * *)",
            "cron(60 3 * * ? *)",
            "cron(0 3 1 * ? *)",
            "cron(*/0 3 * * ? *)",
            "",
        ] {
            let error = expression.parse::<Schedule>().unwrap_err();
            assert!(error.to_string().contains(&format!("{expression:?}")), "{error}");
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), date);
        }
    }
}
