//! How a quiz is taken and marked.

use serde::{Deserialize, Serialize};

use crate::InvalidField;

/// Hundredths of a per cent, 0 to 10,000.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "u16", into = "u16")]
pub struct BasisPoints(u16);

impl BasisPoints {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// All of it.
    pub const ALL: Self = Self(10_000);

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// `part` of `whole`, rounded down, so that a pass mark is never reached by rounding. Nothing of nothing
    /// is nothing.
    pub fn ratio(part: Marks, whole: Marks) -> Self {
        let (part, whole) = (i128::from(part.0.max(0)), i128::from(whole.0));
        if whole <= 0 {
            return Self::NONE;
        }
        let share = (part * 10_000 / whole).min(10_000);
        Self(u16::try_from(share).unwrap_or(10_000))
    }
}

impl TryFrom<u16> for BasisPoints {
    type Error = InvalidField;

    fn try_from(number: u16) -> Result<Self, InvalidField> {
        if number <= Self::ALL.0 {
            Ok(Self(number))
        } else {
            Err(InvalidField::new("basis points from 0 to 10000"))
        }
    }
}

impl From<BasisPoints> for u16 {
    fn from(share: BasisPoints) -> Self {
        share.0
    }
}

/// Ten-thousandths of a point. A sum may be negative while penalties are added up.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Marks(i64);

impl Marks {
    /// No marks.
    pub const NONE: Self = Self(0);

    /// So many ten-thousandths of a point.
    pub const fn new(marks: i64) -> Self {
        Self(marks)
    }

    /// All marks of a question of this weight.
    pub fn of_weight(weight: u8) -> Self {
        Self(i64::from(weight) * 10_000)
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl std::ops::Add for Marks {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::iter::Sum for Marks {
    fn sum<I: Iterator<Item = Self>>(marks: I) -> Self {
        marks.fold(Self::NONE, |sum, marks| sum + marks)
    }
}

/// How a quiz is taken and what passing it gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuizRules {
    /// The share of all marks that passes.
    pub pass_mark: BasisPoints,
    /// From start to submission, in seconds, 10 to 86,400. Without it an attempt ends a week after its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit_seconds: Option<u32>,
    /// How many attempts a user may start on one day (UTC), 1 to 50. Without it 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts_a_day: Option<u8>,
    /// Whether each attempt has its questions in another order.
    #[serde(default)]
    pub shuffle_questions: bool,
    /// Whether a pass gives a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateRules>,
}

/// What a pass certifies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateRules {
    /// For how many days the certificate is valid, 1 to 3,650. Without it for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_days: Option<u16>,
    /// How its holder renews it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<RenewalRules>,
}

/// How a certificate is renewed: by an attempt that may be shorter than the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenewalRules {
    /// From how many days before the end on, 1 to 365.
    pub days_before: u16,
    /// How many questions are drawn, from all pools together, 1 to 200.
    pub questions: u16,
}
