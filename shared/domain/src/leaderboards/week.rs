//! Weeks as ISO 8601 numbers them: from Monday, in UTC; a year's first week has its first Thursday.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Timestamp;

const DAY_SECONDS: u64 = 24 * 60 * 60;
const MILLIS_PER_DAY: u64 = DAY_SECONDS * 1000;

/// A text that names no week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be an ISO week that exists, such as `2026-W48`")]
pub struct InvalidWeek;

/// A week that exists, from `1970-W01` to `9999-W52`.
///
/// Kept as the number of weeks since the Monday before the Unix epoch, whose Thursdays are the days 0, 7,
/// 14 … since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IsoWeek(u32);

impl IsoWeek {
    /// How long after its end the board of a week may still be read. DynamoDB deletes it some time later.
    pub const KEPT: Duration = Duration::from_secs(35 * DAY_SECONDS);

    /// The week of a moment; the last one for moments after the year 9999.
    pub fn of(moment: Timestamp) -> Self {
        let days = moment.unix_millis() / MILLIS_PER_DAY;
        let last = first_of_year(10_000) - 1;
        Self(u32::try_from((days + 3) / 7).unwrap_or(last).min(last))
    }

    /// When it begins: Monday, 0:00 UTC. The first one begins with the Unix epoch.
    pub fn start(self) -> Timestamp {
        Timestamp::from_unix_millis((u64::from(self.0) * 7).saturating_sub(3) * MILLIS_PER_DAY)
    }

    /// When the next one begins.
    pub fn end(self) -> Timestamp {
        Self(self.0 + 1).start()
    }

    /// Until when its board is kept.
    pub fn kept_until(self) -> Timestamp {
        self.end().after(Self::KEPT)
    }

    /// Whether it has begun, and its board is still kept.
    pub fn is_readable(self, now: Timestamp) -> bool {
        self <= Self::of(now) && now < self.kept_until()
    }

    fn year_and_number(self) -> (u32, u32) {
        let thursday = u64::from(self.0) * 7;
        let year = year_of(thursday);
        (year, self.0 - first_of_year(year) + 1)
    }
}

/// The number of a year's first week: the one that contains 4 January.
fn first_of_year(year: u32) -> u32 {
    u32::try_from((days_before_year(year) + 3 + 3) / 7).unwrap_or(u32::MAX)
}

/// Days from the Unix epoch to 1 January of a year that is not before 1970.
fn days_before_year(year: u32) -> u64 {
    let past = u64::from(year) - 1;
    let leap_days = |years: u64| years / 4 - years / 100 + years / 400;
    (past - 1969) * 365 + leap_days(past) - leap_days(1969)
}

/// The year of a day since the Unix epoch.
fn year_of(day: u64) -> u32 {
    // A year has 365.2425 days; the guess is never too late, and at most one too early.
    let guess = 1970 + u32::try_from(day * 400 / 146_097).unwrap_or(0);
    let guess = if days_before_year(guess) > day { guess - 1 } else { guess };
    if days_before_year(guess + 1) <= day { guess + 1 } else { guess }
}

impl fmt::Display for IsoWeek {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, number) = self.year_and_number();
        write!(formatter, "{year:04}-W{number:02}")
    }
}

impl FromStr for IsoWeek {
    type Err = InvalidWeek;

    fn from_str(text: &str) -> Result<Self, InvalidWeek> {
        let digits = |text: &str| {
            text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u32>().ok())?
        };
        let (year, number) = text.split_once("-W").ok_or(InvalidWeek)?;
        if (year.len(), number.len()) != (4, 2) {
            return Err(InvalidWeek);
        }
        let (year, number) = digits(year).zip(digits(number)).ok_or(InvalidWeek)?;
        if year < 1970 || number == 0 {
            return Err(InvalidWeek);
        }
        let week = Self(first_of_year(year) + number - 1);
        if week.year_and_number() == (year, number) { Ok(week) } else { Err(InvalidWeek) }
    }
}

impl TryFrom<String> for IsoWeek {
    type Error = InvalidWeek;

    fn try_from(text: String) -> Result<Self, InvalidWeek> {
        text.parse()
    }
}

impl From<IsoWeek> for String {
    fn from(week: IsoWeek) -> Self {
        week.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(unix_seconds: u64) -> IsoWeek {
        IsoWeek::of(Timestamp::from_unix_millis(unix_seconds * 1000))
    }

    /// Compared with `date --utc +%G-W%V`.
    #[test]
    fn the_turns_of_years() {
        for (unix_seconds, week) in [
            (0, "1970-W01"),
            (345_599, "1970-W01"),
            (345_600, "1970-W02"),
            (1_104_537_600, "2004-W53"), // 2005-01-01
            (1_230_768_000, "2009-W01"), // 2009-01-01
            (1_230_508_800, "2009-W01"), // 2008-12-29
            (1_230_508_799, "2008-W52"),
            (1_609_459_200, "2020-W53"), // 2021-01-01
            (1_609_718_400, "2021-W01"), // 2021-01-04
            (1_795_478_400, "2026-W48"), // 2026-11-24
            (1_798_675_200, "2026-W53"), // 2026-12-31
            (951_782_400, "2000-W09"),   // 2000-02-29
        ] {
            assert_eq!(at(unix_seconds).to_string(), week, "{unix_seconds}");
            assert_eq!(week.parse(), Ok(at(unix_seconds)));
        }
    }

    #[test]
    fn weeks_follow_each_other_without_a_gap() {
        let mut week = at(0);
        while week.to_string().as_str() < "2400-W01" {
            let next = IsoWeek::of(week.end());
            assert_eq!(next.0, week.0 + 1);
            assert_eq!(next.to_string().parse(), Ok(next));
            let last = Timestamp::from_unix_millis(week.end().unix_millis() - 1);
            assert_eq!(IsoWeek::of(last), week);
            week = next;
        }
    }

    #[test]
    fn weeks_that_do_not_exist_are_refused() {
        for text in [
            "2026-W60",
            "2026-W54",
            "2025-W53",
            "2026-W00",
            "2026-W1",
            "2026W48",
            "2026-w48",
            "",
            "1969-W52",
            "26-W01",
            "2026-W048",
            "+026-W48",
            "2026-W+1",
            "2026-W٤٨",
            "20261-W01",
        ] {
            assert_eq!(text.parse::<IsoWeek>(), Err(InvalidWeek), "{text:?} was taken");
        }
        assert!("2026-W53".parse::<IsoWeek>().is_ok());
        assert!("9999-W52".parse::<IsoWeek>().is_ok());
    }

    #[test]
    fn a_board_is_kept_for_five_weeks_after_its_own() {
        let week = at(1_795_478_400);
        let readable = |moment: Timestamp| week.is_readable(moment);
        let before = |moment: Timestamp| Timestamp::from_unix_millis(moment.unix_millis() - 1);
        assert!(!readable(before(week.start())) && readable(week.start()));
        assert!(readable(before(week.kept_until())) && !readable(week.kept_until()));
        assert_eq!(week.kept_until().since(week.start()), Duration::from_secs(42 * DAY_SECONDS));
    }
}
