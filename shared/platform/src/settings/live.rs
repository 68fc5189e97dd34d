//! The settings and limits of the moment, and how they follow what administrators change.
//!
//! What was changed is in the namespace `policies` of the cache: both documents, read by one call. It
//! is read in the start of a function that needs it, of others for the first request that is
//! limited, and again every ten seconds, in the background of a request. A document that cannot be
//! read or is not valid leaves the last good one in force; a metric and an alarm notify. One of the
//! two does not hold up the other.

use std::{
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use minigate_cache::{Cached, Namespace};
use minigate_domain::{LimitChanges, SettingsOverrides};
use minigate_store::{Documents, Store, StoreError};
use serde::{Deserialize, Serialize};
use tokio::{sync::OnceCell, time::timeout};

use super::Settings;
use crate::{
    Background, Config, Metric,
    limits::{DeployedLimits, LimitSet},
    secrets::Surroundings,
};

/// How long the start or the first request waits for the documents. Then it falls back to what the
/// deployment has.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The only key of the namespace: there is one deployment.
const KEY: &str = "all";

/// What administrators have changed and is valid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// Of the limits.
    pub limits: LimitChanges,
    /// Of the settings.
    pub settings: SettingsOverrides,
}

/// What is to hold at once, because somebody has just written or read it. What is absent stays.
#[derive(Clone, Debug, Default)]
pub struct Adopted {
    /// Of the limits.
    pub limits: Option<LimitChanges>,
    /// Of the settings.
    pub settings: Option<SettingsOverrides>,
}

/// The settings and limits of the moment. Clones share them.
#[derive(Clone)]
pub(crate) struct Live(Arc<Inner>);

struct Inner {
    deployed_limits: DeployedLimits,
    deployed_settings: Settings,
    /// Whether each request has the documents read again, or only those that are limited.
    is_followed: bool,
    store: Store,
    namespace: Namespace<InForce>,
    surroundings: Surroundings,
    first: OnceCell<()>,
    current: Mutex<Current>,
}

struct Current {
    in_force: InForce,
    /// Whether it was read or written here, ever.
    is_known: bool,
    limits: Arc<LimitSet>,
    settings: Arc<Settings>,
}

impl Live {
    /// What the deployment has, until [`ready`](Self::ready) has found more. Makes no call.
    pub(crate) fn new(
        config: &Config,
        store: Store,
        namespace: Namespace<InForce>,
        surroundings: &Surroundings,
    ) -> Self {
        let (deployed_limits, deployed_settings) = (config.limits.clone(), config.settings.clone());
        let limits = deployed_limits.set();
        let settings = Arc::new(deployed_settings.clone());
        let current = Current { in_force: InForce::default(), is_known: false, limits, settings };
        Self(Arc::new(Inner {
            deployed_limits,
            deployed_settings,
            is_followed: config.needs.settings,
            store,
            namespace,
            surroundings: surroundings.clone(),
            first: OnceCell::new(),
            current: Mutex::new(current),
        }))
    }

    /// Waits until the documents were read once, if they can be.
    pub(crate) async fn ready(&self) {
        let first = async {
            let mut looking = self.look_up();
            match timeout(FIRST_WAIT, &mut looking).await {
                Ok(Some(found)) => self.take(&found),
                Ok(None) => {}
                Err(_) => self.go_on(looking),
            }
        };
        self.0.first.get_or_init(|| first).await;
    }

    /// Takes what the cache has and does not wait for what it reads. For every request, so that also
    /// one from an origin that is not allowed yet has it read.
    pub(crate) fn follow(&self) {
        if !self.0.is_followed && !self.0.first.initialized() {
            return;
        }
        let mut looking = self.look_up();
        match (&mut looking).now_or_never() {
            Some(Some(found)) => self.take(&found),
            Some(None) => {}
            None => self.go_on(looking),
        }
    }

    /// The limits that were last gone by.
    pub(crate) fn limits(&self) -> Arc<LimitSet> {
        Arc::clone(&self.current().limits)
    }

    /// The settings that were last gone by.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.current().settings)
    }

    /// Whether somebody may be an administrator although [`settings`](Self::settings) does not say so,
    /// because it has never been possible to ask.
    pub(crate) fn may_have_more_admins(&self) -> bool {
        self.0.is_followed && !self.current().is_known
    }

    /// Goes by what somebody has just written, whatever is being read meanwhile.
    ///
    /// Nothing is invalidated: other instances read the documents within ten seconds, and would not
    /// ask before. So a change is one write, and there is none that fails after it was made.
    pub(crate) async fn adopt(&self, adopted: Adopted) {
        let mut in_force = self.current().in_force.clone();
        if let Some(limits) = adopted.limits.filter(|limits| self.is_good(limits)) {
            in_force.limits = limits;
        }
        let is_valid = |settings: &_| self.0.deployed_settings.with(settings).is_ok();
        if let Some(settings) = adopted.settings.filter(is_valid) {
            in_force.settings = settings;
        }
        self.put(in_force.clone()).await;
        self.take(&in_force);
    }

    fn go_on(&self, looking: BoxFuture<'static, Option<Cached<InForce>>>) {
        self.background().start(looking.map(drop));
    }

    /// What the cache has, or what is read because it has nothing.
    fn look_up(&self) -> BoxFuture<'static, Option<Cached<InForce>>> {
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
        let in_force = self.current().in_force.clone();
        self.put(in_force).await;
    }

    /// In place of what the cache has, and of what is being read.
    async fn put(&self, in_force: InForce) {
        // It is no error of a key that is a constant.
        if let Ok(lookup) = self.0.namespace.at(KEY) {
            lookup.insert(in_force).await;
        }
    }

    /// Asks the store what administrators have changed. In the place of a document that is not valid
    /// stands the last good one.
    async fn read(self) -> Result<InForce, Box<dyn Error + Send + Sync>> {
        let read = self.0.store.documents().await;
        let Documents { limits, settings, .. } =
            read.inspect_err(|error| self.note_unread(error))?;
        let known = {
            let mut current = self.current();
            current.is_known = true;
            current.in_force.clone()
        };
        let limits = limits.map_err(|error| self.note_malformed("limits", &error)).ok();
        let settings = settings.map_err(|error| self.note_malformed("settings", &error)).ok();
        let limits = limits.filter(|limits| self.is_good(limits));
        let settings = settings.filter(|settings| {
            let made = self.0.deployed_settings.with(settings);
            made.inspect_err(|error| self.note_malformed("settings", error)).is_ok()
        });
        Ok(InForce {
            limits: limits.unwrap_or(known.limits),
            settings: settings.unwrap_or(known.settings),
        })
    }

    fn is_good(&self, limits: &LimitChanges) -> bool {
        let made = self.0.deployed_limits.with(limits);
        made.inspect_err(|error| self.note_malformed("limits", error)).is_ok()
    }

    fn note_unread(&self, error: &StoreError) {
        tracing::warn!(%error, "the changed limits and settings cannot be read");
        self.0.surroundings.metrics.count(Metric::POLICIES_UNAVAILABLE);
    }

    fn note_malformed(&self, document: &'static str, error: &(dyn Error + 'static)) {
        tracing::error!(document, error, "a changed document is not taken");
        self.0.surroundings.metrics.count(Metric::POLICIES_MALFORMED);
    }

    /// Goes by these documents, which were checked before.
    fn take(&self, found: &InForce) {
        let mut current = self.current();
        if current.in_force == *found {
            return;
        }
        let limits = self.0.deployed_limits.with(&found.limits);
        let settings = self.0.deployed_settings.with(&found.settings);
        let (Ok(limits), Ok(settings)) = (limits, settings) else { return };
        current.in_force = found.clone();
        current.settings = Arc::new(settings);
        // The limiter knows a policy by its address, so one that is the same stays.
        if *current.limits != limits {
            current.limits = Arc::new(limits);
        }
    }

    fn background(&self) -> &Background {
        &self.0.surroundings.background
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
