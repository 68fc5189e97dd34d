//! The limits of the moment: the rules with what the deployment and administrators have changed,
//! checked, for every tier.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

use minigate_domain::{PolicyMode, PolicyOverride, PolicyOverrides, Tier, WithoutStore};
use minigate_limiter::{Mode, OnStoreFailure, Policy, PolicyError};
use thiserror::Error;

use super::rules::{Floor, Rule, Terms};

/// A change that makes a policy what none may be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message} (field {field})")]
pub struct InvalidPolicy {
    /// The name of the policy.
    pub policy: &'static str,
    /// The field that is wrong.
    pub field: &'static str,
    /// What is wrong with it; names the policy.
    pub message: String,
}

/// Changes by the rule that they are for.
pub type Changes = BTreeMap<Rule, PolicyOverride>;

/// Every policy, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySet {
    by_rule: [[Policy; Tier::ALL.len()]; Rule::ALL.len()],
}

impl PolicySet {
    /// The rules with these changes on top.
    ///
    /// # Errors
    /// [`InvalidPolicy`], the first one there is.
    pub fn new(changes: &Changes) -> Result<Self, InvalidPolicy> {
        let mut rules = Vec::with_capacity(Rule::ALL.len());
        for rule in Rule::ALL {
            let change = changes.get(&rule).copied().unwrap_or_default();
            rules.push(policies(rule, change)?);
        }
        let by_rule = rules.try_into();
        Ok(Self { by_rule: by_rule.unwrap_or_else(|_| unreachable!("one for each rule")) })
    }

    /// The policy of a rule for users of this tier.
    pub fn policy(&self, rule: Rule, tier: Tier) -> &Policy {
        &self.by_rule[rule as usize][tier as usize]
    }
}

/// The changes of administrators on top of those of the deployment. Policies that this version does
/// not know are passed over: a newer or an older one has them.
pub fn merged(deployment: &Changes, overrides: &PolicyOverrides) -> Changes {
    let mut merged = deployment.clone();
    for (name, change) in &overrides.by_policy {
        let Some(rule) = Rule::find(name) else { continue };
        match merged.entry(rule) {
            Entry::Vacant(place) => drop(place.insert(*change)),
            Entry::Occupied(mut below) => *below.get_mut() = below.get().with(*change),
        }
    }
    merged
}

impl Default for PolicySet {
    /// The rules as they stand.
    #[expect(clippy::expect_used, reason = "a test holds the rules to what a policy may be")]
    fn default() -> Self {
        Self::new(&Changes::new()).expect("the rules make good policies")
    }
}

fn policies(
    rule: Rule,
    change: PolicyOverride,
) -> Result<[Policy; Tier::ALL.len()], InvalidPolicy> {
    let policy = rule.name();
    let terms = Terms::of(rule, change);
    let Terms { limit, period_seconds, burst, mode, without_store } = terms;
    // A bucket that is shared or leased from holds less than its burst, and a request must fit.
    let least = rule.defaults().weight.saturating_mul(2);
    if rule.defaults().weight > 1 && burst < least {
        let message = format!(
            "policy {policy}: the burst {burst} must be {least} or more, twice the greatest weight of a request"
        );
        return Err(InvalidPolicy { policy, field: "burst", message });
    }
    let multiples = rule.defaults().multiples;
    let build = |multiple: u32| {
        Policy::rate(
            policy,
            limit.saturating_mul(multiple),
            Duration::from_secs(u64::from(period_seconds)),
        )
        .burst(burst.saturating_mul(multiple))
        .mode(match mode {
            PolicyMode::Enforce => Mode::Enforce,
            PolicyMode::Shadow => Mode::Shadow,
        })
        .on_store_failure(match without_store {
            WithoutStore::Open => OnStoreFailure::Open,
            WithoutStore::Closed => OnStoreFailure::Closed,
        })
        .build()
        .map_err(|error| InvalidPolicy {
            policy,
            field: field_of(&error),
            message: error.to_string(),
        })
    };
    let [free, pro, enterprise, internal] = multiples.map(build);
    let policies = [free?, pro?, enterprise?, internal?];
    if let Some(floor) = rule.defaults().floor {
        check_floor(policy, floor, change, terms)?;
    }
    Ok(policies)
}

/// Whether enough is left of a limit that the way back needs.
fn check_floor(
    policy: &'static str,
    floor: Floor,
    change: PolicyOverride,
    terms: Terms,
) -> Result<(), InvalidPolicy> {
    let Floor { burst, seconds_per_unit, without_store } = floor;
    let refused = |field, message| Err(InvalidPolicy { policy, field, message });
    let field_or_limit = |field, is_changed: bool| if is_changed { field } else { "limit" };
    if terms.burst < burst {
        let field = field_or_limit("burst", change.burst.is_some());
        let least = format!("policy {policy}: {burst} units or more must be left at once");
        return refused(field, least + ", so that administrators can change it back");
    }
    if u64::from(terms.limit) * u64::from(seconds_per_unit) < u64::from(terms.period_seconds) {
        let field = field_or_limit("period_seconds", change.period_seconds.is_some());
        let least = format!("policy {policy}: a unit must come back in {seconds_per_unit} seconds");
        return refused(field, least + " or less, so that administrators can change it back");
    }
    if let Some(needed) = without_store
        && terms.without_store != needed
    {
        let message = format!("policy {policy}: must stay `open`, so that administrators get in");
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
    use super::*;

    fn with(rule: Rule, change: PolicyOverride) -> Result<PolicySet, InvalidPolicy> {
        PolicySet::new(&[(rule, change)].into())
    }

    #[test]
    fn the_defaults_are_what_the_product_promises() {
        let set = PolicySet::default();
        let figures = |rule, tier| {
            let policy: &Policy = set.policy(rule, tier);
            (policy.name().to_owned(), policy.limit(), policy.period().as_secs(), policy.burst())
        };
        assert_eq!(figures(Rule::Api, Tier::Free), ("api".to_owned(), 100, 60, 100));
        assert_eq!(figures(Rule::Api, Tier::Pro), ("api".to_owned(), 500, 60, 500));
        assert_eq!(figures(Rule::Api, Tier::Internal), ("api".to_owned(), 10_000, 60, 10_000));
        assert_eq!(figures(Rule::Login, Tier::Internal), ("login".to_owned(), 5, 60, 5));
        assert_eq!(figures(Rule::LoginAddress, Tier::Free).1, 20);
        let closed = |rule| set.policy(rule, Tier::Free).on_store_failure();
        assert_eq!(closed(Rule::Login), OnStoreFailure::Closed);
        assert_eq!(closed(Rule::Api), OnStoreFailure::Open);
    }

    #[test]
    fn every_rule_has_its_place_and_its_name() {
        for (index, rule) in Rule::ALL.into_iter().enumerate() {
            assert_eq!(rule as usize, index);
            assert_eq!(Rule::find(rule.name()), Some(rule));
        }
        assert_eq!(Rule::find("apj"), None);
    }

    #[test]
    fn a_limit_takes_its_burst_with_it_unless_that_is_changed_too() {
        let change = PolicyOverride { limit: Some(7), ..Default::default() };
        assert_eq!(with(Rule::Api, change).unwrap().policy(Rule::Api, Tier::Pro).burst(), 35);
        let change = PolicyOverride { burst: Some(2), ..change };
        let set = with(Rule::Api, change).unwrap();
        assert_eq!(set.policy(Rule::Api, Tier::Free).burst(), 2);
        assert_eq!(set.policy(Rule::Api, Tier::Free).limit(), 7);
    }

    #[test]
    fn what_no_policy_may_be_is_refused_by_field() {
        let none = PolicyOverride::default();
        for (rule, change, field, message) in [
            (
                Rule::Api,
                PolicyOverride { limit: Some(0), ..none },
                "limit",
                "policy api: the limit 0",
            ),
            (
                Rule::Login,
                PolicyOverride { limit: Some(u32::MAX), ..none },
                "limit",
                "policy login:",
            ),
            // Fine for the free tier, and too fast for another one.
            (Rule::Api, PolicyOverride { limit: Some(60_000), ..none }, "limit", "per second"),
            (
                Rule::Api,
                PolicyOverride { period_seconds: Some(0), ..none },
                "period_seconds",
                "the period 0ns",
            ),
            (
                Rule::Api,
                PolicyOverride { period_seconds: Some(u32::MAX), ..none },
                "period_seconds",
                "366 days",
            ),
            (Rule::Admin, PolicyOverride { burst: Some(0), ..none }, "burst", "the burst 0"),
            (
                Rule::Verify,
                PolicyOverride { burst: Some(199), ..none },
                "burst",
                "the burst 199 must be 200 or more",
            ),
            (Rule::Verify, PolicyOverride { limit: Some(99), ..none }, "burst", "greatest weight"),
        ] {
            let refusal = with(rule, change).unwrap_err();
            assert_eq!((refusal.policy, refusal.field), (rule.name(), field), "{refusal}");
            assert!(refusal.message.contains(message), "{refusal}");
        }
    }

    #[test]
    fn no_limit_may_keep_all_administrators_out() {
        let none = PolicyOverride::default();
        let year = Some(31_622_400);
        let limit = |limit| PolicyOverride { limit: Some(limit), ..none };
        let closed = PolicyOverride { without_store: Some(WithoutStore::Closed), ..none };
        for (rule, change, field) in [
            (Rule::Admin, PolicyOverride { period_seconds: year, ..limit(1) }, "limit"),
            (
                Rule::Admin,
                PolicyOverride { period_seconds: year, ..limit(9_999) },
                "period_seconds",
            ),
            (Rule::Admin, limit(4), "limit"),
            (Rule::Admin, PolicyOverride { burst: Some(4), ..none }, "burst"),
            (Rule::Admin, PolicyOverride { period_seconds: Some(3_601), ..none }, "period_seconds"),
            (Rule::Admin, closed, "without_store"),
            (Rule::Login, PolicyOverride { period_seconds: year, ..limit(1) }, "period_seconds"),
            (Rule::LoginAddress, PolicyOverride { period_seconds: year, ..none }, "period_seconds"),
            (
                Rule::Refresh,
                PolicyOverride { period_seconds: Some(3_601), ..limit(1) },
                "period_seconds",
            ),
        ] {
            let refusal = with(rule, change).unwrap_err();
            assert_eq!((refusal.policy, refusal.field), (rule.name(), field), "{refusal}");
        }
        for (rule, change) in [
            (Rule::Admin, limit(5)),
            (Rule::Admin, PolicyOverride { period_seconds: Some(300), ..limit(5) }),
            (Rule::Login, PolicyOverride { period_seconds: Some(3_600), ..limit(1) }),
            // Nobody needs it for the way back.
            (Rule::Api, PolicyOverride { period_seconds: year, ..limit(1) }),
        ] {
            assert!(with(rule, change).is_ok(), "{rule:?} {change:?}");
        }
    }

    #[test]
    fn administrators_change_what_the_deployment_changed() {
        let deployment = [
            (Rule::Login, PolicyOverride { limit: Some(50), burst: Some(9), ..Default::default() }),
            (Rule::Api, PolicyOverride { limit: Some(1), ..Default::default() }),
        ];
        let by_policy = [
            ("login".to_owned(), PolicyOverride { limit: Some(60), ..Default::default() }),
            (
                "of-another-version".to_owned(),
                PolicyOverride { limit: Some(0), ..Default::default() },
            ),
        ];
        let overrides = PolicyOverrides { by_policy: by_policy.into(), version: 1 };
        let merged = merged(&deployment.into(), &overrides);
        assert_eq!((merged[&Rule::Login].limit, merged[&Rule::Login].burst), (Some(60), Some(9)));
        assert_eq!(merged[&Rule::Api].limit, Some(1));
        assert_eq!(merged.len(), 2);
    }
}
