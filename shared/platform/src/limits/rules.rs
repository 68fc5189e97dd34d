//! Every limit of the API, as data: this is the file to change a default or to add a limit.
//!
//! A limit has a key, the user, session, address or API key that it holds for, and so many units per period.
//! What stands here is for the free tier; the other tiers have a multiple of it. A deployment
//! (`MINIGATE_LIMITS`) and administrators (`PUT /v1/system/limits/{policy}`) can change all of it
//! but the key and the multiples.

use minigate_domain::{PolicyMode, PolicyOverride, Tier, WithoutStore};
use minigate_limiter::{Mode, OnStoreFailure, Policy};

/// What a limit holds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// Each user.
    User,
    /// Each session of a user.
    Session,
    /// Each network address of a client.
    Address,
    /// Each API key of a machine client.
    ApiKey,
}

impl Per {
    /// Everything that a limit can hold for.
    pub const ALL: [Self; 4] = [Self::User, Self::Session, Self::Address, Self::ApiKey];

    /// The name in keys, paths and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Session => "session",
            Self::Address => "address",
            Self::ApiKey => "api-key",
        }
    }
}

/// What a limit is unless somebody changes it.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// What it holds for.
    pub per: Per,
    /// Units in a period, and at once.
    pub limit: u32,
    /// The period, in seconds.
    pub period_seconds: u32,
    /// What happens while the limiter's table does not answer.
    pub without_store: WithoutStore,
    /// The most units that a request takes.
    pub weight: u32,
    /// The least that a change may leave of it, where it is on the way back from a bad change.
    pub floor: Option<Floor>,
    /// By how much the limit of each tier is greater: free, pro, enterprise, internal.
    pub multiples: [u32; Tier::ALL.len()],
}

/// The least that a change may leave of a limit. Without it, an administrator could set a limit that
/// keeps all administrators from ever changing it again.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    /// Units at once.
    pub burst: u32,
    /// Seconds in which at least one unit comes back.
    pub seconds_per_unit: u32,
    /// What has to happen while the limiter's table does not answer, if that matters.
    pub without_store: Option<WithoutStore>,
}

macro_rules! rules {
    ($($(#[$doc:meta])* $variant:ident $name:literal $defaults:expr;)*) => {
        /// A limit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $($(#[$doc])* $variant,)*
        }

        impl Rule {
            /// Every limit.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// The name of its policy.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it is unless somebody changes it.
            pub const fn defaults(self) -> Defaults {
                match self { $(Self::$variant => $defaults,)* }
            }
        }
    };
}

/// Of what leads to a session, which an administrator needs where init data is only exchanged.
const A_SESSION_AN_HOUR: Option<Floor> =
    Some(Floor { burst: 1, seconds_per_unit: 3_600, without_store: None });

/// The same for all tiers.
const FLAT: [u32; 4] = [1; 4];

rules! {
    /// What a user does with credentials: every route that takes a `User` or a `LiveUser`.
    Api "api" Defaults {
        per: Per::User,
        limit: 100,
        period_seconds: 60,
        without_store: WithoutStore::Open,
        weight: 1,
        floor: None,
        multiples: [1, 5, 20, 100],
    };
    /// What an administrator does as one: every route that takes an `Admin`.
    Admin "admin" Defaults {
        per: Per::User,
        limit: 60,
        period_seconds: 60,
        without_store: WithoutStore::Open,
        weight: 1,
        floor: Some(Floor {
            burst: 5,
            seconds_per_unit: 60,
            without_store: Some(WithoutStore::Open),
        }),
        multiples: FLAT,
    };
    /// Sessions that a user opens. A Mini App opens one when it starts.
    Login "login" Defaults {
        per: Per::User,
        limit: 5,
        period_seconds: 60,
        without_store: WithoutStore::Closed,
        weight: 1,
        floor: A_SESSION_AN_HOUR,
        multiples: FLAT,
    };
    /// Sessions opened from one address, whoever the users are.
    LoginAddress "login-address" Defaults {
        per: Per::Address,
        limit: 20,
        period_seconds: 60,
        without_store: WithoutStore::Closed,
        weight: 1,
        floor: A_SESSION_AN_HOUR,
        multiples: FLAT,
    };
    /// Tokens that a session is refreshed with, which needs one in five minutes. Not of the user, whose
    /// other sessions would pay for whoever replays the token of one that has ended.
    Refresh "refresh" Defaults {
        per: Per::Session,
        limit: 30,
        period_seconds: 60,
        without_store: WithoutStore::Open,
        weight: 1,
        floor: A_SESSION_AN_HOUR,
        multiples: FLAT,
    };
    /// Init data that another back end has verified: a unit each, up to a hundred in a request.
    Verify "verify" Defaults {
        per: Per::ApiKey,
        limit: 6_000,
        period_seconds: 60,
        without_store: WithoutStore::Open,
        weight: 100,
        floor: None,
        multiples: FLAT,
    };
    /// What has a model answer. No route does yet; the one that will names it in its handler.
    Ai "ai" Defaults {
        per: Per::User,
        limit: 20,
        period_seconds: 60,
        without_store: WithoutStore::Closed,
        weight: 1,
        floor: None,
        multiples: [1, 5, 20, 100],
    };
}

impl Rule {
    /// The limit whose policy has this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }

    /// The names of all, for a message.
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

/// A limit as it is with every change on top of its defaults, for the free tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Units in a period.
    pub limit: u32,
    /// The period, in seconds.
    pub period_seconds: u32,
    /// Units at once.
    pub burst: u32,
    /// What denials do.
    pub mode: PolicyMode,
    /// What happens while the limiter's table does not answer.
    pub without_store: WithoutStore,
}

impl Terms {
    /// The defaults of `rule` with a change on top.
    pub fn of(rule: Rule, change: PolicyOverride) -> Self {
        let Defaults { limit, period_seconds, without_store, .. } = rule.defaults();
        let limit = change.limit.unwrap_or(limit);
        Self {
            limit,
            period_seconds: change.period_seconds.unwrap_or(period_seconds),
            burst: change.burst.unwrap_or(limit),
            mode: change.mode.unwrap_or(PolicyMode::Enforce),
            without_store: change.without_store.unwrap_or(without_store),
        }
    }

    /// What a policy says.
    pub fn in_force(policy: &Policy) -> Self {
        Self {
            limit: policy.limit(),
            period_seconds: u32::try_from(policy.period().as_secs()).unwrap_or(u32::MAX),
            burst: policy.burst(),
            mode: match policy.mode() {
                Mode::Enforce => PolicyMode::Enforce,
                Mode::Shadow => PolicyMode::Shadow,
            },
            without_store: match policy.on_store_failure() {
                OnStoreFailure::Open => WithoutStore::Open,
                OnStoreFailure::Closed => WithoutStore::Closed,
            },
        }
    }
}
