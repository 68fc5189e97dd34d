//! The outermost layer: assigns the request id, serializes problems, and logs.
//!
//! A request has one log line (more if it fails), with its id, route, status, duration and whether it was
//! a cold start. The route is the template, such as `/v1/sessions/{id}`. The line never holds a user or an
//! address.

use std::time::Instant;

use axum::{
    body::Body,
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use lambda_http::{RequestExt, request::RequestContext};
use tracing::Instrument;

use crate::{Code, Metric, Platform, Problem};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: API Gateway's, or a random one. Clients cannot choose it, so it is unique and safe
/// to log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub String);

impl RequestId {
    fn of(request: &Request, platform: &Platform) -> Self {
        let from_gateway = match request.extensions().request_context_ref() {
            Some(RequestContext::ApiGatewayV1(context)) => context.request_id.clone(),
            Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
            _ => None,
        };
        Self(from_gateway.unwrap_or_else(|| {
            let mut bytes = [0; 16];
            platform.entropy.fill(&mut bytes);
            format!("{:032x}", u128::from_be_bytes(bytes))
        }))
    }
}

pub(super) async fn observe(
    platform: &Platform,
    mut request: Request,
    answer: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let id = RequestId::of(&request, platform);
    let started = Instant::now();
    let is_cold = platform.take_cold_start();
    let method = request.method().clone();
    let route =
        request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str).to_owned();
    request.extensions_mut().insert(id.clone());
    let span = tracing::info_span!("request", request_id = id.0);
    async {
        let mut response = with_problem(answer(request).await, &id);
        if let Ok(value) = HeaderValue::from_str(&id.0) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        let line =
            RequestLine { request_id: &id.0, method: method.as_str(), route: &route, is_cold };
        let code = response.extensions().get::<Problem>().map(Problem::code);
        line.write(response.status(), code, started);
        if response.status().is_server_error() {
            // Lambda counts every response as a success, whatever its status.
            platform.metrics.count(Metric::SERVER_ERRORS);
        }
        response
    }
    .instrument(span)
    .await
}

/// The log line of a request, for every kind of event.
pub(crate) struct RequestLine<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) method: &'a str,
    /// A template, never a path.
    pub(crate) route: &'a str,
    /// Whether it was the first of its instance.
    pub(crate) is_cold: bool,
}

impl RequestLine<'_> {
    /// Writes the line of a request that began at `started`.
    pub(crate) fn write(self, status: StatusCode, code: Option<Code>, started: Instant) {
        tracing::info!(
            request_id = self.request_id,
            method = self.method,
            route = self.route,
            status = status.as_u16(),
            code = code.map(Code::as_str),
            duration_ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3,
            cold_start = self.is_cold,
            "request"
        );
    }
}

/// Logs the causes, which the client does not see.
pub(crate) fn log_causes(problem: &Problem) {
    let causes = problem.causes();
    if problem.code() == Code::INTERNAL_ERROR {
        tracing::error!(code = problem.code().as_str(), causes, "failed");
    } else if let Some(causes) = causes {
        tracing::warn!(code = problem.code().as_str(), causes, "refused");
    }
}

/// Serializes the problem of a response, and logs its causes.
fn with_problem(response: Response, id: &RequestId) -> Response {
    let problem = match response.extensions().get::<Problem>() {
        Some(problem) => problem.clone(),
        None if response.status().is_client_error() || response.status().is_server_error() => {
            foreign_problem(response.status())
        }
        None => return response,
    };
    let status = problem.code().status();
    log_causes(&problem);
    let mut headers = response.headers().clone();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    let mut written = (status, Body::from(problem.to_json(&id.0))).into_response();
    *written.headers_mut() = headers;
    written.extensions_mut().insert(problem);
    written
}

/// The problem for a refusal by a library. All known ones are mapped where they arise; this is the
/// fallback.
fn foreign_problem(status: StatusCode) -> Problem {
    Problem::new(match status {
        StatusCode::NOT_FOUND => Code::ROUTE_NOT_FOUND,
        StatusCode::METHOD_NOT_ALLOWED => Code::METHOD_NOT_ALLOWED,
        StatusCode::PAYLOAD_TOO_LARGE => Code::BODY_TOO_LARGE,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UNSUPPORTED_MEDIA_TYPE,
        status if status.is_client_error() => Code::BODY_MALFORMED,
        _ => Code::INTERNAL_ERROR,
    })
}
