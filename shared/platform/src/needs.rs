//! What a function needs beside its routes.

/// What a function needs, which its `main` declares. It fetches no other secrets, so its role need
/// not permit any, and its start prepares all that is needed before the first request comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    pub(crate) bots: bool,
    pub(crate) signing_key: bool,
    pub(crate) settings: bool,
    pub(crate) store: bool,
}

impl Needs {
    /// The bots' secrets, to verify init data.
    pub const BOTS: Self = Self { bots: true, signing_key: false, settings: false, store: false };
    /// The key that signs tokens, to verify them too.
    pub const SIGNING_KEY: Self =
        Self { bots: false, signing_key: true, settings: false, store: false };
    /// What administrators have changed of limits and settings: the start reads it, and opens the
    /// connection to DynamoDB by that. Undeclared, the settings are the deployment's, until a request
    /// is limited, which waits for both.
    pub const SETTINGS: Self =
        Self { bots: false, signing_key: false, settings: true, store: false };
    /// The product's data in DynamoDB, and the settings.
    pub const STORE: Self = Self { bots: false, signing_key: false, settings: true, store: true };
    /// All of them, to know a user by whatever credentials they send and serve them from the store.
    pub const ALL: Self = Self::BOTS.and(Self::SIGNING_KEY).and(Self::STORE);

    /// What either of the two needs.
    pub const fn and(self, other: Self) -> Self {
        Self {
            bots: self.bots || other.bots,
            signing_key: self.signing_key || other.signing_key,
            settings: self.settings || other.settings,
            store: self.store || other.store,
        }
    }

    /// Their names, as `cargo xtask generate` reads them.
    pub fn names(self) -> Vec<&'static str> {
        let all = [("bots", self.bots), ("signing_key", self.signing_key), ("store", self.store)];
        all.into_iter().filter(|(_, is_needed)| *is_needed).map(|(name, _)| name).collect()
    }
}
