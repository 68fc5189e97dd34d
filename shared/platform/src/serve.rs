//! The life of a function: start, serve, stop.

use std::{process::ExitCode, sync::Arc, time::Duration};

use axum::{http::Uri, response::Response};
use lambda_http::{
    BoxFuture, Error, IntoResponse, LambdaEvent, Request, RequestExt, lambda_runtime::Runtime,
    service_fn, tower::ServiceExt,
};
use serde_json::Value;
use tokio::{
    runtime::LocalOptions,
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    task::spawn_local,
};

use crate::{
    Background, Config, Needs, Platform, Router,
    events::{Answers, Events, Invocation, OfEvents},
    extension::{Extension, TellExtension},
    layers, telemetry,
    workers::{Job, OfQueue, OfSchedule, Worker},
};

/// Without an extension to keep the process awake, a response waits this long for background work. Users
/// would notice more. Unfinished work continues with the next request.
const SETTLE_LIMIT: Duration = Duration::from_millis(500);

/// How long shutdown waits for background work. Lambda kills the process 500 ms after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_millis(400);

/// The `main` of a function with routes: reads the configuration, fetches the secrets that it
/// needs and serves requests from Lambda until it is stopped.
///
/// Exits with a failure, after one message that names every fault, if the environment is wrong.
pub(crate) fn run(router: Router, needs: Needs) -> ExitCode {
    start(needs, async |platform: Platform, tell: TellExtension| {
        let routes = layers::around(router, &platform);
        let settle = Settle::unless(&tell, &platform);
        let respond = service_fn(move |request: Request| {
            let (routes, settle) = (routes.clone(), settle.clone());
            async move { written(respond(routes, &settle, request).await).await }
        });
        lambda_http::runtime(respond).layer(tell).run().await
    })
}

/// The `main` of a function whose events are no HTTP requests. Otherwise it is [`run`].
pub(crate) fn run_events(events: impl Events, needs: Needs) -> ExitCode {
    run_invoked(OfEvents(events), needs)
}

/// The `main` of a function that works off a queue of SQS. Otherwise it is [`run`].
pub(crate) fn run_queue(worker: impl Worker, needs: Needs) -> ExitCode {
    run_invoked(OfQueue(worker), needs)
}

/// The `main` of a function that a schedule of EventBridge starts. Otherwise it is [`run`].
pub(crate) fn run_schedule(job: impl Job, needs: Needs) -> ExitCode {
    run_invoked(OfSchedule(job), needs)
}

fn run_invoked(function: impl Answers, needs: Needs) -> ExitCode {
    start(needs, async |platform: Platform, tell: TellExtension| {
        let function = Arc::new(function);
        let settle = Settle::unless(&tell, &platform);
        let answer = service_fn(move |event: LambdaEvent<Value>| {
            let (function, platform, settle) =
                (Arc::clone(&function), platform.clone(), settle.clone());
            async move {
                let LambdaEvent { payload, context } = event;
                let invocation = Invocation::from(&context);
                // Boxed for the same reason as in `start`.
                let answer = Box::pin(function.answer(&platform, &payload, &invocation)).await;
                settle.before_response().await;
                answer
            }
        });
        Runtime::new(answer).layer(tell).run().await
    })
}

/// The common part of all functions; `serve` is the specific one.
fn start(
    needs: Needs,
    serve: impl AsyncFnOnce(Platform, TellExtension) -> Result<(), Error> + 'static,
) -> ExitCode {
    let config = match Config::from_environment(needs) {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    telemetry::start(config.log_level);
    // An instance serves one request at a time; a thread pool would only cost memory and start-up.
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = match builder.enable_all().build_local(LocalOptions::default()) {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    runtime.block_on(async {
        let platform = Platform::from_environment(config).await;
        // Boxed, because the types of the AWS SDK nest too deeply for the compiler.
        let warm = Box::pin(platform.warm());
        let registered = Extension::register(&platform.config.runtime_api);
        let extension = match tokio::join!(warm, registered).1 {
            Ok(extension) => extension,
            Err(error) => return fail(&error),
        };
        let (tell, responses) = mpsc::unbounded_channel();
        let tell = TellExtension(extension.is_some().then_some(tell));
        let (for_serving, for_extension) = (platform.clone(), platform.clone());
        // Tasks, because the runtime polls the system for events each time before it polls this future:
        // three times a request.
        let mut serving = spawn_local(async move {
            match serve(for_serving, tell).await {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => fail(&*error),
            }
        });
        let keep_awake = spawn_local(async move {
            match extension {
                Some(extension) => fail(&extension.run(responses, &for_extension).await),
                None => std::future::pending().await,
            }
        });
        tokio::select! {
            // If a task panicked, the panic hook has logged it.
            ended = &mut serving => ended.unwrap_or(ExitCode::FAILURE),
            ended = keep_awake => ended.unwrap_or(ExitCode::FAILURE),
            () = told_to_stop() => {
                tracing::debug!("told to stop");
                serving.abort();
                let settled = platform.background.settle(STOP_LIMIT);
                tokio::join!(platform.stop(STOP_LIMIT), settled);
                ExitCode::SUCCESS
            }
        }
    })
}

/// Makes responses wait for background work if there is no extension.
#[derive(Clone)]
struct Settle(Option<Background>);

impl Settle {
    fn unless(tell: &TellExtension, platform: &Platform) -> Self {
        Self(tell.0.is_none().then(|| platform.background.clone()))
    }

    async fn before_response(&self) {
        if let Some(background) = &self.0 {
            background.settle(SETTLE_LIMIT).await;
        }
    }
}

/// Collects the body of a response: `lambda_http` would copy the headers for it.
struct Written(Response<lambda_http::Body>);

impl IntoResponse for Written {
    fn into_response(self) -> BoxFuture<'static, Response<lambda_http::Body>> {
        Box::pin(std::future::ready(self.0))
    }
}

/// Writes the body: as text if it is UTF-8, which all of this API's are, and as base64 otherwise.
async fn written(response: Response) -> Result<Written, Error> {
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await?;
    let body = match String::from_utf8(bytes.into()) {
        Ok(text) => lambda_http::Body::Text(text),
        Err(not_text) => lambda_http::Body::Binary(not_text.into_bytes()),
    };
    Ok(Written(Response::from_parts(parts, body)))
}

async fn respond(routes: axum::Router, settle: &Settle, request: Request) -> Response {
    let response = routes.oneshot(without_stage(request)).await;
    settle.before_response().await;
    response.unwrap_or_else(|never| match never {})
}

/// Restores the path as API Gateway sent it: `lambda_http` prefixes it with the stage of the REST API
/// unless a variable disables that, and routes do not know the stage.
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

/// Lambda sends SIGTERM before it stops an instance with an extension; so does a terminal.
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
        (respond(routes, &Settle(Some(background)), request).await, is_done)
    }

    #[tokio::test]
    async fn a_body_is_text_if_it_is_utf_8() {
        use lambda_http::Body;

        let written_body = async |bytes: &'static [u8]| {
            let Written(response) = written(Response::new(bytes.into())).await.unwrap();
            response.into_body()
        };
        assert_eq!(written_body("ж".as_bytes()).await, Body::Text("ж".to_owned()));
        assert_eq!(written_body(b"").await, Body::Text(String::new()));
        assert_eq!(written_body(b"\xff").await, Body::Binary(vec![0xff]));
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
