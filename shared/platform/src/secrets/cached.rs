//! One secret, cached.
//!
//! | age of the cached value | a request |
//! |---|---|
//! | up to [`REFRESH_AFTER`] | uses it |
//! | up to [`AGES_OUT_AFTER`] | uses it, and refreshes it in the background |
//! | older (the instance was frozen for long) | waits for a refresh, and falls back to the stale value |
//! | no value | waits for a fetch, and fails with it |
//!
//! A value that does not verify a signature may be stale after a rotation, so
//! [`CachedSecret::newer_than`] fetches once more before the request is refused. A token bucket bounds
//! these fetches. A minimum age of the value would not do: an age of 30 s would refuse valid requests for up
//! to 30 s after every rotation. Forged requests cost no more than the bucket holds.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use governor::{
    Quota, RateLimiter,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use minigate_domain::{Clock, Timestamp};
use thiserror::Error;

use super::SecretsManager;
use crate::{
    Background,
    metrics::{Metric, Metrics},
    system::GovernorClock,
};

/// From this age on, the next request refreshes the value in the background.
pub(super) const REFRESH_AFTER: Duration = Duration::from_secs(5 * 60);
/// From this age on, a request waits for the refresh.
pub(super) const AGES_OUT_AFTER: Duration = Duration::from_secs(15 * 60);
/// The pause after a failed fetch, so that not every request calls a failing Secrets Manager.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Fetches that unverified signatures may cause: at once, and per minute.
const LOOKS_AT_ONCE: NonZeroU32 = NonZeroU32::new(5).unwrap();
const LOOKS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// Why there is no value. Messages name the secret and never contain any of it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SecretError {
    /// Secrets Manager did not return it.
    #[error("the secret {id} cannot be fetched: {reason}")]
    Unavailable {
        /// The secret's name or ARN.
        id: String,
        /// An error code, or what kind of failure it was.
        reason: String,
    },
    /// A handler needs a secret that its function does not declare.
    #[error("the function needs {what}, which its `main` does not declare")]
    Undeclared {
        /// The missing variant of `Needs`.
        what: &'static str,
    },
    /// The secret has an invalid shape.
    #[error("the secret {id} must be {expected}")]
    Malformed {
        /// The secret's name or ARN.
        id: String,
        /// The expected shape.
        expected: &'static str,
    },
}

impl SecretError {
    pub(super) fn unavailable(id: &str, reason: &str) -> Self {
        Self::Unavailable { id: id.to_owned(), reason: reason.to_owned() }
    }

    pub(super) fn malformed(id: &str, expected: &'static str) -> Self {
        Self::Malformed { id: id.to_owned(), expected }
    }
}

/// Both versions of a secret, fetched together.
#[derive(Debug)]
pub struct Versions<T> {
    /// The value labelled `AWSCURRENT`.
    pub current: T,
    /// The value labelled `AWSPREVIOUS`; `None` before the first rotation, or if it does not parse.
    pub previous: Option<T>,
    /// When they were requested from Secrets Manager.
    pub fetched_at: Timestamp,
}

/// Parses the text of a secret; the error is the expected shape.
pub(super) type Parse<T> = fn(&str) -> Result<T, &'static str>;

/// One secret of the deployment. Clones share the cached value.
pub struct CachedSecret<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Clone for CachedSecret<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

struct Shared<T> {
    id: String,
    parse: Parse<T>,
    source: SecretsManager,
    clock: Arc<dyn Clock>,
    background: Background,
    metrics: Metrics,
    state: Mutex<State<T>>,
    /// Held during a fetch, which makes fetches single-flight.
    flight: tokio::sync::Mutex<()>,
    looks: RateLimiter<NotKeyed, InMemoryState, GovernorClock, NoOpMiddleware<Duration>>,
}

struct State<T> {
    value: Option<Arc<Versions<T>>>,
    failed: Option<(SecretError, Timestamp)>,
}

impl<T: Send + Sync + 'static> CachedSecret<T> {
    /// A secret by name or ARN. Makes no call.
    pub(super) fn new(
        id: &str,
        parse: Parse<T>,
        source: SecretsManager,
        surroundings: Surroundings,
    ) -> Self {
        let Surroundings { clock, background, metrics } = surroundings;
        let quota = Quota::per_minute(LOOKS_PER_MINUTE).allow_burst(LOOKS_AT_ONCE);
        Self {
            shared: Arc::new(Shared {
                id: id.to_owned(),
                parse,
                source,
                looks: RateLimiter::direct_with_clock(
                    quota,
                    GovernorClock::new(Arc::clone(&clock)),
                ),
                clock,
                background,
                metrics,
                state: Mutex::new(State { value: None, failed: None }),
                flight: tokio::sync::Mutex::new(()),
            }),
        }
    }

    /// The value.
    ///
    /// # Errors
    /// [`SecretError`] if there has never been a valid value.
    pub async fn get(&self) -> Result<Arc<Versions<T>>, SecretError> {
        self.get_within(AGES_OUT_AFTER).await
    }

    /// The value, at most `max_age` old unless Secrets Manager is down.
    ///
    /// # Errors
    /// [`SecretError`] if there has never been a valid value.
    pub async fn get_within(&self, max_age: Duration) -> Result<Arc<Versions<T>>, SecretError> {
        let Some(value) = self.shared.value() else {
            return self.shared.fetch_unless_changed(None).await;
        };
        let age = self.shared.clock.now().since(value.fetched_at);
        if age >= max_age {
            return self.shared.fetch_unless_changed(Some(&value)).await.or(Ok(value));
        }
        if age >= REFRESH_AFTER {
            let (shared, known) = (Arc::clone(&self.shared), Arc::clone(&value));
            self.shared.background.start(async move {
                // The failure is counted and logged, and the next request retries.
                let _ = shared.fetch_unless_changed(Some(&known)).await;
            });
        }
        Ok(value)
    }

    /// A value fetched after `known`, which did not verify; `None` if there is none, or if the token bucket
    /// is empty.
    pub async fn newer_than(&self, known: &Arc<Versions<T>>) -> Option<Arc<Versions<T>>> {
        let fetched =
            self.shared.fetch_if(Some(known), |shared| shared.looks.check().is_ok()).await;
        fetched.ok().filter(|value| !Arc::ptr_eq(value, known))
    }
}

/// The health of a secret.
#[derive(Clone, Debug)]
pub struct SecretHealth {
    /// The secret's name or ARN.
    pub id: String,
    /// How long Secrets Manager took, or why there is no fresh value.
    pub fetched_in: Result<Duration, SecretError>,
    /// Whether requests can be served, with this value or an older one.
    pub has_value: bool,
}

impl<T: Send + Sync + 'static> CachedSecret<T> {
    /// Fetches the secret now, whatever its age.
    pub(super) async fn check(&self) -> SecretHealth {
        let started = Instant::now();
        let known = self.shared.value();
        let fetched = self.shared.fetch_unless_changed(known.as_ref()).await;
        SecretHealth {
            id: self.shared.id.clone(),
            fetched_in: fetched.map(|_| started.elapsed()),
            has_value: self.shared.value().is_some(),
        }
    }
}

impl<T: Send + Sync + 'static> Shared<T> {
    fn value(&self) -> Option<Arc<Versions<T>>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).value.clone()
    }

    async fn fetch_unless_changed(
        &self,
        known: Option<&Arc<Versions<T>>>,
    ) -> Result<Arc<Versions<T>>, SecretError> {
        self.fetch_if(known, |_| true).await
    }

    /// Fetches, single-flight: waiting callers use the value of the fetch they waited for.
    async fn fetch_if(
        &self,
        known: Option<&Arc<Versions<T>>>,
        is_allowed: impl FnOnce(&Self) -> bool,
    ) -> Result<Arc<Versions<T>>, SecretError> {
        let _flight = self.flight.lock().await;
        if let Some(value) = self.value()
            && known.is_none_or(|known| !Arc::ptr_eq(known, &value))
        {
            return Ok(value);
        }
        if let Some(error) = self.recent_failure() {
            return Err(error);
        }
        if !is_allowed(self) {
            return Err(SecretError::unavailable(&self.id, "asked too often"));
        }
        let fetched = self.fetch().await;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match fetched {
            Ok(versions) => {
                let value = Arc::new(versions);
                *state = State { value: Some(Arc::clone(&value)), failed: None };
                Ok(value)
            }
            Err(error) => {
                self.metrics.count(match error {
                    SecretError::Unavailable { .. } | SecretError::Undeclared { .. } => {
                        Metric::SECRET_UNAVAILABLE
                    }
                    SecretError::Malformed { .. } => Metric::SECRET_MALFORMED,
                });
                tracing::error!(%error, has_last_good_value = state.value.is_some(), "secret not refreshed");
                state.failed = Some((error.clone(), self.clock.now()));
                Err(error)
            }
        }
    }

    async fn fetch(&self) -> Result<Versions<T>, SecretError> {
        let fetched_at = self.clock.now();
        let texts = self.source.fetch(&self.id).await?;
        let parse = |text: &str| {
            (self.parse)(text).map_err(|expected| SecretError::malformed(&self.id, expected))
        };
        let current = parse(&texts.current)?;
        // An invalid previous version must not block the present, corrected one.
        let previous = texts.previous.and_then(|text| parse(&text).ok());
        Ok(Versions { current, previous, fetched_at })
    }

    fn recent_failure(&self) -> Option<SecretError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (error, failed_at) = state.failed.as_ref()?;
        (self.clock.now().since(*failed_at) < PAUSE_AFTER_FAILURE).then(|| error.clone())
    }
}

/// What a cached secret depends on.
#[derive(Clone)]
pub struct Surroundings {
    /// The clock that ages are measured with.
    pub clock: Arc<dyn Clock>,
    /// Where refreshes run.
    pub background: Background,
    /// Where failures are counted.
    pub metrics: Metrics,
}
