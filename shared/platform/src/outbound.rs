//! Clients of providers: Telegram, Stripe, a language model.
//!
//! The base is [`minigate_outbound`]. A client is a crate or a module of its own, made by the function that
//! needs it; no client is a field of the platform, so a function without one links none of this.
//!
//! ```no_run
//! use minigate_outbound::{Client, Origin, OriginError, Trust};
//! use minigate_platform::{Platform, outbound};
//!
//! fn telegram(platform: &Platform) -> Result<Client, OriginError> {
//!     let origin = Origin::parse("https://api.telegram.org")?;
//!     Ok(outbound::builder(platform, "telegram").build(origin, Trust::System))
//! }
//! ```
//!
//! Each call is counted, with the provider in the line. What an instance sees of a provider becomes its row
//! in `GET /health/detailed`, through an item that the function `health` reads: it has neither the client
//! nor its token. A function with a client therefore needs a grant for `dynamodb:UpdateItem` on `Main` with
//! the key `PROVIDERS`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use minigate_domain::Clock;
use minigate_outbound::{
    Builder, Call, Cause, CircuitState, Effect, Ended, NotSent, Observer, Outcome, Time,
};
use minigate_outbox::Performed;
use minigate_store::{ProviderReport, Store};

use crate::{Background, Metric, Metrics, Platform};

/// Calls of providers.
pub const CALLS: Metric = Metric::of_function("OutboundCalls");
/// Calls that the provider failed: no answer, or one with a 5xx.
pub const FAILURES: Metric = Metric::of_function("OutboundFailures");
/// Further attempts of calls.
pub const RETRIES: Metric = Metric::of_function("OutboundRetries");
/// Calls of which nobody knows what they did.
pub const UNKNOWN: Metric = Metric::of_function("OutboundUnknown");
/// Calls that were not made, because the circuit was open.
pub const UNCALLED: Metric = Metric::of_function("OutboundUncalled");
/// Times that a circuit opened.
pub const CIRCUIT_OPENED: Metric = Metric::of_function("OutboundCircuitOpened");
/// How long calls took that were made.
pub const LATENCY: Metric = Metric::of_function("OutboundLatency").in_milliseconds();

/// How often an instance reports a provider that works: at its first call, and then this often.
const REPORT_EACH: Duration = Duration::from_secs(300);

/// The start of a client of this provider: on the platform's clock and randomness, counted, with a row in
/// `GET /health/detailed`.
pub fn builder(platform: &Platform, provider: &'static str) -> Builder {
    let mut seed = [0; 8];
    platform.entropy.fill(&mut seed);
    let reporter = Reporter {
        store: platform.store.clone(),
        metrics: platform.metrics.clone(),
        background: platform.background.clone(),
        clock: Arc::clone(&platform.clock),
        reported: AtomicU64::new(0),
    };
    Builder::new(provider, PlatformTime(Arc::clone(&platform.clock)))
        .seed(u64::from_le_bytes(seed))
        .observer(reporter)
}

/// What an outbox makes of an outcome. A refusal that is none, such as Stars that were refunded before,
/// is for the client to see first.
pub fn performed(outcome: &Outcome) -> Performed {
    let after = outcome.retry_after().unwrap_or_default();
    match (outcome.effect(), outcome) {
        (Effect::Done, _) => Performed::Done,
        (Effect::Unknown, _) => Performed::Unanswered { reason: "the outcome is unknown" },
        (Effect::NotDone, Outcome::Answered(answer)) if answer.status().as_u16() == 429 => {
            Performed::Busy { after }
        }
        (_, Outcome::NotSent(NotSent { cause: Cause::CircuitOpen, .. })) => {
            Performed::Busy { after }
        }
        (_, Outcome::NotSent(NotSent { cause: Cause::Invalid(reason), .. })) => {
            Performed::Refused { reason }
        }
        (_, Outcome::NotSent(_)) => {
            Performed::Retry { after, reason: "the provider is not reached" }
        }
        (Effect::NotDone, _) => Performed::Refused { reason: "the provider refuses it" },
    }
}

struct PlatformTime(Arc<dyn Clock>);

impl Time for PlatformTime {
    fn unix_millis(&self) -> u64 {
        self.0.now().unix_millis()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// Counts calls, and reports what they show of the provider.
struct Reporter {
    store: Store,
    metrics: Metrics,
    background: Background,
    clock: Arc<dyn Clock>,
    /// When the provider was last reported, in milliseconds since the Unix epoch.
    reported: AtomicU64,
}

impl Reporter {
    fn report(&self, provider: &'static str, is_down: bool, latency_ms: u64) {
        let at = self.clock.now();
        self.reported.store(at.unix_millis(), Ordering::Relaxed);
        let report = ProviderReport { is_down, latency_ms, at };
        let store = self.store.clone();
        self.background.start(async move {
            if let Err(error) = store.report_provider(provider, &report).await {
                tracing::warn!(provider, %error, "the state of a provider is not reported");
            }
        });
    }
}

impl Observer for Reporter {
    fn called(&self, call: &Call) {
        let was_made = call.attempts > 0;
        let latency = u64::try_from(call.latency.as_millis()).unwrap_or(u64::MAX);
        let counts = [
            (CALLS, 1),
            (FAILURES, u64::from(call.ended.is_failure())),
            (RETRIES, u64::from(call.attempts.saturating_sub(1))),
            (UNKNOWN, u64::from(matches!(call.ended, Ended::Unknown(_)))),
            (UNCALLED, u64::from(call.ended == Ended::NotSent(Cause::CircuitOpen))),
            // A count of zero is left out; a call that took less than a millisecond is none.
            (LATENCY, if was_made { latency.max(1) } else { 0 }),
        ];
        self.metrics.add_of(Some(("provider", call.provider)), &counts);
        let reported = self.reported.load(Ordering::Relaxed);
        let age = self.clock.now().unix_millis().saturating_sub(reported);
        let is_due = u128::from(age) >= REPORT_EACH.as_millis();
        if is_due && was_made && !call.ended.is_failure() {
            self.report(call.provider, false, latency);
        }
    }

    fn circuit_changed(&self, provider: &'static str, state: CircuitState) {
        if state == CircuitState::Closed {
            tracing::info!(provider, "the circuit of a provider is closed");
            // The call that closed it reports that.
            self.reported.store(0, Ordering::Relaxed);
        } else {
            self.metrics.add_of(Some(("provider", provider)), &[(CIRCUIT_OPENED, 1)]);
            tracing::warn!(provider, "the circuit of a provider is open");
            self.report(provider, true, 0);
        }
    }
}
