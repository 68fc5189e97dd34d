//! What an administrator may change of a limit while the deployment runs.
//!
//! Only the shape of a change is known here. Which limits there are, and what a good one is, the
//! platform and the limiter know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a limit's denials do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitMode {
    /// They refuse the request.
    Enforce,
    /// They are counted, and the request goes on.
    Shadow,
}

/// What happens to a request while the limiter's table does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WithoutStore {
    /// It passes, as long as the instance alone keeps the limit.
    Open,
    /// It is refused.
    Closed,
}

/// A change of a limit. What is absent stays as it is.
///
/// It has this shape everywhere: in the table, in the API's bodies and answers, and in the trail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitChange {
    /// Units in a period, for the free tier. Others have a multiple of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The period, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_seconds: Option<u32>,
    /// Units at once, for the free tier; as many as the limit if nothing says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// What denials do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<LimitMode>,
    /// What happens while the limiter's table does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_store: Option<WithoutStore>,
}

impl LimitChange {
    /// This change, with another one on top of it.
    #[must_use]
    pub fn with(self, over: Self) -> Self {
        Self {
            limit: over.limit.or(self.limit),
            period_seconds: over.period_seconds.or(self.period_seconds),
            burst: over.burst.or(self.burst),
            mode: over.mode.or(self.mode),
            without_store: over.without_store.or(self.without_store),
        }
    }
}

/// Every change that is in force, by the limit's name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitChanges {
    /// The changes.
    pub by_name: BTreeMap<String, LimitChange>,
    /// Grows with every change; 0 before the first.
    pub version: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_change_wins_where_it_says_something() {
        let lower = LimitChange { limit: Some(5), burst: Some(2), ..Default::default() };
        let upper =
            LimitChange { limit: Some(7), mode: Some(LimitMode::Shadow), ..Default::default() };
        let both = LimitChange {
            limit: Some(7),
            burst: Some(2),
            mode: Some(LimitMode::Shadow),
            ..Default::default()
        };
        assert_eq!(lower.with(upper), both);
    }
}
