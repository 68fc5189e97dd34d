//! A small HTTP/1.1 server that only ever listens on a loopback address, and the forwarding of a
//! request to another one.
//!
//! Unlike `axum::serve` it owns its connections: they end with it, and a handler may close one
//! without an answer, which is what a fault-injecting proxy is made of.

use std::{
    convert::Infallible,
    error::Error,
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Uri, uri::Authority};
use http_body_util::{Either, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::TcpListener,
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::timeout,
};

use crate::protocol::Answer;

/// A free port of 127.0.0.1, chosen by the operating system.
pub const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// How long [`LoopbackServer::shutdown`] waits for requests under way before it cuts them off.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(2);

/// How long the server rests when the operating system refuses it a connection, which happens
/// when the process is out of file descriptors: connections have to end first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a server does not listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address can be reached from other machines.
    #[error(
        "refusing to listen on {0}: the endpoint has no authentication, so it must not be \
         reachable from other machines; use a loopback address such as 127.0.0.1:{port}",
        port = .0.port()
    )]
    NotLoopback(SocketAddr),
    /// The operating system does not give out the address.
    #[error("cannot listen on {address}: {}", why_unavailable(.source, .address.port()))]
    Unavailable {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
}

/// What keeps a port from being listened on, and what to do about it.
fn why_unavailable(source: &io::Error, port: u16) -> String {
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            format!("another process has port {port}; stop it, or choose another port")
        }
        io::ErrorKind::PermissionDenied => {
            format!("port {port} is for privileged processes; choose one from 1024 on")
        }
        _ => format!("{source}; choose another port"),
    }
}

/// Whether a host, as it stands in a URL, is this machine without asking any name server:
/// 127.0.0.0/8, `[::1]` and `localhost`.
pub fn is_loopback_host(host: &str) -> bool {
    let ipv6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || ipv6
            .and_then(|host| host.parse().ok())
            .is_some_and(|address: Ipv6Addr| address.is_loopback())
}

/// A running server. Dropping it closes every connection at once; [`shutdown`](Self::shutdown)
/// lets the requests under way finish.
#[derive(Debug)]
pub struct LoopbackServer {
    address: SocketAddr,
    stop: oneshot::Sender<Infallible>,
    task: AbortOnDrop,
}

impl LoopbackServer {
    /// Listens on `address`, where port 0 means a free one, and answers each request with what
    /// `handle` returns. `None` closes the connection without an answer.
    ///
    /// # Errors
    /// [`BindError`] if the address is not a loopback address or is taken.
    pub async fn bind<H, F>(address: SocketAddr, handle: H) -> Result<Self, BindError>
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Option<Answer>> + Send + 'static,
    {
        if !address.ip().is_loopback() {
            return Err(BindError::NotLoopback(address));
        }
        let unavailable = |source| BindError::Unavailable { address, source };
        let listener = TcpListener::bind(address).await.map_err(unavailable)?;
        let address = listener.local_addr().map_err(unavailable)?;
        let (stop, stopped) = oneshot::channel();
        let task = AbortOnDrop(tokio::spawn(serve(listener, handle, stopped)));
        Ok(Self { address, stop, task })
    }

    /// The address it listens on, with the port that was given out.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, lets requests under way finish for two seconds, then cuts them off.
    pub async fn shutdown(mut self) {
        drop(self.stop);
        if let Err(error) = (&mut self.task.0).await {
            tracing::error!(%error, address = %self.address, "loopback server failed");
        }
    }
}

/// Ends the task when it goes out of scope. Tokio itself detaches it.
#[derive(Debug)]
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn serve<H, F>(listener: TcpListener, handle: H, mut stopped: oneshot::Receiver<Infallible>)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Option<Answer>> + Send + 'static,
{
    let graceful = GracefulShutdown::new();
    // Dropping the set ends the connections that are left in it.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Without it, the second of two small writes waits for the peer's delayed acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot set TCP_NODELAY");
        }
        let handle = handle.clone();
        let service = service_fn(move |request| {
            let answer = handle(request);
            async move { answer.await.ok_or(NoAnswer) }
        });
        let connection =
            graceful.watch(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
    drop(listener);
    if timeout(SHUTDOWN_LIMIT, graceful.shutdown()).await.is_err() {
        tracing::warn!(connections = connections.len(), "cutting off requests under way");
    }
}

/// Makes hyper close the connection.
#[derive(Debug)]
struct NoAnswer;

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed without an answer, as the handler asked")
    }
}

impl Error for NoAnswer {}

/// Another HTTP server on this machine, to which requests are forwarded over kept connections.
#[derive(Clone, Debug)]
pub struct Upstream {
    authority: Authority,
    client: Client<HttpConnector, Either<Full<Bytes>, Incoming>>,
}

impl Upstream {
    /// The server at `authority`, such as `127.0.0.1:4566`.
    pub fn new(authority: Authority) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { authority, client: Client::builder(TokioExecutor::new()).build(connector) }
    }

    /// Sends `request` on, unchanged but for the server it goes to.
    ///
    /// # Errors
    /// If the server cannot be reached or closes the connection without an answer.
    pub async fn forward(
        &self,
        mut request: Request<Either<Full<Bytes>, Incoming>>,
    ) -> Result<Answer, legacy::Error> {
        let mut uri = std::mem::take(request.uri_mut()).into_parts();
        uri.scheme = Some(http::uri::Scheme::HTTP);
        uri.authority = Some(self.authority.clone());
        if let Ok(uri) = Uri::from_parts(uri) {
            *request.uri_mut() = uri;
        }
        Ok(self.client.request(request).await?.map(Either::Right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_port_is_said() {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
        for (kind, expected) in [
            (io::ErrorKind::AddrInUse, "another process has port 80"),
            (io::ErrorKind::PermissionDenied, "port 80 is for privileged processes"),
            (io::ErrorKind::AddrNotAvailable, "choose another port"),
        ] {
            let error = BindError::Unavailable { address, source: kind.into() }.to_string();
            assert!(error.contains(expected) && error.contains("127.0.0.1:80"), "{error}");
        }
    }
}
