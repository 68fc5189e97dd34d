//! Limits that hold over all instances, by the crate `minigate-limiter` on the table `Volatile`.
//!
//! A route is limited by who asks, which its signature shows: a `User` or a `LiveUser` counts
//! against [`API`], an `Admin` against [`ADMIN`]. A new route cannot forget it. What has
//! limits of its own, because nobody is known yet or for its price, takes [`RateLimits`] and says:
//!
//! ```ignore
//! limits.admit(&[Charge::user(&LOGIN, user_id, Tier::Free)]).await?;
//! ```
//!
//! Credentials are verified first, in memory, so that a forged one costs no call. A charge that
//! memory decides costs none either: a denial that was seen before, or a unit of a lease. Otherwise
//! it is one call for all limits on one key. A request that changes nothing (GET, HEAD) does not
//! wait for it: the handler runs beside the call, and its answer is thrown away if the call denies
//! the request. So the bound holds for every answer, and a limit adds no latency to a read.
//!
//! When the table does not answer, the limit decides (`without_store`): the request passes as far
//! as the instance alone keeps the limit, or is answered 503. It is never a 500.

mod charge;
mod counts;
mod headers;
mod known;
mod limit;
mod set;
mod tab;

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, UNIX_EPOCH},
};

use axum::{extract::FromRequestParts, http::request::Parts};
use futures_util::future::{BoxFuture, Either, select};
use minigate_domain::{Clock, Entropy, Tier};
use minigate_limiter::{Decision, DynamoTable, Limiter, OnStoreFailure, Reason, State, TableError};
use thiserror::Error;

pub use self::{
    charge::{Charge, Key},
    known::Known,
    limit::{ADMIN, API, Floor, Limit, Per, Terms},
    set::{Changes, DeployedLimits, InvalidLimit, LimitSet, UnknownLimit},
};
use self::{counts::Reported, tab::Checked};
pub(crate) use self::{headers::add as add_headers, tab::Tab};
use crate::{
    Background, Code, Config, Metrics, Platform, Problem, secrets::Surroundings, settings::Live,
};

/// The limits of a process. Clones share them.
#[derive(Clone)]
pub struct Limits(Arc<Inner>);

struct Inner {
    limiter: Limiter<DynamoTable>,
    live: Live,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    background: Background,
    reported: Reported,
}

/// The limiter's table did not answer, and the limit is closed then.
#[derive(Debug, Error)]
#[error("the limiter's table does not answer, and {limit} is closed without it")]
struct ClosedWithoutStore {
    limit: String,
}

impl Limits {
    /// The limits that `config` describes. Makes no call.
    pub(crate) fn new(
        config: &Config,
        client: aws_sdk_dynamodb::Client,
        live: Live,
        entropy: &dyn Entropy,
        surroundings: &Surroundings,
    ) -> Self {
        let Surroundings { clock, background, metrics } = surroundings.clone();
        let table =
            DynamoTable::new(client, &config.tables.volatile).timeout(config.limiter_timeout);
        let mut seed = [0; 8];
        entropy.fill(&mut seed);
        let for_limiter = Arc::clone(&clock);
        let now = move || UNIX_EPOCH + Duration::from_millis(for_limiter.now().unix_millis());
        let limiter = Limiter::builder(table, now)
            .seed(u64::from_ne_bytes(seed))
            .max_delay(config.limiter_timeout * 2)
            .build();
        let reported = Reported::new(limiter.metrics(), clock.now());
        Self(Arc::new(Inner { limiter, live, clock, metrics, background, reported }))
    }

    /// The limits of the moment.
    pub fn in_force(&self) -> Arc<LimitSet> {
        self.0.live.limits()
    }

    /// Where a key stands with a limit, without taking anything: one call.
    ///
    /// # Errors
    /// [`Code::STORE_UNAVAILABLE`].
    pub async fn peek(&self, limit: &Limit, key: &Key, tier: Tier) -> Result<State, Problem> {
        let in_force = self.in_force();
        let policy = in_force.policy(limit, tier).map_err(Problem::internal)?;
        let limit = policy.on(key.as_str()).map_err(Problem::internal)?;
        self.0.limiter.peek(limit).await.map_err(unavailable)
    }

    /// Gives a key all of its units back, of every limit that it has: one call for each time that
    /// items are kept. What other instances remember of a full bucket holds until its time.
    ///
    /// # Errors
    /// [`Code::STORE_UNAVAILABLE`].
    pub async fn reset(&self, limit: &Limit, key: &Key, tier: Tier) -> Result<(), Problem> {
        let in_force = self.in_force();
        let policy = in_force.policy(limit, tier).map_err(Problem::internal)?;
        let limit = policy.on(key.as_str()).map_err(Problem::internal)?;
        self.0.limiter.reset(limit).await.map_err(unavailable)
    }

    /// Gives leases back, for `limit` at most, and tells what was counted. To be called before the
    /// process ends.
    pub async fn shutdown(&self, limit: Duration) {
        let _ = tokio::time::timeout(limit, self.0.limiter.shutdown()).await;
        self.report();
    }

    /// What follows a request that was charged.
    pub(crate) fn after_request(&self) {
        let limits = self.clone();
        self.0.background.start(async move { limits.0.limiter.release_idle().await });
        if self.0.reported.is_due(self.0.clock.now()) {
            self.report();
        }
    }

    fn report(&self) {
        self.0.metrics.add(&self.0.reported.news(|| self.0.limiter.metrics()));
    }

    async fn check(&self, charges: &[Charge]) -> Checked {
        self.0.live.ready().await;
        let in_force = self.in_force();
        match limits_of(&in_force, charges) {
            Ok(limits) => {
                let decision = self.0.limiter.check_all(&limits).await;
                Checked { refusal: refusal(&decision), states: decision.states().to_vec() }
            }
            Err(problem) => Checked { refusal: Some(problem), states: Vec::new() },
        }
    }
}

fn limits_of<'a>(
    in_force: &'a LimitSet,
    charges: &'a [Charge],
) -> Result<Vec<minigate_limiter::Limit<'a>>, Problem> {
    let limit = |charge: &'a Charge| {
        let policy = in_force.policy(charge.limit, charge.tier).map_err(Problem::internal)?;
        let limit = policy.on(charge.key.as_str());
        limit.and_then(|limit| limit.weight(charge.weight)).map_err(Problem::internal)
    };
    charges.iter().map(limit).collect()
}

/// Why the request may not go on, if it may not.
fn refusal(decision: &Decision) -> Option<Problem> {
    let wait = decision.retry_after()?;
    let closed = decision.violated().find(|state| {
        let is_closed = state.policy().on_store_failure() == OnStoreFailure::Closed;
        is_closed && state.reason() == Reason::StoreFailure
    });
    if let Some(closed) = closed {
        // Nobody has asked for too much.
        let limit = closed.policy().name().to_owned();
        let cause = ClosedWithoutStore { limit };
        return Some(Problem::new(Code::STORE_UNAVAILABLE).retry_after(wait).caused_by(cause));
    }
    let problem = Problem::new(Code::RATE_LIMITED).retry_after(wait);
    let name = |problem: Problem, state: &State| problem.violated_policy(state.policy().name());
    Some(decision.violated().fold(problem, name))
}

fn unavailable(error: TableError) -> Problem {
    Problem::new(Code::STORE_UNAVAILABLE).retry_after(Duration::from_secs(1)).caused_by(error)
}

/// For a handler that charges its limits itself.
#[derive(Clone)]
pub struct RateLimits {
    limits: Limits,
    tab: Tab,
    changes_nothing: bool,
}

impl RateLimits {
    pub(crate) fn of(parts: &Parts, platform: &Platform) -> Self {
        Self {
            limits: platform.limits.clone(),
            tab: parts.extensions.get().cloned().unwrap_or_default(),
            changes_nothing: parts.method.is_safe(),
        }
    }

    /// Charges the request: all of it or, if one limit denies it, nothing.
    ///
    /// # Errors
    /// [`Code::RATE_LIMITED`], or [`Code::STORE_UNAVAILABLE`] from a limit that is closed while the
    /// limiter's table does not answer. A request that changes nothing may be refused later.
    pub async fn admit(&self, charges: &[Charge]) -> Result<(), Problem> {
        let (limits, charges) = (self.limits.clone(), charges.to_vec());
        // As a trait object: the compiler has a limit on how deep futures may be nested.
        let mut checking: BoxFuture<'static, Checked> =
            Box::pin(async move { limits.check(&charges).await });
        // What memory decides is there at once.
        let at_once = poll_fn(|context| Poll::Ready(checking.as_mut().poll(context))).await;
        match at_once {
            Poll::Ready(checked) => self.tab.note(checked),
            Poll::Pending if self.changes_nothing => {
                self.tab.note_later(tokio::spawn(checking));
                Ok(())
            }
            Poll::Pending => self.tab.note(checking.await),
        }
    }

    /// The same, with a `read` that is made while the limiter's table is asked. If the request is
    /// denied, its answer is thrown away; what memory denies does not begin it.
    ///
    /// # Errors
    /// As for [`admit`](Self::admit).
    pub async fn admit_beside<T>(
        &self,
        charges: &[Charge],
        read: impl Future<Output = T>,
    ) -> Result<T, Problem> {
        match select(pin!(self.limits.check(charges)), pin!(read)).await {
            Either::Left((checked, read)) => {
                self.tab.note(checked)?;
                Ok(read.await)
            }
            Either::Right((read, checking)) => {
                self.tab.note(checking.await)?;
                Ok(read)
            }
        }
    }
}

impl FromRequestParts<Platform> for RateLimits {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        platform: &Platform,
    ) -> Result<Self, Infallible> {
        Ok(Self::of(parts, platform))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    //! Limits such as functions have them.

    use minigate_domain::WithoutStore;

    use super::{Floor, Known, Limit};

    pub(crate) const LOGIN: Limit = Limit::per_user("login", 5, 60)
        .without_store(WithoutStore::Closed)
        .floor(Floor::A_UNIT_AN_HOUR);
    pub(crate) const LOGIN_ADDRESS: Limit = Limit::per_address("login-address", 20, 60)
        .without_store(WithoutStore::Closed)
        .floor(Floor::A_UNIT_AN_HOUR);
    pub(crate) const REFRESH: Limit =
        Limit::per_session("refresh", 30, 60).floor(Floor::A_UNIT_AN_HOUR);
    pub(crate) const VERIFY: Limit = Limit::per_api_key("verify", 6_000, 60).max_weight(100);

    pub(crate) const KNOWN: Known = Known::all(&[LOGIN, LOGIN_ADDRESS, REFRESH, VERIFY]);
}
