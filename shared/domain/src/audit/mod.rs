//! Who did what to the deployment.

use serde::{Deserialize, Serialize};

use crate::{Entropy, Timestamp, UserId};

/// One thing that an administrator did. It is written once and never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Tells apart what was done in one millisecond.
    pub id: u64,
    /// Who did it.
    pub by: UserId,
    /// What was done, such as `limit.changed`.
    pub action: String,
    /// To what, such as the name of a policy.
    pub subject: String,
    /// What it was before, as JSON; `None` if there was nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it is now, as JSON; `None` if there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl AuditEntry {
    /// An entry for what `by` does to `subject` now.
    pub fn new(
        entropy: &dyn Entropy,
        at: Timestamp,
        by: UserId,
        action: &str,
        subject: String,
    ) -> Self {
        let mut bytes = [0; 8];
        entropy.fill(&mut bytes);
        let id = u64::from_be_bytes(bytes);
        Self { at, id, by, action: action.to_owned(), subject, from: None, to: None }
    }

    /// Says what changed.
    #[must_use]
    pub fn change(self, from: Option<String>, to: Option<String>) -> Self {
        Self { from, to, ..self }
    }
}
