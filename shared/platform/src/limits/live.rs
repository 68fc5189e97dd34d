//! The policies of the moment, in memory, and how they follow what administrators change.
//!
//! They are read for the first request that is limited, and again every ten seconds, beside a
//! request. A function without limits does not read them. A change that cannot
//! be read or makes no good policy leaves the last good ones in force; a metric and an alarm tell.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use minigate_domain::{Clock, PolicyOverrides, Timestamp};
use minigate_store::{Store, StoreError};
use tokio::{sync::OnceCell, time::timeout};

use super::policies::{Changes, PolicySet, merged};
use crate::{Metric, Metrics};

/// How old the policies get before a request has them read again.
const REFRESH_AFTER: Duration = Duration::from_secs(10);

/// How long the first request waits for the policies. Then it goes by those of the deployment.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The policies of the moment.
pub(super) struct LivePolicies {
    deployment: Changes,
    store: Store,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    first: OnceCell<()>,
    state: Mutex<State>,
}

struct State {
    policies: Arc<PolicySet>,
    /// When the store was last asked, or somebody set out to ask it.
    asked_at: Option<Timestamp>,
}

impl LivePolicies {
    /// The rules with the deployment's changes, until [`load`](Self::load) has found more.
    pub(super) fn new(
        deployment: Changes,
        store: Store,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Self {
        // The configuration has checked them.
        let policies = Arc::new(PolicySet::new(&deployment).unwrap_or_default());
        let state = Mutex::new(State { policies, asked_at: None });
        Self { deployment, store, clock, metrics, first: OnceCell::new(), state }
    }

    /// Waits until the policies were read once, if they can be.
    pub(super) async fn ready(&self) {
        let first = async {
            if timeout(FIRST_WAIT, self.load()).await.is_err() {
                self.metrics.count(Metric::PoliciesUnavailable);
            }
        };
        self.first.get_or_init(|| first).await;
    }

    pub(super) fn current(&self) -> Arc<PolicySet> {
        Arc::clone(&self.state().policies)
    }

    /// Whether it is time to [`load`](Self::load). Who is told so does it; others are not told.
    pub(super) fn take_turn(&self) -> bool {
        let now = self.clock.now();
        let mut state = self.state();
        // A moment that lies ahead is one of a clock that was wrong.
        let is_due = state
            .asked_at
            .is_none_or(|asked_at| now < asked_at || now.since(asked_at) >= REFRESH_AFTER);
        if is_due {
            state.asked_at = Some(now);
        }
        is_due
    }

    /// Asks the store what administrators have changed.
    pub(super) async fn load(&self) {
        self.state().asked_at = Some(self.clock.now());
        match self.store.policies().await {
            Ok(overrides) => self.adopt(&overrides),
            Err(error @ StoreError::Corrupt { .. }) => {
                tracing::error!(%error, "the changed policies are not taken");
                self.metrics.count(Metric::PoliciesMalformed);
            }
            Err(error) => {
                tracing::warn!(%error, "the changed policies cannot be read");
                self.metrics.count(Metric::PoliciesUnavailable);
            }
        }
    }

    /// Takes these changes, or keeps the last good policies.
    pub(super) fn adopt(&self, overrides: &PolicyOverrides) {
        match PolicySet::new(&merged(&self.deployment, overrides)) {
            Ok(policies) => {
                let mut state = self.state();
                // The limiter knows a policy by its address, so one that is the same stays.
                if *state.policies != policies {
                    state.policies = Arc::new(policies);
                }
            }
            Err(error) => {
                tracing::error!(policy = error.policy, %error, "the changed policies are not taken");
                self.metrics.count(Metric::PoliciesMalformed);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
