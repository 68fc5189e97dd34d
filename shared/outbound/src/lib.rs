//! The base of clients of other services: deadlines, outcomes that say what is known, retries within a
//! budget, a circuit breaker, and no secret in any message.
//!
//! A client of Telegram's Bot API, of Stripe or of a language model is a few typed methods on a
//! [`Client`]. This crate knows no provider and no product.
//!
//! ```no_run
//! use std::time::{Duration, SystemTime};
//! use minigate_outbound::{Builder, Effect, Origin, Outcome, Policy, Request, TokioTime, Trust};
//!
//! # #[expect(clippy::disallowed_methods, reason = "what a program that has no clock yet does")]
//! # async fn example(token: &str) -> Result<(), Box<dyn std::error::Error>> {
//! // Once per process and provider. Connects at the first call.
//! let policy = Policy {
//!     retry_after_in_body: Some("/parameters/retry_after"),
//!     ..Policy::default()
//! };
//! let telegram = Builder::new("telegram", TokioTime(SystemTime::now))
//!     .policy(policy)
//!     .seed(42)
//!     .build(Origin::parse("https://api.telegram.org")?, Trust::System);
//!
//! // The path holds the token, so it is a secret, as every path and header value is.
//! let send = Request::post("sendMessage", format!("/bot{token}/sendMessage"))
//!     .json(&serde_json::json!({ "chat_id": 1, "text": "Hello" }))
//!     .timeout(Duration::from_secs(5));
//! let outcome = telegram.call(&send).await;
//! match (outcome.effect(), &outcome) {
//!     (Effect::Done, Outcome::Answered(answer)) => drop(answer.json::<serde_json::Value>()?),
//!     (Effect::NotDone, _) => println!("try later, in {:?}", outcome.retry_after()),
//!     // sendMessage knows no idempotency, so nobody may send it again.
//!     (_, outcome) => println!("{outcome:?}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What a call tells
//!
//! | outcome | when | [`effect`](Outcome::effect) | a caller that must not do it twice |
//! |---|---|---|---|
//! | [`Answered`](Outcome::Answered), 2xx | | [`Done`](Effect::Done) | is done |
//! | `Answered`, 3xx or 4xx | refused; redirects are not followed, they would carry the token elsewhere | [`NotDone`](Effect::NotDone) | gives up |
//! | `Answered`, 429 | too many requests; [`retry_after`](Outcome::retry_after) has the wait | `NotDone` | tries later |
//! | `Answered`, 5xx or 408 | the provider does not say what it did | [`Unknown`](Effect::Unknown) | records it, does not repeat it |
//! | `Answered`, refused and [`in_doubt`](Answer::in_doubt) | an earlier attempt of the call may have done it: "refunded already" | `Unknown` | asks the answer's body |
//! | [`NotSent`](Outcome::NotSent) | no connection, circuit open, no time left, request not valid; an attempt before may have been told 429 | `NotDone` | tries later |
//! | [`Unknown`](Outcome::Unknown) | sent, and the answer was lost, cut off, garbled or too large | `Unknown` | records it, does not repeat it |
//!
//! "Sent" is taken strictly: as soon as the operating system has accepted one byte of a request, nobody
//! can say that it did nothing.
//!
//! # What is retried
//!
//! | attempt ended | [`Repeat::Safe`] | [`Repeat::Never`] |
//! |---|---|---|
//! | not sent (but not for a certificate or a fault of the request) | retried | retried |
//! | sent, answer lost | retried | not |
//! | 408, 425, 429, 5xx without 501 and 505 | retried | not |
//! | any other answer, or one too large | not | not |
//!
//! `GET`, `HEAD`, `PUT` and `DELETE` are safe; a `POST` is with an
//! [idempotency key](Request::idempotency_key). A retry takes place only within the
//! [attempts](Policy::attempts), the [time](Policy::call_timeout) and the [budget](BudgetPolicy). It waits
//! for the provider's `Retry-After`, unless that is longer than [`max_retry_after`](Policy::max_retry_after),
//! which ends the call, and for a random time that doubles (full jitter).
//!
//! A connection that died while it idled is no attempt: the request goes out on a fresh one.
//!
//! # When the provider is down
//!
//! The [budget](BudgetPolicy) keeps retries to a tenth of the calls and a few more, so an outage is never
//! met with three times the load. The [breaker](BreakerPolicy) opens when at least 5 attempts within a
//! minute failed through the provider's fault, and half of all did. A fault is no connection, no answer, an
//! answer that is not HTTP, or a 5xx; a 4xx is ours, and a call that its caller's deadline cut short says
//! nothing. While it is open, calls are [`NotSent`](Outcome::NotSent) at once. After 2.5 s to 5 s one call
//! passes as a probe. If it fails, the wait doubles, up to 30 s: so 30 s after a provider is back, the
//! next call reaches it, or that and an attempt's time if a probe was just then unanswered. Budget and
//! circuit are those of one process.
//!
//! # What no message shows
//!
//! Errors and `Debug` of every type here name the provider, the operation and the status, and never the
//! path, a header, a body or the text of a foreign error. [`Secret`] is for what callers keep themselves.
//!
//! # What it does not do
//!
//! It reads no environment (but for the certificates, see [`Trust`]), starts no task, logs nothing, follows
//! no redirect, keeps no cookies, unpacks no compression and streams no body. Time and randomness are passed in. It holds
//! no rate: a provider's flood rules are its client's.

mod breaker;
mod budget;
mod client;
mod observer;
mod origin;
mod outcome;
mod policy;
mod random;
mod request;
mod retry_after;
mod secret;
mod time;
mod transport;
mod wire;

pub use breaker::{Breaker, BreakerPolicy, CircuitState, Permit, Verdict};
pub use budget::{Budget, BudgetPolicy};
pub use client::{Builder, Client};
pub use observer::{Call, Ended, Observer};
pub use origin::{Origin, OriginError};
pub use outcome::{Answer, Cause, Effect, NotSent, Outcome, Undecodable, Unknown};
pub use policy::Policy;
pub use request::{Repeat, Request};
pub use secret::Secret;
pub use time::{Time, TokioTime};
pub use transport::{Failed, Progress, Reply, Transport};
pub use wire::{Http, Trust};
