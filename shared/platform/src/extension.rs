//! An internal extension of Lambda: it keeps the process awake until the background work of a request is
//! done, without delaying the response.
//!
//! Lambda freezes a process when the runtime and every registered extension have asked for their next
//! event. The runtime asks as soon as its response is out; the extension, which is a part of this
//! process, asks when [`crate::Background`] has settled. Lambda bills that time and gives the instance no
//! other request in it, so it has a limit. Having an extension also makes Lambda send SIGTERM, 500 ms
//! before it ends the process.
//!
//! Where the extension is refused, as by emulators that do not know extensions, the response waits
//! for the work instead, for a shorter time.
//!
//! The client is a page of code on what `lambda_runtime` brings along. The crate `lambda-extension`
//! would bring a server for logs and telemetry, and a loop that asks for the next event by itself.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>

use std::{
    task::{Context, Poll},
    time::Duration,
};

use axum::http::{HeaderValue, Request, StatusCode, Uri};
use futures_util::future::{FutureExt, Map};
use http_body_util::BodyExt;
use lambda_http::{
    Service,
    lambda_runtime::LambdaInvocation,
    tower::{BoxError, Layer},
};
use lambda_runtime_api_client::{PooledClient, body::Body, build_request};
use thiserror::Error;
use tokio::sync::mpsc;

use crate::{Platform, layers::time_left};

/// The name under which it is known to Lambda. No other extension of a function may have it.
const NAME: &str = "minigate-background";

/// How long registering may take. It is a call within the machine.
const REGISTER_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the process stays awake for the work of one request. Lambda bills it, and work of ours
/// that takes longer is stuck.
const WORK_LIMIT: Duration = Duration::from_secs(5);

/// Why there is no extension, or no longer.
#[derive(Debug, Error)]
pub(crate) enum ExtensionError {
    #[error("the address of the Lambda runtime API is none")]
    Address,
    #[error("the Lambda extensions API does not answer `{call}`")]
    Unreachable {
        call: &'static str,
        #[source]
        source: Option<BoxError>,
    },
    #[error("the Lambda extensions API answers `{call}` with the status {status}")]
    Refused { call: &'static str, status: StatusCode },
    #[error("the Lambda extensions API gives the extension no identifier")]
    NoIdentifier,
}

/// The registered extension of this process.
pub(crate) struct Extension {
    client: PooledClient,
    identifier: HeaderValue,
}

impl Extension {
    /// Registers at the API with this address, `host:port`. That must be done before the runtime
    /// asks for its first event. `None` if the API has refused it or is not Lambda's.
    ///
    /// # Errors
    /// If the API does not answer. Lambda may then have registered the extension, and would wait for
    /// it at every event, so the process must not go on without it.
    pub(crate) async fn register(runtime_api: &str) -> Result<Option<Self>, ExtensionError> {
        match Self::try_register(runtime_api).await {
            Err(error @ ExtensionError::Unreachable { .. }) => Err(error),
            Err(error) => {
                tracing::warn!(%error, "responses wait for work");
                Ok(None)
            }
            Ok(extension) => Ok(Some(extension)),
        }
    }

    async fn try_register(runtime_api: &str) -> Result<Self, ExtensionError> {
        let address: Uri = runtime_api.parse().map_err(|_| ExtensionError::Address)?;
        if address.authority().is_none() {
            return Err(ExtensionError::Address);
        }
        let client = PooledClient::builder().with_endpoint(address).build();
        let request = build_request()
            .method("POST")
            .uri("/2020-01-01/extension/register")
            .header("Lambda-Extension-Name", NAME)
            .header("Content-Type", "application/json")
            .body(Body::from(r#"{"events":["INVOKE"]}"#));
        let registered = call(&client, "register", request);
        let identifier = tokio::time::timeout(REGISTER_TIMEOUT, registered)
            .await
            .map_err(|_| ExtensionError::Unreachable { call: "register", source: None })??
            .ok_or(ExtensionError::NoIdentifier)?;
        Ok(Self { client, identifier })
    }

    /// Keeps the process awake for the work of each request, until the API fails. Lambda then takes
    /// the process for stuck, so it has to end.
    pub(crate) async fn run(
        self,
        mut responses: mpsc::UnboundedReceiver<Response>,
        platform: &Platform,
    ) -> ExtensionError {
        loop {
            if let Err(error) = self.next().await {
                return error;
            }
            // The runtime has been given the same event. Its response may already be out.
            let Some(Response { deadline_unix_millis }) = responses.recv().await else {
                return std::future::pending().await;
            };
            let limit = time_left(deadline_unix_millis, platform.now()).min(WORK_LIMIT);
            if !platform.background.settle(limit).await {
                tracing::warn!(
                    limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
                    "background work is unfinished; it continues with the next request"
                );
            }
        }
    }

    /// Waits for the next event, for as long as it takes: the process may be frozen meanwhile.
    async fn next(&self) -> Result<(), ExtensionError> {
        let request = build_request()
            .uri("/2020-01-01/extension/event/next")
            .header("Lambda-Extension-Identifier", &self.identifier)
            .body(Body::empty());
        call(&self.client, "next", request).await.map(drop)
    }
}

/// Makes a call; the identifier that the answer names. Its body is read so that the connection can be
/// used again, and tells nothing that the runtime does not know as well.
async fn call(
    client: &PooledClient,
    call: &'static str,
    request: Result<Request<Body>, axum::http::Error>,
) -> Result<Option<HeaderValue>, ExtensionError> {
    let unreachable = |source: BoxError| ExtensionError::Unreachable { call, source: Some(source) };
    let answer = client.call(request.map_err(|error| unreachable(error.into()))?).await;
    let (parts, body) = answer.map_err(unreachable)?.into_parts();
    body.collect().await.map_err(|error| unreachable(error.into()))?;
    if !parts.status.is_success() {
        return Err(ExtensionError::Refused { call, status: parts.status });
    }
    Ok(parts.headers.get("Lambda-Extension-Identifier").cloned())
}

/// The runtime has handed over its response to one event.
pub(crate) struct Response {
    deadline_unix_millis: u64,
}

/// Tells the extension of each response, once Lambda has it. It stands around the whole of the
/// runtime, so that events which reach no handler are told of too: the extension waits for each.
#[derive(Clone)]
pub(crate) struct TellExtension(pub(crate) Option<mpsc::UnboundedSender<Response>>);

impl<S> Layer<S> for TellExtension {
    type Service = Telling<S>;

    fn layer(&self, inner: S) -> Telling<S> {
        Telling { inner, extension: self.0.clone() }
    }
}

pub(crate) struct Telling<S> {
    inner: S,
    extension: Option<mpsc::UnboundedSender<Response>>,
}

type Handed = Result<(), BoxError>;

impl<S> Service<LambdaInvocation> for Telling<S>
where
    S: Service<LambdaInvocation, Response = (), Error = BoxError>,
{
    type Response = ();
    type Error = BoxError;
    type Future = Map<S::Future, Box<dyn FnOnce(Handed) -> Handed + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Handed> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let (extension, deadline_unix_millis) =
            (self.extension.clone(), invocation.context.deadline);
        self.inner.call(invocation).map(Box::new(move |handed| {
            if let Some(extension) = extension {
                // Nobody listens when the process is about to end.
                let _ = extension.send(Response { deadline_unix_millis });
            }
            handed
        }))
    }
}
