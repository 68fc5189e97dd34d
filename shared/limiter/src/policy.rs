//! Policies: validated when they are built.

use std::{sync::Arc, time::Duration};

use crate::meter::{Meter, QUOTA_BASE};

/// The longest policy name, in bytes. It names an attribute, whose length adds to the size of every
/// item.
pub const MAX_NAME_BYTES: usize = 64;
/// The longest key, in bytes. DynamoDB allows 2,048, including the prefix.
pub const MAX_KEY_BYTES: usize = 1024;
/// The shortest period.
pub const MIN_PERIOD: Duration = Duration::from_secs(1);
/// The longest period, and the longest time to refill a burst.
pub const MAX_PERIOD: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// The highest limit, whatever the period: a quota counts in nine digits.
pub const MAX_LIMIT: u32 = 999_999_999;
/// The highest rate, in units per second. Times are whole microseconds, so that above this the
/// rounding would cost more than 1 % of the limit; and DynamoDB writes one item at most 1,000 times
/// per second.
pub const MAX_RATE_PER_SECOND: u32 = 10_000;
/// The default duration of a lease; at most a tenth of the time in which the burst refills.
const DEFAULT_LEASE: Duration = Duration::from_secs(2);
/// Policies have leases by default if at least this many units come back during one; see [`Leases`].
const MIN_UNITS_PER_LEASE: i64 = 4;
/// Of the time in which the burst refills: how far a shared bucket's clock may lag.
const LAG_SHARE: i64 = 20;

/// Why a policy, a key or a weight is invalid. Messages name the policy and the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The name is empty, too long or has characters other than `a-z`, `0-9`, `-` and `_`.
    #[error(
        "the policy name {0:?} must have 1 to {MAX_NAME_BYTES} characters, each a-z, 0-9, - or _"
    )]
    Name(String),
    /// The limit is zero or too high.
    #[error("policy {policy}: the limit {limit} must be 1 to {MAX_LIMIT}")]
    Limit {
        /// The policy.
        policy: String,
        /// The invalid value.
        limit: u32,
    },
    /// The period is too short or too long.
    #[error(
        "policy {policy}: the period {period:?} must be {MIN_PERIOD:?} to {} days",
        MAX_PERIOD.as_secs() / 86_400
    )]
    Period {
        /// The policy.
        policy: String,
        /// The invalid value.
        period: Duration,
    },
    /// The rate exceeds what one item supports.
    #[error(
        "policy {policy}: {limit} per {period:?} is more than {MAX_RATE_PER_SECOND} per second"
    )]
    Rate {
        /// The policy.
        policy: String,
        /// Its limit.
        limit: u32,
        /// Its period.
        period: Duration,
    },
    /// The burst is zero, or takes too long to refill.
    #[error(
        "policy {policy}: the burst {burst} must be 1 or more and refill within {} days",
        MAX_PERIOD.as_secs() / 86_400
    )]
    Burst {
        /// The policy.
        policy: String,
        /// The invalid value.
        burst: u32,
    },
    /// Leases would use up the bucket.
    #[error(
        "policy {policy}: a lease of {lease:?} must be at most a quarter of the time in which the \
         burst refills, {refill:?}"
    )]
    Lease {
        /// The policy.
        policy: String,
        /// The invalid value.
        lease: Duration,
        /// How long the burst takes to refill.
        refill: Duration,
    },
    /// The weight is zero or exceeds the burst.
    #[error("policy {policy}: the weight {weight} must be 1 to the burst, {burst}")]
    Weight {
        /// The policy.
        policy: String,
        /// The invalid weight.
        weight: u32,
        /// The policy's burst.
        burst: u32,
    },
    /// The key is empty or too long.
    #[error("policy {policy}: a key of {bytes} bytes; it must have 1 to {MAX_KEY_BYTES}")]
    Key {
        /// The policy.
        policy: String,
        /// The length of the key.
        bytes: usize,
    },
}

/// The effect of denials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Denials refuse the request.
    #[default]
    Enforce,
    /// Denials are counted, and the request is allowed.
    Shadow,
}

/// The decision while the store is unavailable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStoreFailure {
    /// Allow, as long as this process by itself stays within the policy (the backstop).
    #[default]
    Open,
    /// Deny.
    Closed,
}

/// Whether an instance may take several units at once and spend them in memory.
///
/// Leases save calls on busy keys. In return, from the first lease until the bucket has been full again,
/// the burst is smaller by the units that come back during a lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leases {
    /// For 2 seconds, and at most a tenth of the time in which the burst refills; none if fewer than 4
    /// units come back in that time. A limit of 100 per minute has none.
    #[default]
    Auto,
    /// Never: every allowed request makes a call.
    Off,
    /// For at most this long.
    For(Duration),
}

/// A validated policy. Cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy(pub(crate) Arc<Rules>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) name: String,
    pub(crate) attribute: String,
    pub(crate) limit: u32,
    pub(crate) period: Duration,
    pub(crate) burst: u32,
    pub(crate) mode: Mode,
    pub(crate) on_store_failure: OnStoreFailure,
    pub(crate) meter: Meter,
    /// The retention of the item: 2 to this power days.
    pub(crate) retention: u8,
}

/// Builds a policy. [`build`](Self::build) validates it.
#[derive(Clone, Debug)]
#[must_use = "a policy is made by build()"]
pub struct PolicyBuilder {
    name: String,
    limit: u32,
    period: Duration,
    is_quota: bool,
    burst: Option<u32>,
    mode: Mode,
    on_store_failure: OnStoreFailure,
    leases: Leases,
}

impl Policy {
    /// A rate: `limit` units per `period`, evenly refilled. The burst defaults to `limit`.
    ///
    /// Guarantee, in every window of time of any length Δ and over all instances: at most
    /// `burst + limit / period * Δ` units.
    pub fn rate(name: &str, limit: u32, period: Duration) -> PolicyBuilder {
        PolicyBuilder {
            name: name.to_owned(),
            limit,
            period,
            is_quota: false,
            burst: None,
            mode: Mode::default(),
            on_store_failure: OnStoreFailure::default(),
            leases: Leases::default(),
        }
    }

    /// A quota: `limit` units per window of `period`, the windows counted from the Unix epoch, so
    /// that a day begins at midnight UTC. For long periods, where users do not expect an even refill.
    pub fn quota(name: &str, limit: u32, period: Duration) -> PolicyBuilder {
        PolicyBuilder { is_quota: true, ..Self::rate(name, limit, period) }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Units per [`period`](Self::period).
    pub fn limit(&self) -> u32 {
        self.0.limit
    }

    /// The time in which [`limit`](Self::limit) units come back.
    pub fn period(&self) -> Duration {
        self.0.period
    }

    /// The burst, in units. A quota's is its limit.
    pub fn burst(&self) -> u32 {
        self.0.burst
    }

    /// Whether it is a quota, made by [`Policy::quota`].
    pub fn is_quota(&self) -> bool {
        self.0.meter.is_quota
    }

    /// The effect of denials.
    pub fn mode(&self) -> Mode {
        self.0.mode
    }

    /// The decision while the store is unavailable.
    pub fn on_store_failure(&self) -> OnStoreFailure {
        self.0.on_store_failure
    }

    /// The duration of a lease; zero without leases.
    pub fn lease(&self) -> Duration {
        Duration::from_micros(self.0.meter.hold.unsigned_abs())
    }

    /// This policy applied to one key, such as a user's id, with a weight of 1. Policies on the
    /// same key share an item and are checked in one call.
    ///
    /// # Errors
    /// [`PolicyError::Key`].
    pub fn on<'a>(&'a self, key: &'a str) -> Result<Limit<'a>, PolicyError> {
        if (1..=MAX_KEY_BYTES).contains(&key.len()) {
            Ok(Limit { policy: self, key, weight: 1 })
        } else {
            Err(PolicyError::Key { policy: self.0.name.clone(), bytes: key.len() })
        }
    }
}

impl PolicyBuilder {
    /// The burst, if it differs from the limit. Quotas have none.
    pub fn burst(mut self, burst: u32) -> Self {
        self.burst = Some(burst);
        self
    }

    /// Counts denials without refusing anything.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The decision while the store is unavailable.
    pub fn on_store_failure(mut self, behaviour: OnStoreFailure) -> Self {
        self.on_store_failure = behaviour;
        self
    }

    /// Configures leases.
    pub fn leases(mut self, leases: Leases) -> Self {
        self.leases = leases;
        self
    }

    /// Validates the policy.
    ///
    /// # Errors
    /// [`PolicyError`], with the policy and the invalid value.
    pub fn build(self) -> Result<Policy, PolicyError> {
        let is_legal = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        if !(1..=MAX_NAME_BYTES).contains(&self.name.len()) || !self.name.bytes().all(is_legal) {
            let start = self.name.chars().take(MAX_NAME_BYTES).collect();
            return Err(PolicyError::Name(start));
        }
        let (policy, limit, period) = (self.name.clone(), self.limit, self.period);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(PolicyError::Limit { policy, limit });
        }
        if !(MIN_PERIOD..=MAX_PERIOD).contains(&period) {
            return Err(PolicyError::Period { policy, period });
        }
        let period_micros = micros(period);
        let burst = self.burst.unwrap_or(limit);
        let bad_burst = PolicyError::Burst { policy: policy.clone(), burst };
        let meter = if self.is_quota {
            if burst != limit {
                return Err(bad_burst);
            }
            Meter {
                is_quota: true,
                unit: 1,
                size: i64::from(limit),
                lag: 0,
                hold: 0,
                period: period_micros,
            }
        } else {
            // Rounded up: never more than the limit.
            let unit = period_micros.div_ceil_by(i64::from(limit));
            if i64::from(limit) * 1_000_000 > i64::from(MAX_RATE_PER_SECOND) * period_micros {
                return Err(PolicyError::Rate { policy, limit, period });
            }
            let size = unit.saturating_mul(i64::from(burst));
            let refill = i128::from(burst) * i128::from(period_micros) / i128::from(limit);
            if burst == 0 || refill > i128::from(micros(MAX_PERIOD)) {
                return Err(bad_burst);
            }
            let lag = size / LAG_SHARE;
            Meter { is_quota: false, unit, size, lag, hold: 0, period: period_micros }
        };
        let refill = if self.is_quota { period_micros } else { meter.size };
        let hold = match self.leases {
            Leases::Off => 0,
            Leases::Auto => {
                let hold = micros(DEFAULT_LEASE).min(refill / 10);
                if meter.units_within(hold) < MIN_UNITS_PER_LEASE { 0 } else { hold }
            }
            Leases::For(lease) => {
                let hold = micros(lease);
                if hold > refill / 4 {
                    let refill = Duration::from_micros(refill.unsigned_abs());
                    return Err(PolicyError::Lease { policy, lease, refill });
                }
                hold
            }
        };
        let days = refill.max(period_micros).div_ceil_by(86_400_000_000).unsigned_abs();
        Ok(Policy(Arc::new(Rules {
            attribute: format!("{}:{}", if self.is_quota { 'q' } else { 'r' }, self.name),
            name: self.name,
            limit,
            period,
            burst,
            mode: self.mode,
            on_store_failure: self.on_store_failure,
            meter: Meter { hold, ..meter },
            retention: u8::try_from(days.next_power_of_two().trailing_zeros()).unwrap_or(u8::MAX),
        })))
    }
}

/// A policy on a key, with the weight of a request.
#[derive(Clone, Copy, Debug)]
pub struct Limit<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) key: &'a str,
    pub(crate) weight: u32,
}

impl<'a> Limit<'a> {
    /// The same with a weight: how many units the request takes.
    ///
    /// # Errors
    /// [`PolicyError::Weight`] if the weight is zero or above the burst.
    pub fn weight(self, weight: u32) -> Result<Self, PolicyError> {
        let (policy, burst) = (self.policy.0.name.clone(), self.policy.0.burst);
        // While units are leased or a bucket is shared, it holds fewer than the burst.
        if (1..=burst).contains(&weight) {
            Ok(Self { weight, ..self })
        } else {
            Err(PolicyError::Weight { policy, weight, burst })
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

trait DivCeilBy {
    fn div_ceil_by(self, divisor: i64) -> i64;
}

impl DivCeilBy for i64 {
    /// For positive numbers. `i64::div_ceil` is not stable yet.
    fn div_ceil_by(self, divisor: i64) -> i64 {
        (self + divisor - 1) / divisor
    }
}

const _: () =
    assert!((MAX_LIMIT as i64) < QUOTA_BASE, "a count must not reach the window's digits");
