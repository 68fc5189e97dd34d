//! Moments as XML Schema writes them: `2026-11-24T08:00:00Z`.
//!
//! Source of the algorithms: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".

const DAY: u64 = 86_400;
/// The seconds of the last moment with a year of four digits.
const LAST: u64 = 253_402_300_799;

/// A moment, in Unix seconds, as text. What lies after the year 9999 is its last second.
pub(crate) fn to_text(seconds: u64) -> String {
    let seconds = seconds.min(LAST);
    let (days, rest) = (seconds / DAY + 719_468, seconds % DAY);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The day of a moment in UTC, as in `2026-11-24`.
pub fn date(unix_seconds: u64) -> String {
    to_text(unix_seconds).chars().take_while(|char| *char != 'T').collect()
}

/// The moment of a text that [`to_text`] has written.
pub(crate) fn of_text(text: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| {
        let digits = text.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok())?
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let year_from_march = year.checked_sub(u64::from(month <= 2))?;
    let (era, year_of_era) = (year_from_march / 400, year_from_march % 400);
    let shifted = if month > 2 { month.checked_sub(3)? } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5 + day.checked_sub(1)?;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = (era * 146_097 + day_of_era).checked_sub(719_468)?;
    let seconds = days * DAY + hour * 3_600 + minute * 60 + second;
    // A date that does not exist is written otherwise.
    (to_text(seconds) == text).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_507_200, "2026-11-24T08:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (LAST, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(to_text(seconds), text);
            assert_eq!(of_text(text), Some(seconds));
        }
        assert_eq!(date(951_782_400), "2000-02-29");
        assert_eq!(to_text(u64::MAX), "9999-12-31T23:59:59Z");
        for text in [
            "",
            "2026-02-29T00:00:00Z",
            "2026-11-24T24:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-11-24 08:00:00Z",
            "2026-11-24T08:00:00+00:00",
            "1969-12-31T23:59:59Z",
            "2026-1\u{e9}-24T08:00:00Z",
        ] {
            assert_eq!(of_text(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn moments_round_trip(seconds in 0..=LAST) {
            prop_assert_eq!(of_text(&to_text(seconds)), Some(seconds));
        }

        #[test]
        fn nothing_panics(text in ".{0,24}") {
            of_text(&text);
        }
    }
}
