//! A provider that answers as scripted: an HTTP server on the loopback interface, for clients of other
//! services.
//!
//! It replaces the network and the provider, so tests cover the whole client. A test scripts what becomes
//! of the next requests, and a function answers those that are not scripted; it may keep state, as a fake
//! of one certain provider does.
//!
//! ```
//! # async fn example() -> std::io::Result<()> {
//! use minigate_testkit::{FakeTimer, provider::{FakeProvider, Play, Response}};
//! use serde_json::json;
//!
//! let provider = FakeProvider::start(&FakeTimer::default(), |request| {
//!     Response::json(200, &json!({ "ok": true, "path": request.path })).into()
//! })
//! .await?;
//! provider.script([Play::ResetUnread, Response::new(503).into()]);
//! // … the code under test calls provider.origin(): it is cut off, refused, then answered …
//! let request = provider.request(1).await;
//! assert_eq!(request.method, "POST");
//! # Ok(())
//! # }
//! ```

mod connection;
mod response;

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::FakeTimer;

pub use response::{Play, Response};

/// A request as it was received.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its method.
    pub method: String,
    /// Its path, with the query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// On which connection it came, counted from one.
    pub connection: usize,
}

impl Received {
    /// A header; an empty text if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// The running provider. Dropping it closes its connections and frees its port.
pub struct FakeProvider {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Accepts, and owns the connections.
    _tasks: JoinSet<()>,
}

type Respond = dyn Fn(&Received) -> Play + Send + Sync;

struct Shared {
    timer: FakeTimer,
    script: Mutex<VecDeque<Play>>,
    respond: Box<Respond>,
    received: watch::Sender<Vec<Received>>,
    connections: watch::Sender<Connections>,
    /// How often idle connections were closed.
    closings: watch::Sender<usize>,
}

/// How many connections there were, and are.
#[derive(Clone, Copy, Debug, Default)]
struct Connections {
    accepted: usize,
    open: usize,
}

impl FakeProvider {
    /// Listens on a free loopback port. `respond` answers what is not scripted. Delays are on the timer.
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn start(
        timer: &FakeTimer,
        respond: impl Fn(&Received) -> Play + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            timer: timer.clone(),
            script: Mutex::default(),
            respond: Box::new(respond),
            received: watch::Sender::default(),
            connections: watch::Sender::default(),
            closings: watch::Sender::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, _tasks: tasks })
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its scheme, host and port.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Says what becomes of the next requests, after those that were scripted before.
    pub fn script(&self, plays: impl IntoIterator<Item = Play>) {
        self.shared.script().extend(plays);
    }

    /// The requests that were received completely, in their order.
    pub fn requests(&self) -> Vec<Received> {
        self.shared.received.borrow().clone()
    }

    /// Waits for the request of this number, counted from one.
    pub async fn request(&self, number: usize) -> Received {
        let mut received = self.shared.received.subscribe();
        let found = received.wait_for(|received| received.len() >= number).await;
        match found {
            Ok(received) => received[number - 1].clone(),
            Err(_) => unreachable!("the sender is in this provider"),
        }
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.shared.connections.borrow().accepted
    }

    /// Closes the connections, as a provider does with those that idle, and waits until they are.
    /// Those on which a request is under way are closed after their answer.
    pub async fn close_connections(&self) {
        let mut connections = self.shared.connections.subscribe();
        self.shared.closings.send_modify(|closings| *closings += 1);
        let _ = connections.wait_for(|connections| connections.open == 0).await;
    }
}

impl Shared {
    fn script(&self) -> MutexGuard<'_, VecDeque<Play>> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this task, and its connections with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        shared.connections.send_modify(|connections| {
            connections.accepted += 1;
            connections.open += 1;
        });
        let number = shared.connections.borrow().accepted;
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // An error is the client's end.
            let _ = connection::serve(stream, number, &shared).await;
            shared.connections.send_modify(|connections| connections.open -= 1);
        });
    }
}
