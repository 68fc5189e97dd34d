//! What the tests stand on: a provider, a timer that only tests move, and a client.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::BoxFuture;
use minigate_outbound::{
    Builder, Call, CircuitState, Client, Observer, Origin, Policy, Request, Time, Trust,
};
use minigate_testkit::{
    FakeTimer,
    provider::{FakeProvider, Response},
};
use serde_json::json;

pub(crate) const PROVIDER: &str = "example";

pub(crate) struct TestTime(pub(crate) FakeTimer);

impl Time for TestTime {
    fn unix_millis(&self) -> u64 {
        self.0.unix_millis()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(self.0.sleep(duration))
    }
}

/// What a client told its observer.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<(Vec<Call>, Vec<CircuitState>)>>);

impl Told {
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.0.lock().unwrap().0.clone()
    }

    pub(crate) fn changes(&self) -> Vec<CircuitState> {
        self.0.lock().unwrap().1.clone()
    }
}

impl Observer for Told {
    fn called(&self, call: &Call) {
        self.0.lock().unwrap().0.push(*call);
    }

    fn circuit_changed(&self, provider: &'static str, state: CircuitState) {
        assert_eq!(provider, PROVIDER);
        self.0.lock().unwrap().1.push(state);
    }
}

/// Retries at once, so that no test has to move the timer for them.
pub(crate) fn policy() -> Policy {
    Policy { first_backoff: Duration::ZERO, max_answer_bytes: 64 * 1024, ..Policy::default() }
}

pub(crate) struct Bed {
    pub(crate) provider: FakeProvider,
    pub(crate) timer: FakeTimer,
    pub(crate) client: Client,
    pub(crate) told: Told,
}

impl Bed {
    /// A provider that answers `{"ok":true}` to what is not scripted.
    pub(crate) async fn start() -> Self {
        Self::with(policy()).await
    }

    pub(crate) async fn with(policy: Policy) -> Self {
        let timer = FakeTimer::default();
        let respond = |_: &_| Response::json(200, &json!({ "ok": true })).into();
        let provider = FakeProvider::start(&timer, respond).await.unwrap();
        let told = Told::default();
        let client = client_of(&provider.origin(), Trust::System, &timer, policy, told.clone());
        Self { provider, timer, client, told }
    }
}

pub(crate) fn client_of(
    origin: &str,
    trust: Trust,
    timer: &FakeTimer,
    policy: Policy,
    told: Told,
) -> Client {
    Builder::new(PROVIDER, TestTime(timer.clone()))
        .policy(policy)
        .observer(told)
        .build(Origin::parse(origin).unwrap(), trust)
}

/// A request that must not be repeated.
pub(crate) fn once() -> Request {
    Request::post("send", "/send").json(&json!({ "text": "Hello" }))
}

/// One that may be.
pub(crate) fn keyed() -> Request {
    once().idempotency_key("key-1")
}
