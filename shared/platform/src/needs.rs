//! What a function needs besides its routes.

use crate::limits::{Known, Limit};

/// What a function needs, which its `main` declares. It fetches no other secrets, so its role need
/// not permit any, and its start prepares all that is needed before the first request comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    pub(crate) bots: bool,
    pub(crate) signing_key: bool,
    pub(crate) certificate_key: bool,
    pub(crate) settings: bool,
    pub(crate) store: bool,
    pub(crate) limits: Known,
}

const NONE: Needs = Needs {
    bots: false,
    signing_key: false,
    certificate_key: false,
    settings: false,
    store: false,
    limits: Known::OF_PLATFORM,
};

impl Needs {
    /// The bots' secrets, to verify init data.
    pub const BOTS: Self = Self { bots: true, ..NONE };
    /// The key that signs tokens, to verify them too.
    pub const SIGNING_KEY: Self = Self { signing_key: true, ..NONE };
    /// The key that signs certificates. No other function has it.
    pub const CERTIFICATE_KEY: Self = Self { certificate_key: true, ..NONE };
    /// What administrators have changed of limits and settings: the start reads it, and opens the
    /// connection to DynamoDB by that. Undeclared, the settings are the deployment's, until a request
    /// is limited, which waits for both.
    pub const SETTINGS: Self = Self { settings: true, ..NONE };
    /// The product's data in DynamoDB, and the settings.
    pub const STORE: Self = Self { settings: true, store: true, ..NONE };
    /// All of them, to know a user by whatever credentials they send and serve them from the store.
    pub const ALL: Self = Self::BOTS.and(Self::SIGNING_KEY).and(Self::STORE);

    /// What either of the two needs. One of them may name limits.
    pub const fn and(self, other: Self) -> Self {
        assert!(self.limits.is_empty() || other.limits.is_empty(), "limits are named once");
        Self {
            bots: self.bots || other.bots,
            signing_key: self.signing_key || other.signing_key,
            certificate_key: self.certificate_key || other.certificate_key,
            settings: self.settings || other.settings,
            store: self.store || other.store,
            limits: if other.limits.is_empty() { self.limits } else { other.limits },
        }
    }

    /// Their names, as `cargo xtask generate` reads them.
    pub fn names(self) -> Vec<&'static str> {
        let all = [
            ("bots", self.bots),
            ("signing_key", self.signing_key),
            ("certificate_key", self.certificate_key),
            ("store", self.store),
        ];
        all.into_iter().filter(|(_, is_needed)| *is_needed).map(|(name, _)| name).collect()
    }

    /// The limits of its noun, which its handlers charge. It has those of the platform without that.
    #[must_use]
    pub const fn limits(self, limits: &'static [Limit]) -> Self {
        Self { limits: Known::some(limits), ..self }
    }

    /// The limits that the noun owns.
    pub const fn own_limits(self) -> &'static [Limit] {
        self.limits.own()
    }

    /// The limits of all nouns: no other name of a limit is taken. For the administrators' function,
    /// and for where all functions are linked together.
    #[must_use]
    pub const fn all_limits(self, limits: &'static [Limit]) -> Self {
        Self { limits: Known::all(limits), ..self }
    }
}
