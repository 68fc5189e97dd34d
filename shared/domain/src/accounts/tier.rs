//! What a user has paid for, or is to the deployment.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A text that names no tier.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("a tier is one of free, pro, enterprise, internal")]
pub struct InvalidTier;

/// How much of the product a user may use. Limits depend on it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// The default.
    #[default]
    Free,
    /// A paying user.
    Pro,
    /// A user of an organisation that pays.
    Enterprise,
    /// The deployment's own people and programs.
    Internal,
}

impl Tier {
    /// Every tier, the smallest first.
    pub const ALL: [Self; 4] = [Self::Free, Self::Pro, Self::Enterprise, Self::Internal];

    /// The name in tokens, items and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pro => "pro",
            Self::Enterprise => "enterprise",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Tier {
    type Err = InvalidTier;

    fn from_str(text: &str) -> Result<Self, InvalidTier> {
        Self::ALL.into_iter().find(|tier| tier.as_str() == text).ok_or(InvalidTier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for tier in Tier::ALL {
            assert_eq!(tier.as_str().parse(), Ok(tier));
        }
        for text in ["", "Free", "gold"] {
            assert_eq!(text.parse::<Tier>(), Err(InvalidTier));
        }
    }
}
