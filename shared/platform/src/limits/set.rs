//! The limits of the moment: those that the process knows, with what the deployment and
//! administrators have changed, checked, for every tier.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use minigate_domain::{LimitChange, LimitChanges, LimitMode, Tier, WithoutStore};
use minigate_limiter::{Mode, OnStoreFailure, Policy, PolicyError};
use thiserror::Error;

use super::{
    known::Known,
    limit::{Floor, Limit, Terms},
};

/// A change that makes a limit invalid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message} (field {field})")]
pub struct InvalidLimit {
    /// The name of the limit.
    pub limit: &'static str,
    /// The field that is wrong.
    pub field: &'static str,
    /// What is wrong with it; names the limit.
    pub message: String,
}

/// A limit that no list of the process names is charged. A test of its route finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the limit {0} is not among those that this function was linked with")]
pub struct UnknownLimit(&'static str);

/// Changes by the name of the limit that they are for.
pub type Changes = BTreeMap<String, LimitChange>;

/// Every limit that the process knows, checked, as the limiter's policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitSet {
    policies: Vec<(&'static str, [Policy; Tier::ALL.len()])>,
}

impl LimitSet {
    fn new(
        known: Known,
        change: impl Fn(&str) -> Option<LimitChange>,
    ) -> Result<Self, InvalidLimit> {
        let one = |limit: &'static Limit| {
            let change = change(limit.name).unwrap_or_default();
            Ok((limit.name, policies(limit, change)?))
        };
        Ok(Self { policies: known.iter().map(one).collect::<Result<_, _>>()? })
    }

    /// The policy of a limit for users of this tier.
    ///
    /// # Errors
    /// [`UnknownLimit`].
    pub fn policy(&self, limit: &Limit, tier: Tier) -> Result<&Policy, UnknownLimit> {
        let found = self.policies.iter().find(|(name, _)| *name == limit.name);
        found.map(|(_, of_tiers)| &of_tiers[tier as usize]).ok_or(UnknownLimit(limit.name))
    }
}

/// The limits of a deployment: those that the process knows, with what `MINIGATE_LIMITS` changes.
#[derive(Clone, Debug)]
pub struct DeployedLimits {
    known: Known,
    changes: Changes,
    set: Arc<LimitSet>,
}

impl DeployedLimits {
    /// These limits with these changes on top. Changes of limits that are not known are passed over.
    ///
    /// # Errors
    /// [`InvalidLimit`], the first one there is.
    pub fn new(known: Known, changes: Changes) -> Result<Self, InvalidLimit> {
        let set = Arc::new(LimitSet::new(known, |name| changes.get(name).copied())?);
        Ok(Self { known, changes, set })
    }

    /// Which limits these are.
    pub fn known(&self) -> Known {
        self.known
    }

    /// What a limit is without administrators' changes, for the free tier.
    pub fn terms(&self, limit: &Limit) -> Terms {
        Terms::of(limit, self.changes.get(limit.name).copied().unwrap_or_default())
    }

    /// The limits without administrators' changes.
    pub fn set(&self) -> Arc<LimitSet> {
        Arc::clone(&self.set)
    }

    /// The limits with administrators' changes on top of the deployment's. Those of limits that are
    /// not known are passed over: another function, or a newer or an older version, has them.
    ///
    /// # Errors
    /// [`InvalidLimit`], the first one there is.
    pub fn with(&self, stored: &LimitChanges) -> Result<LimitSet, InvalidLimit> {
        LimitSet::new(self.known, |name| match (self.changes.get(name), stored.by_name.get(name)) {
            (Some(below), Some(over)) => Some(below.with(*over)),
            (below, over) => over.or(below).copied(),
        })
    }
}

impl Default for DeployedLimits {
    /// The platform's alone, as they stand.
    #[expect(clippy::expect_used, reason = "a test holds the platform's limits to it")]
    fn default() -> Self {
        Self::new(Known::OF_PLATFORM, Changes::new()).expect("the platform's limits are valid")
    }
}

fn policies(limit: &Limit, change: LimitChange) -> Result<[Policy; Tier::ALL.len()], InvalidLimit> {
    let Limit { name, max_weight, floor, multiples, .. } = *limit;
    let terms = Terms::of(limit, change);
    let Terms { limit: units, period_seconds, burst, mode, without_store } = terms;
    // A bucket that is shared or leased from holds less than its burst, and a request must fit.
    let least = max_weight.saturating_mul(2);
    if max_weight > 1 && burst < least {
        let message = format!(
            "policy {name}: the burst {burst} must be {least} or more, twice the greatest weight of a request"
        );
        return Err(InvalidLimit { limit: name, field: "burst", message });
    }
    let build = |multiple: u32| {
        Policy::rate(
            name,
            units.saturating_mul(multiple),
            Duration::from_secs(u64::from(period_seconds)),
        )
        .burst(burst.saturating_mul(multiple))
        .mode(match mode {
            LimitMode::Enforce => Mode::Enforce,
            LimitMode::Shadow => Mode::Shadow,
        })
        .on_store_failure(match without_store {
            WithoutStore::Open => OnStoreFailure::Open,
            WithoutStore::Closed => OnStoreFailure::Closed,
        })
        .build()
        .map_err(|error| InvalidLimit {
            limit: name,
            field: field_of(&error),
            message: error.to_string(),
        })
    };
    let [free, pro, enterprise, internal] = multiples.map(build);
    let policies = [free?, pro?, enterprise?, internal?];
    if let Some(floor) = floor {
        check_floor(name, floor, change, terms)?;
    }
    Ok(policies)
}

/// Whether enough is left of a limit that the way back needs.
fn check_floor(
    limit: &'static str,
    floor: Floor,
    change: LimitChange,
    terms: Terms,
) -> Result<(), InvalidLimit> {
    let Floor { burst, seconds_per_unit, without_store } = floor;
    let refused = |field, message| Err(InvalidLimit { limit, field, message });
    let field_or_limit = |field, is_changed: bool| if is_changed { field } else { "limit" };
    if terms.burst < burst {
        let field = field_or_limit("burst", change.burst.is_some());
        let least = format!("policy {limit}: {burst} units or more must be left at once");
        return refused(field, least + ", so that administrators can change it back");
    }
    if u64::from(terms.limit) * u64::from(seconds_per_unit) < u64::from(terms.period_seconds) {
        let field = field_or_limit("period_seconds", change.period_seconds.is_some());
        let least = format!("policy {limit}: a unit must come back in {seconds_per_unit} seconds");
        return refused(field, least + " or less, so that administrators can change it back");
    }
    if let Some(needed) = without_store
        && terms.without_store != needed
    {
        let message = format!("policy {limit}: must stay `open`, so that administrators get in");
        return refused("without_store", message);
    }
    Ok(())
}

fn field_of(error: &PolicyError) -> &'static str {
    match error {
        PolicyError::Period { .. } | PolicyError::Lease { .. } => "period_seconds",
        PolicyError::Burst { .. } | PolicyError::Weight { .. } => "burst",
        _ => "limit",
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            limit::{ADMIN, API},
            tests::{KNOWN, LOGIN, LOGIN_ADDRESS, REFRESH, VERIFY},
        },
        *,
    };

    fn with(limit: Limit, change: LimitChange) -> Result<LimitSet, InvalidLimit> {
        let deployed = DeployedLimits::new(KNOWN, [(limit.name.to_owned(), change)].into())?;
        Ok((*deployed.set()).clone())
    }

    #[test]
    fn the_defaults_of_the_platform_are_what_the_product_promises() {
        let set = DeployedLimits::default().set();
        let figures = |limit, tier| {
            let policy: &Policy = set.policy(limit, tier).unwrap();
            (policy.name().to_owned(), policy.limit(), policy.period().as_secs(), policy.burst())
        };
        assert_eq!(figures(&API, Tier::Free), ("api".to_owned(), 100, 60, 100));
        assert_eq!(figures(&API, Tier::Pro), ("api".to_owned(), 500, 60, 500));
        assert_eq!(figures(&API, Tier::Internal), ("api".to_owned(), 10_000, 60, 10_000));
        assert_eq!(figures(&ADMIN, Tier::Internal), ("admin".to_owned(), 60, 60, 60));
        for limit in [&API, &ADMIN] {
            let policy = set.policy(limit, Tier::Free).unwrap();
            assert_eq!(policy.on_store_failure(), OnStoreFailure::Open);
        }
    }

    #[test]
    fn a_limit_that_is_not_known_has_no_policy() {
        let set = DeployedLimits::default().set();
        let error = set.policy(&LOGIN, Tier::Free).unwrap_err();
        assert_eq!(error, UnknownLimit("login"));
    }

    #[test]
    fn a_change_of_a_limit_that_is_not_known_is_passed_over() {
        let bad = LimitChange { limit: Some(0), ..Default::default() };
        let changes: Changes = [("login".to_owned(), bad)].into();
        let deployed = DeployedLimits::new(Known::OF_PLATFORM, changes.clone()).unwrap();
        let stored = LimitChanges { by_name: changes.clone(), version: 1 };
        assert_eq!(deployed.with(&stored).unwrap(), *DeployedLimits::default().set());
        assert_eq!(DeployedLimits::new(KNOWN, changes).unwrap_err().limit, "login");
    }

    #[test]
    fn a_limit_takes_its_burst_with_it_unless_that_is_changed_too() {
        let change = LimitChange { limit: Some(7), ..Default::default() };
        assert_eq!(with(API, change).unwrap().policy(&API, Tier::Pro).unwrap().burst(), 35);
        let change = LimitChange { burst: Some(2), ..change };
        let set = with(API, change).unwrap();
        assert_eq!(set.policy(&API, Tier::Free).unwrap().burst(), 2);
        assert_eq!(set.policy(&API, Tier::Free).unwrap().limit(), 7);
    }

    #[test]
    fn what_no_limit_may_be_is_refused_by_field() {
        let none = LimitChange::default();
        for (changed, change, field, message) in [
            (API, LimitChange { limit: Some(0), ..none }, "limit", "policy api: the limit 0"),
            (LOGIN, LimitChange { limit: Some(u32::MAX), ..none }, "limit", "policy login:"),
            // Fine for the free tier, and too fast for another one.
            (API, LimitChange { limit: Some(60_000), ..none }, "limit", "per second"),
            (
                API,
                LimitChange { period_seconds: Some(0), ..none },
                "period_seconds",
                "the period 0ns",
            ),
            (
                API,
                LimitChange { period_seconds: Some(u32::MAX), ..none },
                "period_seconds",
                "366 days",
            ),
            (ADMIN, LimitChange { burst: Some(0), ..none }, "burst", "the burst 0"),
            (
                VERIFY,
                LimitChange { burst: Some(199), ..none },
                "burst",
                "the burst 199 must be 200 or more",
            ),
            (VERIFY, LimitChange { limit: Some(99), ..none }, "burst", "greatest weight"),
        ] {
            let refusal = with(changed, change).unwrap_err();
            assert_eq!((refusal.limit, refusal.field), (changed.name, field), "{refusal}");
            assert!(refusal.message.contains(message), "{refusal}");
        }
    }

    #[test]
    fn no_limit_may_keep_all_administrators_out() {
        let none = LimitChange::default();
        let year = Some(31_622_400);
        let limit = |limit| LimitChange { limit: Some(limit), ..none };
        let closed = LimitChange { without_store: Some(WithoutStore::Closed), ..none };
        for (changed, change, field) in [
            (ADMIN, LimitChange { period_seconds: year, ..limit(1) }, "limit"),
            (ADMIN, LimitChange { period_seconds: year, ..limit(9_999) }, "period_seconds"),
            (ADMIN, limit(4), "limit"),
            (ADMIN, LimitChange { burst: Some(4), ..none }, "burst"),
            (ADMIN, LimitChange { period_seconds: Some(3_601), ..none }, "period_seconds"),
            (ADMIN, closed, "without_store"),
            (LOGIN, LimitChange { period_seconds: year, ..limit(1) }, "period_seconds"),
            (LOGIN_ADDRESS, LimitChange { period_seconds: year, ..none }, "period_seconds"),
            (REFRESH, LimitChange { period_seconds: Some(3_601), ..limit(1) }, "period_seconds"),
        ] {
            let refusal = with(changed, change).unwrap_err();
            assert_eq!((refusal.limit, refusal.field), (changed.name, field), "{refusal}");
        }
        for (changed, change) in [
            (ADMIN, limit(5)),
            (ADMIN, LimitChange { period_seconds: Some(300), ..limit(5) }),
            (LOGIN, LimitChange { period_seconds: Some(3_600), ..limit(1) }),
            // Nobody needs it for the way back.
            (API, LimitChange { period_seconds: year, ..limit(1) }),
        ] {
            assert!(with(changed, change).is_ok(), "{changed:?} {change:?}");
        }
    }

    #[test]
    fn administrators_change_what_the_deployment_changed() {
        let limit = |limit| LimitChange { limit: Some(limit), ..Default::default() };
        let deployment = [
            ("login".to_owned(), LimitChange { burst: Some(9), ..limit(50) }),
            ("api".to_owned(), limit(1)),
        ];
        let by_name =
            [("login".to_owned(), limit(60)), ("of-another-version".to_owned(), limit(0))];
        let stored = LimitChanges { by_name: by_name.into(), version: 1 };
        let deployed = DeployedLimits::new(KNOWN, deployment.into()).unwrap();
        let set = deployed.with(&stored).unwrap();
        let figures = |limit| {
            let policy = set.policy(limit, Tier::Free).unwrap();
            (policy.limit(), policy.burst())
        };
        assert_eq!(figures(&LOGIN), (60, 9));
        assert_eq!(figures(&API), (1, 1));
        assert_eq!(deployed.terms(&LOGIN).limit, 50);
    }
}
