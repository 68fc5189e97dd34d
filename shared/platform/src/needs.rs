//! What a function prepares before its first request.

/// What a function's usual request needs, and a start therefore prepares. What is not prepared works
/// as well; the first request that needs it waits for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// A connection to DynamoDB.
    pub store: bool,
}

impl Needs {
    /// Nothing but the secrets, which every function fetches.
    pub const SECRETS: Self = Self { store: false };
    /// A connection to DynamoDB beside the secrets.
    pub const STORE: Self = Self { store: true };
}
