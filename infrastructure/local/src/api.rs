//! The API on a local port.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::{ConnectInfo, Request},
    middleware::{self, Next},
    response::Response,
};
use minigate_platform::{
    Config, ConfigError, Platform, SystemClock, SystemEntropy, aws, extract::ClientAddress, layers,
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tower_http::compression::{CompressionLayer, predicate::SizeAbove};

use crate::{dev_server::needs, routes};

/// How long running requests may take after the server is stopped.
const GRACE: Duration = Duration::from_secs(5);

/// The smallest body that is compressed, in bytes: the template's `MinimumCompressionSize`, because on AWS,
/// API Gateway compresses.
const COMPRESSED_BYTES: u64 = 1024;

/// The variable that names what certificates say of where they are. There is no API Gateway to say it.
const PUBLIC_URL: &str = "MINIGATE_PUBLIC_URL";

/// Why the API cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The environment is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The port is unavailable.
    #[error("port {port} cannot be opened: {source}; PORT chooses another one")]
    Port {
        /// The port.
        port: u16,
        /// The error of the system.
        source: std::io::Error,
    },
}

/// All functions on one port, until it is shut down or dropped.
pub struct Api {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    platform: Platform,
}

impl Api {
    /// Serves every route on `127.0.0.1:port` (0: any free one), on the AWS endpoint with this URL,
    /// configured by these variables.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn start(
        port: u16,
        aws_endpoint_url: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ApiError> {
        let (listener, address) =
            listen(port).await.map_err(|source| ApiError::Port { port, source })?;
        let mut variables: Vec<_> = variables.into_iter().collect();
        if !variables.iter().any(|(name, _)| name == PUBLIC_URL) {
            variables.push((PUBLIC_URL.to_owned(), format!("http://{address}")));
        }
        let config = Config::from_variables(variables, needs())?;
        let aws = aws::configuration_of_emulator(aws_endpoint_url).await;
        let platform = Platform::new(config, &aws, Arc::new(SystemClock), Arc::new(SystemEntropy));
        platform.warm().await;
        let service = layers::around(routes::all(), &platform)
            .layer(middleware::from_fn(tell_address))
            .layer(CompressionLayer::new().compress_when(SizeAbove::new(COMPRESSED_BYTES)))
            .into_make_service_with_connect_info::<SocketAddr>();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let serving = axum::serve(listener, service)
                .with_graceful_shutdown(async { drop(stopped.await) });
            // Accepting connections cannot fail for good; see `axum::serve`.
            let _ = serving.await;
        });
        Ok(Self { address, stop: Some(stop), task, platform })
    }

    /// The URL: `http://127.0.0.1:PORT`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) const fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Waits for running requests, at most five seconds, and stops.
    pub async fn shutdown(mut self) {
        drop(self.stop.take());
        if tokio::time::timeout(GRACE, &mut self.task).await.is_err() {
            self.task.abort();
        }
        self.platform.stop(GRACE).await;
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(port: u16) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Sets the client's address, as API Gateway does on AWS.
async fn tell_address(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    request.extensions_mut().insert(ClientAddress(Some(peer.ip())));
    next.run(request).await
}
