//! The transport over HTTP/1.1 and TLS: one origin, and the connections to it.

mod connect;
mod connection;
mod socket;
mod tls;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{Either, select};
use http_body_util::Full;

use self::{connect::Connector, connection::Connection};
use crate::{
    Cause, Failed, Origin, Policy, Progress, Reply, Request, Time, Transport, time::millis,
};

pub use tls::Trust;

/// HTTP/1.1 to one origin.
///
/// hyper does the protocol, its connector resolves and connects (happy eyeballs), rustls does TLS. What
/// is ours is the pool, for what a frozen Lambda function needs of one:
///
/// - A connection that idled for longer than the policy allows *by the wall clock* is closed, and one
///   that the provider closed meanwhile is recognised before anything is sent on it.
/// - Whether a request has left is known to the byte: a failure before the first one is
///   [`NotSent`](crate::NotSent).
/// - No task runs besides the caller's: a call that is dropped closes its connection.
pub struct Http {
    connector: Connector,
    policy: Policy,
    time: Arc<dyn Time>,
    /// The latest used one is last.
    idle: Mutex<Vec<Connection>>,
}

impl Http {
    pub(crate) fn new(origin: Origin, trust: Trust, policy: Policy, time: Arc<dyn Time>) -> Self {
        let connector = Connector::new(origin, trust);
        Self { connector, policy, time, idle: Mutex::default() }
    }

    /// A connection that seems alive, and whether it was used before.
    async fn connection(&self) -> Result<(Connection, bool), Cause> {
        while let Some(mut connection) = self.take_idle() {
            if connection.is_alive() {
                return Ok((connection, true));
            }
        }
        let connecting = std::pin::pin!(self.connector.connect());
        match select(connecting, self.time.sleep(self.policy.connect_timeout)).await {
            Either::Left((connected, _)) => Ok((connected?, false)),
            Either::Right(((), _)) => Err(Cause::Timeout),
        }
    }

    fn take_idle(&self) -> Option<Connection> {
        let now = self.time.unix_millis();
        let max_idle = millis(self.policy.max_idle);
        let mut idle = self.lock_idle();
        // A clock that was set back has nothing to say about idleness, so such a connection is closed.
        idle.retain(|it| now.checked_sub(it.idle_since).is_some_and(|idle| idle <= max_idle));
        idle.pop()
    }

    fn give_back(&self, mut connection: Connection) {
        if connection.may_be_reused() {
            connection.idle_since = self.time.unix_millis();
            let mut idle = self.lock_idle();
            idle.push(connection);
            let excess = idle.len().saturating_sub(self.policy.idle_connections);
            idle.drain(..excess);
        }
    }

    fn lock_idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn head(&self, request: &Request) -> Result<http::Request<Full<bytes::Bytes>>, Cause> {
        let invalid = Cause::Invalid("the request cannot be built");
        let (method, path, headers, body) = request.parts().ok_or(invalid)?;
        let mut built = http::Request::new(Full::new(body.clone()));
        *built.method_mut() = method.clone();
        *built.uri_mut() = http::Uri::from(path.clone());
        *built.headers_mut() = headers.clone();
        let authority = http::HeaderValue::from_str(&self.connector.origin().authority);
        built.headers_mut().insert(http::header::HOST, authority.map_err(|_| invalid)?);
        Ok(built)
    }
}

impl Transport for Http {
    async fn attempt(&self, request: &Request, progress: &Progress) -> Result<Reply, Failed> {
        loop {
            let head = self.head(request)?;
            let (mut connection, was_used) = self.connection().await?;
            match connection.exchange(head, self.policy.max_answer_bytes, progress).await {
                Ok(reply) => {
                    self.give_back(connection);
                    return Ok(reply);
                }
                // It died while it idled, and nothing was sent: as if it had never been there. This ends,
                // because each round uses an idle connection up.
                Err(_) if was_used && !progress.is_sent() => {}
                Err(failed) => return Err(failed),
            }
        }
    }
}
