//! The life of a function: start, serve, stop.

use std::{convert::Infallible, process::ExitCode, time::Duration};

use axum::{http::Uri, response::Response};
use lambda_http::{Request, RequestExt, service_fn, tower::ServiceExt};
use tokio::signal::unix::{SignalKind, signal};

use crate::{Background, Config, Platform, Router, layers, telemetry};

/// How long a response waits for work that was started beside it, such as the refresh of a secret.
/// More would be felt; what is not done by then goes on with the next request.
const SETTLE_LIMIT: Duration = Duration::from_millis(500);

/// The `main` of a function: reads the configuration, fetches the secrets and serves requests from
/// Lambda until it is told to stop.
///
/// Exits with a failure, after one message that names every fault, if the environment is wrong.
pub fn run(router: Router) -> ExitCode {
    let config = match Config::from_environment() {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    telemetry::start(config.log_level);
    // An instance serves one request at a time; a thread pool would only cost memory and start-up.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    runtime.block_on(async {
        let platform = Platform::from_environment(config).await;
        platform.warm().await;
        tokio::select! {
            served = serve(&platform, router) => match served {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(&*error),
            },
            () = told_to_stop() => {
                platform.stop().await;
                platform.background.settle(SETTLE_LIMIT).await;
                ExitCode::SUCCESS
            }
        }
    })
}

async fn serve(platform: &Platform, router: Router) -> Result<(), lambda_http::Error> {
    let routes = layers::around(router, platform);
    lambda_http::run(service_fn(|request: Request| {
        let (routes, background) = (routes.clone(), platform.background.clone());
        async move { Ok::<_, Infallible>(respond(routes, &background, request).await) }
    }))
    .await
}

/// Answers a request, once what it left running is done: Lambda freezes the process when it has the
/// response.
async fn respond(routes: axum::Router, background: &Background, request: Request) -> Response {
    let response = routes.oneshot(without_stage(request)).await;
    background.settle(SETTLE_LIMIT).await;
    response.unwrap_or_else(|never| match never {})
}

/// `lambda_http` puts the name of the REST API's stage before the path, unless a variable tells it
/// not to. Routes do not know the stage, so the path is taken as API Gateway sent it.
fn without_stage(mut request: Request) -> Request {
    let path = request.raw_http_path();
    let target = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    if let Ok(target) = target.parse::<Uri>() {
        *request.uri_mut() = target;
    }
    request
}

/// Lambda sends SIGTERM before it ends an instance that has an extension; a terminal sends it too.
async fn told_to_stop() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => drop(terminate.recv().await),
        Err(_) => std::future::pending().await,
    }
}

#[expect(clippy::print_stderr, reason = "there may be no logs yet, and Lambda keeps this output")]
fn fail(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("minigate cannot start: {error}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use axum::routing::get;

    use super::*;

    /// The answer to a request that leaves work of this length running, and whether it was done.
    async fn after_work_of(length: Duration) -> (Response, Arc<AtomicBool>) {
        let (background, is_done) = (Background::default(), Arc::new(AtomicBool::new(false)));
        let (for_handler, flag) = (background.clone(), Arc::clone(&is_done));
        let handler = async move || {
            for_handler.start(async move {
                tokio::time::sleep(length).await;
                flag.store(true, Ordering::Relaxed);
            });
        };
        let routes = axum::Router::new().route("/", get(handler));
        let request = Request::new(lambda_http::Body::Empty).with_raw_http_path("/");
        (respond(routes, &background, request).await, is_done)
    }

    #[tokio::test(start_paused = true)]
    async fn work_beside_a_request_is_done_before_the_freeze() {
        let (response, is_done) = after_work_of(SETTLE_LIMIT / 2).await;
        assert_eq!(response.status(), 200);
        assert!(is_done.load(Ordering::Relaxed));
    }

    #[tokio::test(start_paused = true)]
    async fn long_work_delays_a_response_no_longer_than_the_limit_and_goes_on() {
        let started = tokio::time::Instant::now();
        let (response, is_done) = after_work_of(SETTLE_LIMIT * 4).await;
        assert_eq!((response.status().as_u16(), started.elapsed()), (200, SETTLE_LIMIT));
        assert!(!is_done.load(Ordering::Relaxed));
        tokio::time::sleep(SETTLE_LIMIT * 4).await;
        assert!(is_done.load(Ordering::Relaxed));
    }
}
