//! The policies of the moment, and how they follow what administrators change.
//!
//! What was changed is in the namespace `policies` of the cache. It is read in the start of a function
//! that needs the store, of others for the first request that is limited, and again every ten seconds,
//! beside a request. What cannot be read or makes no good policy leaves the last good ones in force; a
//! metric and an alarm tell.

use std::{
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use minigate_cache::{Cached, Namespace};
use minigate_domain::PolicyOverrides;
use minigate_store::{Store, StoreError};
use tokio::{sync::OnceCell, time::timeout};

use super::policies::{Changes, PolicySet, merged};
use crate::{Background, Metric, Metrics};

/// How long the start or the first request waits for the policies. Then it goes by those of the
/// deployment.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The only key of the namespace: there is one item for the deployment.
const KEY: &str = "all";

/// The policies of the moment. Clones share them.
#[derive(Clone)]
pub(super) struct LivePolicies(Arc<Inner>);

struct Inner {
    deployment: Changes,
    store: Store,
    namespace: Namespace<PolicyOverrides>,
    background: Background,
    metrics: Metrics,
    first: OnceCell<()>,
    in_force: Mutex<InForce>,
}

struct InForce {
    overrides: PolicyOverrides,
    policies: Arc<PolicySet>,
}

impl LivePolicies {
    /// The rules with the deployment's changes, until [`ready`](Self::ready) has found more.
    pub(super) fn new(
        deployment: Changes,
        store: Store,
        namespace: Namespace<PolicyOverrides>,
        background: Background,
        metrics: Metrics,
    ) -> Self {
        // The configuration has checked them.
        let policies = Arc::new(PolicySet::new(&deployment).unwrap_or_default());
        let in_force = Mutex::new(InForce { overrides: PolicyOverrides::default(), policies });
        let first = OnceCell::new();
        Self(Arc::new(Inner { deployment, store, namespace, background, metrics, first, in_force }))
    }

    /// Waits until the policies were read once, if they can be.
    pub(super) async fn ready(&self) {
        let first = async {
            let mut looking = self.look_up();
            if timeout(FIRST_WAIT, &mut looking).await.is_err() {
                self.go_on(looking);
            }
        };
        self.0.first.get_or_init(|| first).await;
    }

    /// The policies to go by. Takes what the cache has and does not wait for what it reads.
    pub(super) fn follow(&self) -> Arc<PolicySet> {
        let mut looking = self.look_up();
        match (&mut looking).now_or_never() {
            Some(Some(overrides)) => self.take(&overrides),
            Some(None) => {}
            None => self.go_on(looking),
        }
        self.current()
    }

    /// The policies that were last gone by.
    pub(super) fn current(&self) -> Arc<PolicySet> {
        Arc::clone(&self.in_force().policies)
    }

    /// Goes by these changes, which somebody has just made, whatever is being read meanwhile.
    ///
    /// Nothing is invalidated: other instances read the item within ten seconds, and would not ask
    /// before. So a change is one write, and there is none that fails after it was made.
    pub(super) async fn adopt(&self, overrides: PolicyOverrides) {
        self.put(overrides.clone()).await;
        self.take(&overrides);
    }

    fn go_on(&self, looking: BoxFuture<'static, Option<Cached<PolicyOverrides>>>) {
        self.0.background.start(looking.map(drop));
    }

    /// What the cache has, or what is read because it has nothing.
    fn look_up(&self) -> BoxFuture<'static, Option<Cached<PolicyOverrides>>> {
        let live = self.clone();
        Box::pin(async move {
            let reader = live.clone();
            let found = live.0.namespace.at(KEY).ok()?.get_or_load(move || reader.read()).await;
            if found.is_err() {
                live.keep().await;
            }
            found.ok()
        })
    }

    /// What is in force stays, as if it had just been read: there is nothing that the cache could
    /// serve (nothing was ever read, or not for an hour), and without that it would read for every
    /// request.
    async fn keep(&self) {
        let overrides = self.in_force().overrides.clone();
        self.put(overrides).await;
    }

    /// In place of what the cache has, and of what is being read.
    async fn put(&self, overrides: PolicyOverrides) {
        // It is no error of a key that is a constant.
        if let Ok(lookup) = self.0.namespace.at(KEY) {
            lookup.insert(overrides).await;
        }
    }

    /// Asks the store what administrators have changed, and makes sure that it can be gone by.
    async fn read(self) -> Result<PolicyOverrides, Box<dyn Error + Send + Sync>> {
        let read = self.0.store.policies().await.inspect_err(|error| self.note_unread(error));
        let overrides = read?;
        let made = PolicySet::new(&merged(&self.0.deployment, &overrides));
        made.inspect_err(|error| {
            tracing::error!(policy = error.policy, %error, "the changed policies are not taken");
            self.0.metrics.count(Metric::PoliciesMalformed);
        })?;
        Ok(overrides)
    }

    fn note_unread(&self, error: &StoreError) {
        if matches!(error, StoreError::Corrupt { .. }) {
            tracing::error!(%error, "the changed policies are not taken");
            self.0.metrics.count(Metric::PoliciesMalformed);
        } else {
            tracing::warn!(%error, "the changed policies cannot be read");
            self.0.metrics.count(Metric::PoliciesUnavailable);
        }
    }

    /// Goes by these changes, which were checked before.
    fn take(&self, overrides: &PolicyOverrides) {
        let mut in_force = self.in_force();
        if in_force.overrides == *overrides {
            return;
        }
        let Ok(policies) = PolicySet::new(&merged(&self.0.deployment, overrides)) else { return };
        in_force.overrides = overrides.clone();
        // The limiter knows a policy by its address, so one that is the same stays.
        if *in_force.policies != policies {
            in_force.policies = Arc::new(policies);
        }
    }

    fn in_force(&self) -> MutexGuard<'_, InForce> {
        self.0.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
