//! A proxy in front of an AWS endpoint that injects latency, refusals, throttling, errors and timeouts, and
//! counts calls.
//!
//! It replaces the network, so tests cover the whole client: the SDK's timeouts, retries and connection pool. A test starts one in front of the
//! [embedded AWS](minigate_embedded_aws), gives its URL to the code under test, and injects faults:
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use minigate_embedded_aws::{EmbeddedAws, Options};
//! use minigate_testkit::faults::{Fault, FaultProxy};
//!
//! let aws = EmbeddedAws::start(Options::default()).await?;
//! let proxy = FaultProxy::start(&aws.endpoint_url()).await?;
//!
//! let throttled = proxy.inject_times(1, "PutItem", Fault::Throttle);
//! // … the code under test writes an item, through proxy.endpoint_url() …
//! assert_eq!((throttled.hits(), proxy.count("PutItem")), (1, 2), "throttled, then retried");
//! # Ok(())
//! # }
//! ```
//!
//! Other requests, such as a health check, pass uncounted.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode, Uri, uri::Scheme};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use minigate_embedded_aws::{
    BindError,
    loopback::{ANY_PORT, LoopbackServer, Upstream},
    protocol::{Answer, Call, Service},
};
use serde_json::{Value, json};
use tokio::time::sleep;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call reaches the service late. A client that gives up before has changed nothing.
    DelayRequest(Duration),
    /// The service does the work at once and the answer comes late. A client that gives up before
    /// has changed something and does not know it.
    DelayAnswer(Duration),
    /// The connection closes without an answer, and the service never hears of the call.
    Refuse,
    /// The connection closes without an answer, after the service did the work.
    SwallowAnswer,
    /// `ThrottlingException`, with status 400, as tables on demand and Secrets Manager throttle.
    /// The service never hears of the call.
    Throttle,
    /// The service's internal error, with status 500. The service never hears of the call.
    ServerError,
    /// A transaction on the same item is under way: `TransactionConflictException`, and a transaction
    /// is cancelled for that reason. DynamoDB never hears of the call.
    Conflict,
    /// A `BatchGetItem` is answered, and has read none of its keys.
    LeaveUnprocessed,
}

/// Which calls are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Every call.
    Any,
    /// Every call of one service.
    Service(Service),
    /// Every call of one operation, such as `GetItem`.
    Operation(String),
    /// Those on one item of DynamoDB whose partition key begins like this.
    Within(Box<Self>, String),
    /// Those on no such item.
    Outside(Box<Self>, String),
}

impl Target {
    /// Of these calls, those on an item of DynamoDB whose partition key begins with `prefix`.
    #[must_use]
    pub fn within(self, prefix: &str) -> Self {
        Self::Within(Box::new(self), prefix.to_owned())
    }

    /// Of these calls, those on no item of DynamoDB whose partition key begins with `prefix`.
    #[must_use]
    pub fn outside(self, prefix: &str) -> Self {
        Self::Outside(Box::new(self), prefix.to_owned())
    }

    fn matches(&self, received: &Received) -> bool {
        let begins_with = |prefix: &str| received.1.starts_with(prefix);
        match self {
            Self::Any => true,
            Self::Service(service) => received.0.service == *service,
            Self::Operation(operation) => received.0.operation == *operation,
            Self::Within(target, prefix) => target.matches(received) && begins_with(prefix),
            Self::Outside(target, prefix) => target.matches(received) && !begins_with(prefix),
        }
    }
}

impl From<Service> for Target {
    fn from(service: Service) -> Self {
        Self::Service(service)
    }
}

impl From<&str> for Target {
    fn from(operation: &str) -> Self {
        Self::Operation(operation.to_owned())
    }
}

/// A call and the partition key of the item it is on, of the first that it reads in a batch, or of a
/// query that names it `:partition`; an empty one for other calls.
type Received = (Call, String);

/// Why the proxy does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The endpoint is not the URL of a plain HTTP server.
    #[error("cannot proxy {0:?}: the endpoint must be a URL such as http://127.0.0.1:4566")]
    Endpoint(String),
    /// The proxy gets no port.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// The running proxy. Dropping it closes its connections and frees its port.
#[derive(Debug)]
pub struct FaultProxy {
    server: LoopbackServer,
    state: Arc<Mutex<State>>,
}

impl FaultProxy {
    /// Listens on a free loopback port and forwards to `endpoint_url`.
    ///
    /// # Errors
    /// [`StartError`] if the URL is malformed or there is no free port.
    pub async fn start(endpoint_url: &str) -> Result<Self, StartError> {
        let upstream = endpoint_url
            .parse::<Uri>()
            .ok()
            .filter(|url| url.scheme() == Some(&Scheme::HTTP))
            .and_then(|url| url.authority().cloned())
            .map(Upstream::new)
            .ok_or_else(|| StartError::Endpoint(endpoint_url.to_owned()))?;
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = LoopbackServer::bind(ANY_PORT, move |request| {
            let (shared, upstream) = (Arc::clone(&shared), upstream.clone());
            async move {
                let call = Call::from_headers(request.headers());
                let (head, body) = request.into_parts();
                let body = body.collect().await.ok()?.to_bytes();
                let key = partition_key(&body);
                let struck = call.and_then(|call| lock(&shared).receive((call, key)));
                let request = Request::from_parts(head, Either::Left(Full::new(body.clone())));
                match struck {
                    None => forward(&upstream, request).await,
                    Some((service, fault)) => {
                        strike(service, fault, &body, &upstream, request).await
                    }
                }
            }
        })
        .await?;
        Ok(Self { server, state })
    }

    /// The URL for `AWS_ENDPOINT_URL` of the code under test.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Strikes every call of `target` with `fault` until the guard is dropped. Of several faults
    /// that match a call, the newest strikes.
    #[must_use = "dropping the guard lifts the fault"]
    pub fn inject(&self, target: impl Into<Target>, fault: Fault) -> FaultGuard {
        self.inject_times(usize::MAX, target, fault)
    }

    /// Like [`inject`](Self::inject), but for the next `times` calls of `target` only.
    #[must_use = "dropping the guard lifts the fault"]
    pub fn inject_times(
        &self,
        times: usize,
        target: impl Into<Target>,
        fault: Fault,
    ) -> FaultGuard {
        let hits = Arc::new(AtomicUsize::new(0));
        let target = target.into();
        let injected = Injected { target, fault, remaining: times, hits: Arc::clone(&hits) };
        lock(&self.state).injected.push(injected);
        FaultGuard { state: Arc::clone(&self.state), hits }
    }

    /// How many calls of `target` were received: retries of the SDK and struck calls included.
    pub fn count(&self, target: impl Into<Target>) -> usize {
        let target = target.into();
        let state = lock(&self.state);
        let received = state.received.iter();
        received.filter(|(received, _)| target.matches(received)).map(|(_, count)| count).sum()
    }

    /// How often each call was received.
    pub fn calls(&self) -> BTreeMap<Call, usize> {
        self.calls_of(Target::Any)
    }

    /// How often each call of `target` was received.
    pub fn calls_of(&self, target: impl Into<Target>) -> BTreeMap<Call, usize> {
        let target = target.into();
        let mut calls = BTreeMap::new();
        for (received, count) in &lock(&self.state).received {
            if target.matches(received) {
                *calls.entry(received.0.clone()).or_default() += count;
            }
        }
        calls
    }

    /// Forgets the calls received so far. Faults stay.
    pub fn reset_counts(&self) {
        lock(&self.state).received.clear();
    }
}

/// Lifts its fault when it is dropped. A call already struck keeps its fate.
#[derive(Debug)]
pub struct FaultGuard {
    state: Arc<Mutex<State>>,
    /// Shared with the fault, which it also identifies.
    hits: Arc<AtomicUsize>,
}

impl FaultGuard {
    /// How many calls the fault has struck.
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::Relaxed)
    }
}

impl Drop for FaultGuard {
    fn drop(&mut self) {
        lock(&self.state).injected.retain(|fault| !Arc::ptr_eq(&fault.hits, &self.hits));
    }
}

#[derive(Debug, Default)]
struct State {
    received: BTreeMap<Received, usize>,
    /// The oldest first.
    injected: Vec<Injected>,
}

#[derive(Debug)]
struct Injected {
    target: Target,
    fault: Fault,
    remaining: usize,
    hits: Arc<AtomicUsize>,
}

impl State {
    /// Counts a call and decides which fault strikes it.
    fn receive(&mut self, received: Received) -> Option<(Service, Fault)> {
        let struck = self
            .injected
            .iter_mut()
            .rev()
            .find(|fault| fault.remaining > 0 && fault.target.matches(&received))
            .map(|fault| {
                fault.remaining -= 1;
                fault.hits.fetch_add(1, Ordering::Relaxed);
                (received.0.service, fault.fault)
            });
        *self.received.entry(received).or_default() += 1;
        struck
    }
}

/// A test that panics with the lock held has failed already; the others go on.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The partition key of the item that a request to DynamoDB is about, if it is named `PK`.
fn partition_key(body: &[u8]) -> String {
    let body = json_of(body);
    let one = ["Key", "Item"].iter().find_map(|item| body[item]["PK"]["S"].as_str());
    let of_batch = || {
        let tables = body["RequestItems"].as_object()?;
        tables.values().find_map(|table| table["Keys"][0]["PK"]["S"].as_str())
    };
    let of_query = || body["ExpressionAttributeValues"][":partition"]["S"].as_str();
    one.or_else(of_batch).or_else(of_query).unwrap_or("").to_owned()
}

type Forwarded = Request<Either<Full<Bytes>, Incoming>>;

/// `None` closes the connection: what a client sees of a service that is gone.
async fn forward(upstream: &Upstream, request: Forwarded) -> Option<Answer> {
    upstream
        .forward(request)
        .await
        .inspect_err(|error| tracing::warn!(%error, "the proxied endpoint does not answer"))
        .ok()
}

async fn strike(
    service: Service,
    fault: Fault,
    body: &[u8],
    upstream: &Upstream,
    request: Forwarded,
) -> Option<Answer> {
    let (status, code, message) = match fault {
        Fault::DelayRequest(delay) => {
            sleep(delay).await;
            return forward(upstream, request).await;
        }
        Fault::DelayAnswer(delay) => {
            let answer = forward(upstream, request).await;
            sleep(delay).await;
            return answer;
        }
        Fault::Refuse => return None,
        Fault::SwallowAnswer => {
            // The whole answer: by then the service is done for certain.
            drop(forward(upstream, request).await?.into_body().collect().await);
            return None;
        }
        Fault::LeaveUnprocessed => return Some(unprocessed(service, body)),
        Fault::Conflict => return Some(conflict(service, body)),
        Fault::Throttle => (StatusCode::BAD_REQUEST, "ThrottlingException", "Rate exceeded"),
        Fault::ServerError => {
            let code = match service {
                Service::DynamoDb | Service::DynamoDbStreams => "InternalServerError",
                Service::SecretsManager => "InternalServiceError",
                Service::Sqs => "InternalFailure",
            };
            (StatusCode::INTERNAL_SERVER_ERROR, code, "Internal error, injected by a test")
        }
    };
    Some(service.error(status, code, message))
}

fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

/// What `BatchGetItem` says when it is throttled: it has read nothing of what it was asked for.
fn unprocessed(service: Service, body: &[u8]) -> Answer {
    let left = json!({ "Responses": {}, "UnprocessedKeys": json_of(body)["RequestItems"] });
    service.answer(StatusCode::OK, &left)
}

fn conflict(service: Service, body: &[u8]) -> Answer {
    let message = "Transaction is ongoing for the item";
    let status = StatusCode::BAD_REQUEST;
    let Some(writes) = json_of(body)["TransactItems"].as_array().map(Vec::len) else {
        return service.error(status, "TransactionConflictException", message);
    };
    let mut reasons = vec![json!({ "Code": "None" }); writes];
    if let Some(last) = reasons.last_mut() {
        *last = json!({ "Code": "TransactionConflict", "Message": message });
    }
    let cancelled = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
        "CancellationReasons": reasons,
    });
    service.answer(status, &cancelled)
}
