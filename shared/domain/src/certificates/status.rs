//! Where it stands whether a certificate was revoked: one bit of a list.
//!
//! A list holds 131,072 certificates, the fewest that a Bitstring Status List may have, so that asking
//! for a list does not tell which certificate the asker has. The place in it is random, so that neighbours
//! say nothing about each other, and is never used again. There are lists for each month, so that the
//! number of a list needs no counter that everybody shares, and says nothing that the date of a certificate
//! does not.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Entropy, Timestamp};

/// A third place that is taken sends a certificate to the month's next list.
const DRAWS_A_LIST: u32 = 3;
/// The lists of a month: room for two million certificates.
const LISTS_A_MONTH: u32 = 16;
/// How many places are tried at most. The last one is of the month's fourth list.
pub const MAX_DRAWS: u32 = 12;

/// The number of a status list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StatusList(u32);

/// A text that is not the number of a status list.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("not a status list: a number of at most nine digits, without leading zeros")]
pub struct InvalidList;

impl StatusList {
    /// The certificates of a list.
    pub const CAPACITY: u32 = 131_072;

    /// The list of the month of `at`, after `taken` places were found taken.
    fn of(at: Timestamp, taken: u32) -> Self {
        let overflow = (taken / DRAWS_A_LIST).min(LISTS_A_MONTH - 1);
        Self(months_since_1970(at).saturating_mul(LISTS_A_MONTH).saturating_add(overflow))
    }

    /// Whether it may have certificates at `now`: its month has begun.
    pub fn has_begun(self, now: Timestamp) -> bool {
        self.0 / LISTS_A_MONTH <= months_since_1970(now)
    }

    /// Its number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for StatusList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for StatusList {
    type Err = InvalidList;

    fn from_str(text: &str) -> Result<Self, InvalidList> {
        let canonical = (1..=9).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && (text == "0" || !text.starts_with('0'));
        if !canonical {
            return Err(InvalidList);
        }
        text.parse().map(Self).map_err(|_| InvalidList)
    }
}

/// A place in a status list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusSlot {
    /// The list.
    pub list: StatusList,
    /// The bit, counted from 0, below [`StatusList::CAPACITY`].
    pub index: u32,
}

impl StatusSlot {
    /// A random place in a list of the month of `at`, after `taken` places were found taken.
    pub(super) fn draw(at: Timestamp, taken: u32, entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 4];
        entropy.fill(&mut bytes);
        let index = u32::from_be_bytes(bytes) % StatusList::CAPACITY;
        Self { list: StatusList::of(at, taken), index }
    }
}

/// Whole months since January 1970, in UTC. Source: Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`, of which the day is not needed.
fn months_since_1970(at: Timestamp) -> u32 {
    let days = at.unix_seconds() / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Counted from March, so that the leap day is the last of a year.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let months = (era * 400 + year_of_era) * 12 + month_from_march + 2;
    u32::try_from(months.saturating_sub(1970 * 12)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1_000)
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        for (seconds, month) in [
            (0, 0),
            (2_678_399, 0),
            (2_678_400, 1),
            (951_782_399, 30 * 12 + 1),    // 2000-02-28T23:59:59Z
            (951_868_799, 30 * 12 + 1),    // 2000-02-29T23:59:59Z
            (951_868_800, 30 * 12 + 2),    // 2000-03-01
            (1_798_761_599, 56 * 12 + 11), // 2026-12-31T23:59:59Z
            (1_798_761_600, 57 * 12),      // 2027-01-01
        ] {
            assert_eq!(months_since_1970(at(seconds)), month, "{seconds}");
        }
    }

    #[test]
    fn a_third_collision_moves_on_to_the_next_list() {
        let list = |taken| StatusSlot::draw(at(0), taken, &Fixed(0)).list.get();
        assert_eq!([0, 1, 2, 3, 5, 6].map(list), [0, 0, 0, 1, 1, 2]);
        assert_eq!(list(u32::MAX), LISTS_A_MONTH - 1);
        const { assert!(MAX_DRAWS <= DRAWS_A_LIST * LISTS_A_MONTH) };
    }

    #[test]
    fn a_place_is_within_its_list() {
        let index = |byte| StatusSlot::draw(at(0), 0, &Fixed(byte)).index;
        assert_eq!((index(0), index(0xff)), (0, StatusList::CAPACITY - 1));
    }

    #[test]
    fn a_list_has_one_spelling_and_begins_with_its_month() {
        assert_eq!("10928".parse::<StatusList>().map(StatusList::get), Ok(10_928));
        assert_eq!("0".parse::<StatusList>().map(StatusList::get), Ok(0));
        for text in ["", "-1", "+1", "01", "1.0", "1 ", "4294967296", "1234567890", "x"] {
            assert_eq!(text.parse::<StatusList>(), Err(InvalidList), "{text:?}");
        }
        let list = StatusSlot::draw(at(951_868_800), 3, &Fixed(0)).list;
        assert!(list.has_begun(at(951_868_800)));
        assert!(!list.has_begun(at(951_868_799)));
    }
}
