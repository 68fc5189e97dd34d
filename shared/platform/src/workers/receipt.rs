//! Why a repetition does no harm.

use aws_sdk_dynamodb::{Client, types::TransactWriteItem};
use minigate_outbox::{Committed, Once, OnceError};

use crate::{Code, Platform, Problem};

/// What a message or a moment stands for: the same whenever it comes again, and different from all
/// others. It may name a user, so it is not logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause(String);

impl Cause {
    pub(crate) fn new(handler: &str, cause: &str) -> Self {
        Self(format!("{handler}#{cause}"))
    }

    /// The cause as a key, the handler's name included.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a handler ends with: why a repetition does no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a handler that returns it says that it is done"]
pub struct Receipt {
    is_repeated: bool,
}

impl Receipt {
    /// The effect may be repeated by itself, for this reason: because it sets what it does not count, or
    /// because it only tells others to look.
    pub const fn harmless(_reason: &'static str) -> Self {
        Self { is_repeated: false }
    }

    /// Whether the effect was there before.
    pub const fn is_repeated(self) -> bool {
        self.is_repeated
    }
}

impl From<Committed> for Receipt {
    fn from(committed: Committed) -> Self {
        Self { is_repeated: committed == Committed::Before }
    }
}

/// Marks of what was done, in the table of what must last.
pub(crate) struct Marks {
    client: Client,
    once: Once,
}

impl Marks {
    pub(crate) fn new(client: Client, table: &str) -> Self {
        Self { client, once: Once::new(table) }
    }
}

impl Platform {
    /// Makes these writes and marks their cause, in one transaction; if the cause is marked already,
    /// nothing is written. It may have up to 99 writes, on items that differ.
    ///
    /// # Errors
    /// A problem if DynamoDB does not answer, so that the message comes again, or if the condition of a
    /// write does not hold.
    pub async fn commit_once(
        &self,
        cause: &Cause,
        writes: Vec<TransactWriteItem>,
    ) -> Result<Receipt, Problem> {
        let now = self.now().unix_seconds();
        let marks = &self.marks;
        match marks.once.commit(&marks.client, cause.as_str(), now, writes).await {
            Ok(committed) => Ok(committed.into()),
            Err(error @ OnceError::Table(_)) => {
                Err(Problem::new(Code::STORE_UNAVAILABLE).caused_by(error))
            }
            Err(error) => Err(Problem::internal(error)),
        }
    }
}
