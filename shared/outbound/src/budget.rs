//! The retry budget: retries are a share of requests, so that they never multiply an outage.

use std::time::Duration;

use crate::time::millis;

/// How many retries a client may make, besides the first attempts, which are not limited.
///
/// In any stretch of time, over which `calls` calls are made:
///
/// > retries ≤ `reserve` + `percent_of_calls` / 100 · calls + time / `one_each`
///
/// The share is Finagle's idea (<https://twitter.github.io/finagle/guide/Clients.html#retries>), the
/// reserve that of the AWS SDKs. The trickle keeps a client with few calls from being without retries
/// for a day after one outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetPolicy {
    /// Retries at once, of a client that has made none for a while.
    pub reserve: u32,
    /// Retries that a hundred calls earn.
    pub percent_of_calls: u32,
    /// Time that earns one retry.
    pub one_each: Duration,
}

impl Default for BudgetPolicy {
    /// 10 at once, 10 % of the calls, one each 10 s.
    fn default() -> Self {
        Self { reserve: 10, percent_of_calls: 10, one_each: Duration::from_secs(10) }
    }
}

/// What one retry costs, so that all arithmetic is of integers.
const RETRY: u64 = 100_000;
/// What one percent of a retry is.
const PERCENT: u64 = RETRY / 100;

/// The state of a budget: a bucket of tokens. It has no clock: time is passed in.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    policy: BudgetPolicy,
    tokens: u64,
    /// Up to when time has earned tokens.
    earned_until: u64,
}

impl Budget {
    /// A full budget.
    pub fn new(policy: BudgetPolicy, now_millis: u64) -> Self {
        Self { policy, tokens: most(&policy), earned_until: now_millis }
    }

    /// A call begins.
    pub fn deposit(&mut self, now_millis: u64) {
        self.earn(now_millis);
        self.add(u64::from(self.policy.percent_of_calls) * PERCENT);
    }

    /// Whether a retry may be made; it then is paid for.
    pub fn withdraw(&mut self, now_millis: u64) -> bool {
        self.earn(now_millis);
        let left = self.tokens.checked_sub(RETRY);
        self.tokens = left.unwrap_or(self.tokens);
        left.is_some()
    }

    /// Retries that could be made now.
    pub fn retries_left(&self) -> u64 {
        self.tokens / RETRY
    }

    /// A clock that is set back earns nothing, and starts anew from there.
    fn earn(&mut self, now: u64) {
        let one_each = millis(self.policy.one_each).max(1);
        let elapsed = now.saturating_sub(self.earned_until);
        self.earned_until = now;
        // Cut, never rounded up: the bound holds whatever the steps are.
        self.add(elapsed.saturating_mul(RETRY) / one_each);
    }

    fn add(&mut self, tokens: u64) {
        self.tokens = self.tokens.saturating_add(tokens).min(most(&self.policy));
    }
}

fn most(policy: &BudgetPolicy) -> u64 {
    u64::from(policy.reserve) * RETRY
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_budget_is_spent_and_earned_again() {
        let mut budget = Budget::new(BudgetPolicy::default(), 0);
        assert_eq!((0..20).filter(|_| budget.withdraw(0)).count(), 10);
        // Ten calls earn one, and ten seconds another.
        (0..10).for_each(|_| budget.deposit(0));
        assert!(budget.withdraw(0) && !budget.withdraw(0));
        assert!(!budget.withdraw(9_999) && budget.withdraw(10_000));
        // Never more than the reserve.
        budget.deposit(1_000_000_000);
        assert_eq!(budget.retries_left(), 10);
        // A clock that is set back neither panics nor earns.
        assert_eq!((0..20).filter(|_| budget.withdraw(5)).count(), 10);
        assert!(!budget.withdraw(10_004) && budget.withdraw(10_005));
    }

    proptest! {
        /// The documented bound, in every stretch of a random history.
        #[test]
        fn retries_stay_within_the_bound(
            reserve in 0_u32..20,
            percent in 0_u32..100,
            one_each in 1_u64..20_000,
            steps in prop::collection::vec((0_u64..3_000, prop::bool::ANY), 1..200),
        ) {
            let policy = BudgetPolicy {
                reserve, percent_of_calls: percent, one_each: Duration::from_millis(one_each),
            };
            let mut budget = Budget::new(policy, 0);
            let (mut now, mut history) = (0, Vec::new());
            for (wait, is_call) in steps {
                now += wait;
                if is_call {
                    budget.deposit(now);
                }
                history.push((now, is_call, !is_call && budget.withdraw(now)));
            }
            for first in 0..history.len() {
                let (mut calls, mut retries) = (0_u64, 0_u64);
                for (at, is_call, is_retry) in &history[first..] {
                    calls += u64::from(*is_call);
                    retries += u64::from(*is_retry);
                    let elapsed = at - history[first].0;
                    let bound = f64::from(reserve)
                        + f64::from(percent) / 100.0 * calls as f64
                        + elapsed as f64 / one_each as f64;
                    prop_assert!(retries as f64 <= bound + 1e-9, "{retries} > {bound}");
                }
            }
        }
    }
}
