//! A limit: a constant of whoever owns it.
//!
//! The platform owns [`API`] and [`ADMIN`], which every function has. A function has those of its
//! noun in `functions/<noun>/src/limits.rs` and names them with what else it needs
//! ([`Needs::limits`](crate::Needs::limits)).
//!
//! A limit has a key, the user, session, address or API key that it holds for, and so many units per period.
//! What stands in a constant is for the free tier; the other tiers have a multiple of it. A deployment
//! (`MINIGATE_LIMITS`) and administrators (`PUT /v1/system/limits/{policy}`) can change all of it
//! but the key and the multiples.

use minigate_domain::{LimitChange, LimitMode, Tier, WithoutStore};
use minigate_limiter::{Mode, OnStoreFailure, Policy};
use serde::Serialize;

/// What a user does with credentials: every route that takes a `User` or a `LiveUser`.
pub const API: Limit = Limit::per_user("api", 100, 60).multiples([1, 5, 20, 100]);

/// What an administrator does as one: every route that takes an `Admin`.
pub const ADMIN: Limit = Limit::per_user("admin", 60, 60).floor(Floor {
    burst: 5,
    seconds_per_unit: 60,
    without_store: Some(WithoutStore::Open),
});

/// The limits of the platform, which every function has.
pub(super) const OF_PLATFORM: [Limit; 2] = [API, ADMIN];

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

/// The least that a change may leave of a limit. Without it, an administrator could set a limit that
/// keeps all administrators from ever changing it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    /// Units at once.
    pub burst: u32,
    /// Seconds in which at least one unit comes back.
    pub seconds_per_unit: u32,
    /// What has to happen while the limiter's table does not answer, if that matters.
    pub without_store: Option<WithoutStore>,
}

impl Floor {
    /// Of what leads to a session, which an administrator needs where init data is only exchanged.
    pub const A_UNIT_AN_HOUR: Self =
        Self { burst: 1, seconds_per_unit: 3_600, without_store: None };
}

/// A limit, as it is unless somebody changes it.
///
/// Its constructors are for constants: what no limit may be does not compile.
///
/// ```ignore
/// /// Messages that a user sends: 30 a minute, none while nobody can count them.
/// pub const MESSAGES: Limit =
///     Limit::per_user("messages", 30, 60).without_store(WithoutStore::Closed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limit {
    /// Its name, in answers, paths and settings.
    pub name: &'static str,
    /// What it holds for.
    pub per: Per,
    /// Units in a period, and at once.
    pub units: u32,
    /// The period, in seconds.
    pub period_seconds: u32,
    /// What happens while the limiter's table does not answer.
    pub without_store: WithoutStore,
    /// The most units that a request takes.
    pub max_weight: u32,
    /// The least that a change may leave of it, where it is on the way back from a bad change.
    pub floor: Option<Floor>,
    /// By how much the limit of each tier is greater: free, pro, enterprise, internal.
    pub multiples: [u32; Tier::ALL.len()],
}

impl Limit {
    /// So many units in so many seconds for each user. It is the same for all tiers, and open while
    /// the limiter's table does not answer, unless the constant says otherwise.
    pub const fn per_user(name: &'static str, units: u32, period_seconds: u32) -> Self {
        Self::per(Per::User, name, units, period_seconds)
    }

    /// The same for each session.
    pub const fn per_session(name: &'static str, units: u32, period_seconds: u32) -> Self {
        Self::per(Per::Session, name, units, period_seconds)
    }

    /// The same for each network address.
    pub const fn per_address(name: &'static str, units: u32, period_seconds: u32) -> Self {
        Self::per(Per::Address, name, units, period_seconds)
    }

    /// The same for each API key.
    pub const fn per_api_key(name: &'static str, units: u32, period_seconds: u32) -> Self {
        Self::per(Per::ApiKey, name, units, period_seconds)
    }

    const fn per(per: Per, name: &'static str, units: u32, period_seconds: u32) -> Self {
        assert!(is_name(name.as_bytes()), "a limit's name has 1 to 32 of a-z, 0-9 and -");
        assert!(units > 0 && period_seconds > 0, "a limit has units and a period");
        Self {
            name,
            per,
            units,
            period_seconds,
            without_store: WithoutStore::Open,
            max_weight: 1,
            floor: None,
            multiples: [1; Tier::ALL.len()],
        }
    }

    /// What happens while the limiter's table does not answer.
    #[must_use]
    pub const fn without_store(self, without_store: WithoutStore) -> Self {
        Self { without_store, ..self }
    }

    /// The most units that a request takes.
    #[must_use]
    pub const fn max_weight(self, max_weight: u32) -> Self {
        assert!(max_weight > 0, "a request takes a unit or more");
        Self { max_weight, ..self }
    }

    /// The least that a change may leave of it.
    #[must_use]
    pub const fn floor(self, floor: Floor) -> Self {
        Self { floor: Some(floor), ..self }
    }

    /// By how much the limit of each tier is greater: free, pro, enterprise, internal.
    #[must_use]
    pub const fn multiples(self, multiples: [u32; Tier::ALL.len()]) -> Self {
        Self { multiples, ..self }
    }
}

/// Names stand in paths, in header fields and in `MINIGATE_LIMITS`.
const fn is_name(name: &[u8]) -> bool {
    let mut index = 0;
    while index < name.len() {
        if !matches!(name[index], b'a'..=b'z' | b'0'..=b'9' | b'-') {
            return false;
        }
        index += 1;
    }
    matches!(name.len(), 1..=32)
}

/// A limit as it is with every change on top of its defaults, for the free tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Terms {
    /// Units in a period.
    pub limit: u32,
    /// The period, in seconds.
    pub period_seconds: u32,
    /// Units at once.
    pub burst: u32,
    /// What denials do.
    pub mode: LimitMode,
    /// What happens while the limiter's table does not answer.
    pub without_store: WithoutStore,
}

impl Terms {
    /// The defaults of `limit` with a change on top.
    pub fn of(limit: &Limit, change: LimitChange) -> Self {
        let units = change.limit.unwrap_or(limit.units);
        Self {
            limit: units,
            period_seconds: change.period_seconds.unwrap_or(limit.period_seconds),
            burst: change.burst.unwrap_or(units),
            mode: change.mode.unwrap_or(LimitMode::Enforce),
            without_store: change.without_store.unwrap_or(limit.without_store),
        }
    }

    /// What the limiter goes by.
    pub fn in_force(policy: &Policy) -> Self {
        Self {
            limit: policy.limit(),
            period_seconds: u32::try_from(policy.period().as_secs()).unwrap_or(u32::MAX),
            burst: policy.burst(),
            mode: match policy.mode() {
                Mode::Enforce => LimitMode::Enforce,
                Mode::Shadow => LimitMode::Shadow,
            },
            without_store: match policy.on_store_failure() {
                OnStoreFailure::Open => WithoutStore::Open,
                OnStoreFailure::Closed => WithoutStore::Closed,
            },
        }
    }
}
