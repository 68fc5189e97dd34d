//! Scopes, boards and scores.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{IsoWeek, tree::Tree};
use crate::{InvalidField, Timestamp, quizzes::QuizId};

/// What a board is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub enum Scope {
    /// The best score of each user in one quiz, in basis points.
    Quiz(QuizId),
    /// The experience points of each user: a tenth of their best score, summed over all quizzes.
    Global,
}

impl Scope {
    const GLOBAL: &str = "global";

    /// The highest score of its boards.
    pub const fn max_score(&self) -> BoardScore {
        match self {
            Self::Quiz(_) => BoardScore(10_000),
            Self::Global => BoardScore::MAX,
        }
    }

    /// The shape of its counters.
    pub(crate) const fn tree(&self) -> Tree {
        match self {
            Self::Quiz(_) => Tree { depth: 3 },
            Self::Global => Tree { depth: 4 },
        }
    }

    /// The pages of its boards' entries, the highest scores first.
    pub fn pages(&self) -> impl DoubleEndedIterator<Item = EntryPage> + use<> {
        let top = self.page_of(self.max_score()).0;
        (0..=top).rev().map(EntryPage)
    }

    /// The page of a score.
    pub const fn page_of(&self, score: BoardScore) -> EntryPage {
        let score = score.0;
        #[expect(clippy::cast_possible_truncation, reason = "at most 10 000 / 1 024, or 24 bits")]
        EntryPage(match self {
            Self::Quiz(_) => (score / EntryPage::LEAST) as u8,
            Self::Global if score < EntryPage::LEAST => 0,
            Self::Global => (score / EntryPage::LEAST).ilog2() as u8 + 1,
        })
    }

    /// The highest score of a page.
    pub fn highest_of(&self, page: EntryPage) -> BoardScore {
        let next = EntryPage(page.0.saturating_add(1));
        if next > self.page_of(self.max_score()) {
            return self.max_score();
        }
        BoardScore(self.lowest_of(next).0 - 1)
    }

    /// The lowest score of a page.
    pub const fn lowest_of(&self, page: EntryPage) -> BoardScore {
        BoardScore(match self {
            Self::Quiz(_) => page.0 as u32 * EntryPage::LEAST,
            Self::Global if page.0 == 0 => 0,
            Self::Global => EntryPage::LEAST << (page.0 - 1),
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quiz(id) => id.fmt(formatter),
            Self::Global => Self::GLOBAL.fmt(formatter),
        }
    }
}

impl FromStr for Scope {
    type Err = InvalidField;

    /// `global`, which no quiz may be named, or the id of a quiz.
    fn from_str(text: &str) -> Result<Self, InvalidField> {
        if text == Self::GLOBAL { Ok(Self::Global) } else { text.parse().map(Self::Quiz) }
    }
}

impl TryFrom<String> for Scope {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        text.parse()
    }
}

/// For how long scores count on a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Period {
    /// For ever.
    All,
    /// For those reached in one week.
    Week(IsoWeek),
}

impl Period {
    const ALL: &str = "all";

    /// Until when what is kept for this period is needed; `None` if for ever.
    pub fn kept_until(self) -> Option<Timestamp> {
        match self {
            Self::All => None,
            Self::Week(week) => Some(week.kept_until()),
        }
    }
}

impl TryFrom<String> for Period {
    type Error = super::InvalidWeek;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == Self::ALL { Ok(Self::All) } else { text.parse().map(Self::Week) }
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        match period {
            Period::All => Period::ALL.to_owned(),
            Period::Week(week) => week.to_string(),
        }
    }
}

/// A board: it ranks users by their scores of a scope and a period.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Board {
    /// What it is about.
    pub scope: Scope,
    /// What counts on it.
    pub period: Period,
}

impl fmt::Display for Board {
    /// One text for each board: `rust-basics`, `global#2026-W48`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scope.fmt(formatter)?;
        match self.period {
            Period::All => Ok(()),
            Period::Week(week) => write!(formatter, "#{week}"),
        }
    }
}

/// A score on a board: basis points on that of a quiz, experience points on the global one; at most 24
/// bits.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "u32", into = "u32")]
pub struct BoardScore(u32);

impl BoardScore {
    /// The highest score of any board.
    pub const MAX: Self = Self((1 << 24) - 1);

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The sum, which ends at [`MAX`](Self::MAX).
    #[must_use]
    pub fn plus(self, more: u32) -> Self {
        Self(self.0.saturating_add(more)).min(Self::MAX)
    }
}

impl TryFrom<u32> for BoardScore {
    type Error = InvalidField;

    fn try_from(number: u32) -> Result<Self, InvalidField> {
        if number <= Self::MAX.0 {
            Ok(Self(number))
        } else {
            Err(InvalidField::new("a score from 0 to 16777215"))
        }
    }
}

impl From<BoardScore> for u32 {
    fn from(score: BoardScore) -> Self {
        score.0
    }
}

/// A part of a board's entries by score, which is a partition of the table.
///
/// Of a quiz's board a page has 1,024 scores, so there are ten. Of the global one, whose scores differ by
/// orders of magnitude, a page has as many scores as all pages below it together, so there are fifteen. There are
/// few, so that the first fifty places of a board with few users are one or two queries; and more than one,
/// because a partition of DynamoDB takes 1,000 write units a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryPage(u8);

impl EntryPage {
    /// The scores of the smallest page. A multiple of 64, so that the counter tree knows the sum of each.
    const LEAST: u32 = 1_024;

    /// Its number, from 0 for the lowest scores.
    pub const fn get(self) -> u8 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes() -> [Scope; 2] {
        ["rust-basics", "global"].map(|text| text.parse().unwrap())
    }

    #[test]
    fn a_board_has_one_name() {
        let [quiz, global] = scopes();
        assert_eq!(global, Scope::Global);
        let week = Period::Week("2026-W48".parse().unwrap());
        let names = [(quiz, week), (global, Period::All)]
            .map(|(scope, period)| Board { scope, period }.to_string());
        assert_eq!(names, ["rust-basics#2026-W48", "global"]);
        for text in ["", "Global", "x", "a#b", "global#2026-W48"] {
            assert!(text.parse::<Scope>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn pages_cover_all_scores_once_and_in_order() {
        for (scope, count) in scopes().into_iter().zip([10, 15]) {
            let pages: Vec<EntryPage> = scope.pages().collect();
            assert_eq!(pages.len(), count);
            let mut end = scope.max_score().0 + 1;
            for page in pages {
                let low = scope.lowest_of(page);
                assert_eq!(scope.page_of(low), page);
                assert_eq!(scope.page_of(BoardScore(end - 1)), page);
                assert_eq!(scope.highest_of(page), BoardScore(end - 1));
                assert!(low.0 < end);
                end = low.0;
            }
            assert_eq!(end, 0);
        }
    }

    #[test]
    fn scores_end_at_their_bound() {
        assert_eq!(BoardScore(5).plus(7), BoardScore(12));
        assert_eq!(BoardScore::MAX.plus(u32::MAX), BoardScore::MAX);
        assert!(BoardScore::try_from(1 << 24).is_err());
    }
}
