//! How a connection is made: name, TCP, TLS, HTTP.

use std::{
    error::Error as StdError,
    fmt,
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::client::legacy::connect::{
    HttpConnector,
    dns::{GaiResolver, Name},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{Error as TlsError, pki_types::ServerName},
};
use tower_service::Service;

use super::{connection::Connection, socket::Socket, tls::Tls};
use crate::{Cause, Origin, Trust};

/// Makes connections to one origin.
pub(super) struct Connector {
    origin: Origin,
    tls: Tls,
    tcp: HttpConnector<Resolver>,
}

impl Connector {
    pub(super) fn new(origin: Origin, trust: Trust) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        tcp.set_nodelay(true);
        Self { origin, tls: Tls::new(trust), tcp }
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(super) async fn connect(&self) -> Result<Connection, Cause> {
        let invalid = Cause::Invalid("the origin is not valid");
        let Origin { host, port, is_tls, .. } = &self.origin;
        let address: Uri = format!("http://{host}:{port}").parse().map_err(|_| invalid)?;
        let stream = self.tcp.clone().call(address).await.map_err(|error| unconnected(&error))?;
        let socket = Socket::new(stream.into_inner());
        if !is_tls {
            return Connection::start(socket.clone(), socket).await;
        }
        let config = self.tls.config().ok_or(Cause::Certificate)?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned()).map_err(|_| invalid)?;
        let shaken = TlsConnector::from(config).connect(name, socket.clone()).await;
        Connection::start(shaken.map_err(|error| refused(&error))?, socket).await
    }
}

/// Why there is no TCP connection.
fn unconnected(error: &dyn StdError) -> Cause {
    let of_resolver = error.source().is_some_and(<dyn StdError>::is::<Unresolved>);
    if of_resolver { Cause::Dns } else { Cause::Connect }
}

/// Why there is no TLS. A peer that speaks something else has no certificate that one could trust
/// either, but may be a proxy that is starting, so that is retried.
fn refused(error: &io::Error) -> Cause {
    let of_tls = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
    if matches!(of_tls, Some(TlsError::InvalidCertificate(_))) {
        Cause::Certificate
    } else {
        Cause::Connect
    }
}

/// The system's resolver, with an error that can be told from those of a connection.
#[derive(Clone)]
struct Resolver(GaiResolver);

#[derive(Debug)]
struct Unresolved(io::Error);

impl fmt::Display for Unresolved {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

impl StdError for Unresolved {}

impl Service<Name> for Resolver {
    type Response = <GaiResolver as Service<Name>>::Response;
    type Error = Unresolved;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Unresolved>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        self.0.poll_ready(context).map_err(Unresolved)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolving = self.0.call(name);
        Box::pin(async move { resolving.await.map_err(Unresolved) })
    }
}
