//! The client: attempts, waits, and what they amount to.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::{Either, select};

use crate::{
    Answer, Breaker, Budget, Call, Cause, CircuitState, Ended, Failed, Http, NotSent, Observer,
    Origin, Outcome, Permit, Policy, Progress, Repeat, Reply, Request, Time, Transport, Trust,
    Unknown, Verdict,
    outcome::{is_passing, says_nothing},
    random::{Random, up_to},
    retry_after::retry_after,
    time::millis,
};

/// What a client is made of.
pub struct Builder {
    provider: &'static str,
    time: Arc<dyn Time>,
    policy: Policy,
    seed: u64,
    observer: Arc<dyn Observer>,
}

impl Builder {
    /// For the provider of this name, which errors and metrics show.
    pub fn new(provider: &'static str, time: impl Time) -> Self {
        Self {
            provider,
            time: Arc::new(time),
            policy: Policy::default(),
            seed: 0,
            observer: Arc::new(()),
        }
    }

    /// Other numbers than [`Policy::default`].
    #[must_use]
    pub fn policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// Where the jitter starts: another number in each process, or instances retry at once.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Whoever counts the calls.
    #[must_use]
    pub fn observer(self, observer: impl Observer) -> Self {
        Self { observer: Arc::new(observer), ..self }
    }

    /// A client over HTTP. Connects at the first call.
    pub fn build(self, origin: Origin, trust: Trust) -> Client {
        let http = Http::new(origin, trust, self.policy, Arc::clone(&self.time));
        self.build_on(http)
    }

    /// A client on something else, such as a simulation.
    pub fn build_on<T: Transport>(self, transport: T) -> Client<T> {
        let now = self.time.unix_millis();
        Client(Arc::new(Inner {
            provider: self.provider,
            transport,
            time: self.time,
            policy: self.policy,
            random: Random::new(self.seed),
            budget: Mutex::new(Budget::new(self.policy.budget, now)),
            breaker: Mutex::new(Breaker::new(self.policy.breaker)),
            observer: self.observer,
        }))
    }
}

/// Calls one provider. One per provider and process: connections, budget and circuit are its state. Clones
/// share them.
pub struct Client<T = Http>(Arc<Inner<T>>);

struct Inner<T> {
    provider: &'static str,
    transport: T,
    time: Arc<dyn Time>,
    policy: Policy,
    random: Random,
    budget: Mutex<Budget>,
    breaker: Mutex<Breaker>,
    observer: Arc<dyn Observer>,
}

impl<T> Clone for Client<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Client<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("provider", &self.0.provider).finish_non_exhaustive()
    }
}

impl<T: Transport> Client<T> {
    /// Makes a call, which takes the policy's `call_timeout` at most.
    ///
    /// Dropping the future stops it: what was sent by then has an unknown outcome.
    pub async fn call(&self, request: &Request) -> Outcome {
        let started = self.0.time.unix_millis();
        let mut run = Run { inner: &self.0, request, attempts: 0, in_doubt: false };
        let outcome = run.finish(started).await;
        self.0.observer.called(&Call {
            provider: self.0.provider,
            operation: request.operation(),
            ended: match &outcome {
                Outcome::Answered(answer) => Ended::Answered(answer.status.as_u16()),
                Outcome::NotSent(not_sent) => Ended::NotSent(not_sent.cause),
                Outcome::Unknown(unknown) => Ended::Unknown(unknown.cause),
            },
            attempts: run.attempts,
            latency: self.0.since(started),
        });
        outcome
    }

    /// The state of the circuit, for people.
    pub fn circuit(&self) -> CircuitState {
        lock(&self.0.breaker).state()
    }

    /// The name of the provider.
    pub fn provider(&self) -> &'static str {
        self.0.provider
    }
}

impl<T> Inner<T> {
    fn since(&self, started: u64) -> Duration {
        Duration::from_millis(self.time.unix_millis().saturating_sub(started))
    }

    fn admit(&self) -> Result<Admitted<'_, T>, Duration> {
        let permit = lock(&self.breaker).admit(self.time.unix_millis())?;
        Ok(Admitted { inner: self, permit, verdict: Verdict::Nothing })
    }
}

/// An attempt that the circuit lets through. An attempt that is dropped gives its permit back.
struct Admitted<'a, T> {
    inner: &'a Inner<T>,
    permit: Permit,
    verdict: Verdict,
}

impl<T> Drop for Admitted<'_, T> {
    fn drop(&mut self) {
        let Self { inner, permit, verdict } = self;
        let (now, random) = (inner.time.unix_millis(), inner.random.next());
        let change = lock(&inner.breaker).record(*permit, *verdict, now, random);
        if let Some(state) = change {
            inner.observer.circuit_changed(inner.provider, state);
        }
    }
}

/// How an attempt ended.
enum Attempted {
    Answered { reply: Reply, retry_after: Option<Duration> },
    NotSent(Failed),
    Unknown(Failed),
}

/// One call.
struct Run<'a, T> {
    inner: &'a Inner<T>,
    request: &'a Request,
    attempts: u32,
    /// Whether an attempt before the last one may have done something.
    in_doubt: bool,
}

impl<T: Transport> Run<'_, T> {
    async fn finish(&mut self, started: u64) -> Outcome {
        let (inner, request) = (self.inner, self.request);
        let too_large = request.body_bytes() > inner.policy.max_request_bytes;
        if let Some(fault) = request.fault.or(too_large.then_some("the body is too large")) {
            return self.not_sent(Cause::Invalid(fault), None);
        }
        lock(&inner.budget).deposit(started);
        let timeout = request.call_timeout(inner.policy.call_timeout);
        let left = || timeout.saturating_sub(inner.since(started));
        let mut last = None;
        loop {
            let mut admitted = match (inner.admit(), last) {
                (Ok(admitted), _) => admitted,
                (Err(_), Some(last)) => return self.outcome(last),
                (Err(wait), None) => return self.not_sent(Cause::CircuitOpen, Some(wait)),
            };
            self.attempts += 1;
            let (attempted, verdict) = self.attempt(left()).await;
            admitted.verdict = verdict;
            drop(admitted);
            let Some(wait) = self.wait_before_retry(&attempted, left()) else {
                return self.outcome(attempted);
            };
            self.in_doubt |= match &attempted {
                Attempted::Answered { reply, .. } => says_nothing(reply.status),
                Attempted::NotSent(_) => false,
                Attempted::Unknown(_) => true,
            };
            last = Some(attempted);
            inner.time.sleep(wait).await;
        }
    }

    /// One attempt, and what it says about the provider.
    async fn attempt(&self, left: Duration) -> (Attempted, Verdict) {
        let limit = left.min(self.inner.policy.attempt_timeout);
        let progress = Progress::default();
        let attempt = std::pin::pin!(self.inner.transport.attempt(self.request, &progress));
        let ended = match select(attempt, self.inner.time.sleep(limit)).await {
            Either::Left((ended, _)) => ended,
            Either::Right(((), _)) => Err(Failed::from(Cause::Timeout)),
        };
        let verdict = match &ended {
            Ok(reply) if reply.status.is_server_error() && is_passing(reply.status) => {
                Verdict::Fault
            }
            Ok(_) | Err(Failed { cause: Cause::TooLarge, .. }) => Verdict::Works,
            Err(Failed { cause: Cause::Invalid(_), .. }) => Verdict::Nothing,
            // The caller's deadline cut it short, which says nothing about the provider.
            Err(Failed { cause: Cause::Timeout, .. })
                if limit < self.inner.policy.attempt_timeout =>
            {
                Verdict::Nothing
            }
            Err(_) => Verdict::Fault,
        };
        let attempted = match ended {
            Ok(reply) => {
                let (pointer, now) =
                    (self.inner.policy.retry_after_in_body, self.inner.time.unix_millis());
                let retry_after = retry_after(&reply, pointer, now);
                Attempted::Answered { reply, retry_after }
            }
            Err(failed) if progress.is_sent() => Attempted::Unknown(failed),
            Err(failed) => Attempted::NotSent(failed),
        };
        (attempted, verdict)
    }

    /// How long to wait for another attempt; `None` if there is none.
    fn wait_before_retry(&self, attempted: &Attempted, left: Duration) -> Option<Duration> {
        let policy = &self.inner.policy;
        let is_final =
            |cause| matches!(cause, Cause::Invalid(_) | Cause::Certificate | Cause::TooLarge);
        let is_safe = self.request.repeat() == Repeat::Safe;
        let (may_help, asked) = match attempted {
            Attempted::Answered { reply, retry_after } => {
                (is_safe && is_passing(reply.status), *retry_after)
            }
            Attempted::NotSent(failed) => (!is_final(failed.cause), None),
            Attempted::Unknown(failed) => (is_safe && !is_final(failed.cause), None),
        };
        let asked = asked.unwrap_or_default();
        if !may_help || self.attempts >= policy.attempts || asked > policy.max_retry_after {
            return None;
        }
        let doubled = policy.first_backoff.saturating_mul(1 << (self.attempts - 1).min(16));
        let most = millis(doubled.min(policy.max_backoff));
        let wait = asked + Duration::from_millis(up_to(most, self.inner.random.next()));
        let now = self.inner.time.unix_millis();
        (wait < left && lock(&self.inner.budget).withdraw(now)).then_some(wait)
    }

    fn outcome(&self, last: Attempted) -> Outcome {
        match last {
            Attempted::Answered { reply, retry_after } => Outcome::Answered(Answer {
                provider: self.inner.provider,
                operation: self.request.operation(),
                status: reply.status,
                headers: reply.headers,
                body: reply.body,
                attempts: self.attempts,
                in_doubt: self.in_doubt,
                retry_after,
            }),
            Attempted::NotSent(failed) if !self.in_doubt => self.not_sent(failed.cause, None),
            // This attempt did nothing, and an earlier one perhaps did.
            Attempted::NotSent(failed) | Attempted::Unknown(failed) => Outcome::Unknown(Unknown {
                provider: self.inner.provider,
                operation: self.request.operation(),
                cause: failed.cause,
                status: failed.status.map(|status| status.as_u16()),
                attempts: self.attempts,
            }),
        }
    }

    fn not_sent(&self, cause: Cause, retry_after: Option<Duration>) -> Outcome {
        Outcome::NotSent(NotSent {
            provider: self.inner.provider,
            operation: self.request.operation(),
            cause,
            attempts: self.attempts,
            retry_after,
        })
    }
}

/// What is behind the lock is numbers, which no panic leaves half done.
fn lock<S>(state: &Mutex<S>) -> MutexGuard<'_, S> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
