//! A function's own binary under a stub of the Lambda Runtime API.
//!
//! The stub speaks the part of the API that a runtime needs to serve requests: `next`, `response`,
//! `error` and `init/error`. The binary is the one that is deployed, so what is tested includes its
//! configuration, its logs and its end.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::{
    collections::HashMap,
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use minigate_embedded_aws::{
    loopback::{ANY_PORT, LoopbackServer},
    protocol::Answer,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

/// How long an invocation may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running function.
#[derive(Debug)]
pub struct Function {
    process: Child,
    output: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
    events: mpsc::UnboundedSender<Invocation>,
    invocations: usize,
    _runtime_api: LoopbackServer,
}

#[derive(Debug)]
struct Invocation {
    id: String,
    event: Value,
    deadline_unix_millis: u64,
    answer: oneshot::Sender<Result<Value, String>>,
}

#[derive(Debug, Default)]
struct Waiting(Mutex<HashMap<String, oneshot::Sender<Result<Value, String>>>>);

impl Function {
    /// Starts a binary with these variables, and no others but Lambda's own.
    ///
    /// # Errors
    /// What the system says of the port or of the binary.
    pub async fn start(binary: &Path, variables: &[(String, String)]) -> io::Result<Self> {
        let (events, received) = mpsc::unbounded_channel();
        let received = Arc::new(tokio::sync::Mutex::new(received));
        let waiting = Arc::new(Waiting::default());
        let runtime_api = LoopbackServer::bind(ANY_PORT, move |request| {
            let (received, waiting) = (Arc::clone(&received), Arc::clone(&waiting));
            async move { answer(request, &received, &waiting).await }
        })
        .await
        .map_err(io::Error::other)?;
        let mut process = Command::new(binary)
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api.address().to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "function-under-test")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "7")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "group")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = Arc::new(Mutex::new(Vec::new()));
        let readers =
            vec![collect(process.stdout.take(), &output), collect(process.stderr.take(), &output)];
        Ok(Self { process, output, readers, events, invocations: 0, _runtime_api: runtime_api })
    }

    /// Gives the function one event, and returns what it answers. Lambda would cut it off at the
    /// deadline, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// What the function reports, or that it did not answer for 20 seconds.
    pub async fn invoke(
        &mut self,
        event: Value,
        deadline_unix_millis: u64,
    ) -> Result<Value, String> {
        self.invocations += 1;
        let (answer, answered) = oneshot::channel();
        let id = format!("invocation-{}", self.invocations);
        let invocation = Invocation { id, event, deadline_unix_millis, answer };
        self.events.send(invocation).map_err(|_| "the runtime API has ended".to_owned())?;
        match timeout(PATIENCE, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err("the runtime API has ended".to_owned()),
            Err(_) => Err(format!("no answer; the function printed {:?}", lock(&self.output))),
        }
    }

    /// Tells the function to stop, as Lambda does (SIGTERM), and returns how it ended and every line
    /// that it printed.
    ///
    /// # Errors
    /// If it cannot be told, or does not end for 20 seconds.
    pub async fn stop(self) -> io::Result<(ExitStatus, Vec<String>)> {
        if let Some(id) = self.process.id() {
            // The shell's own `kill`: not every system has it as a program.
            Command::new("sh").args(["-c", &format!("kill {id}")]).status().await?;
        }
        self.end().await
    }

    /// Waits until the function ends by itself, and returns how it ended and every line that it
    /// printed.
    ///
    /// # Errors
    /// If it does not end for 20 seconds.
    pub async fn end(mut self) -> io::Result<(ExitStatus, Vec<String>)> {
        let status = timeout(PATIENCE, self.process.wait()).await.map_err(io::Error::other)??;
        for reader in std::mem::take(&mut self.readers) {
            reader.await.map_err(io::Error::other)?;
        }
        Ok((status, std::mem::take(&mut *lock(&self.output))))
    }
}

/// An event as API Gateway's REST API sends it, from a client at `192.0.2.1`.
pub fn rest_event(method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Value {
    let headers: HashMap<_, _> = headers.iter().copied().collect();
    json!({
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": headers.iter().map(|(name, value)| (*name, [value])).collect::<HashMap<_, _>>(),
        "queryStringParameters": null,
        "multiValueQueryStringParameters": null,
        "pathParameters": { "proxy": path.trim_start_matches('/') },
        "stageVariables": null,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "api",
            "httpMethod": method,
            "identity": { "sourceIp": "192.0.2.1", "userAgent": "test" },
            "path": format!("/stage{path}"),
            "protocol": "HTTP/1.1",
            "requestId": "gateway-request-id",
            "resourcePath": "/{proxy+}",
            "stage": "stage",
        },
        "body": body,
        "isBase64Encoded": false,
    })
}

async fn answer(
    request: Request<Incoming>,
    received: &tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    waiting: &Waiting,
) -> Option<Answer> {
    let path = request.uri().path().to_owned();
    let path: Vec<_> = path.trim_start_matches("/2018-06-01/runtime/").split('/').collect();
    match (request.method(), path.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => {
            let Invocation { id, event, deadline_unix_millis, answer } =
                received.lock().await.recv().await?;
            lock(&waiting.0).insert(id.clone(), answer);
            http::Response::builder()
                .header("lambda-runtime-aws-request-id", id)
                .header("lambda-runtime-deadline-ms", deadline_unix_millis)
                .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:::function:test")
                .body(Either::Left(Full::from(event.to_string())))
                .ok()
        }
        (&Method::POST, ["invocation", id, kind]) => {
            let (id, is_response) = ((*id).to_owned(), *kind == "response");
            let body = request.into_body().collect().await.ok()?.to_bytes();
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            if let Some(waiting) = lock(&waiting.0).remove(&id) {
                let _ = waiting.send(if is_response { Ok(body) } else { Err(body.to_string()) });
            }
            accepted()
        }
        _ => accepted(),
    }
}

fn accepted() -> Option<Answer> {
    let body = Either::Left(Full::from("{}"));
    http::Response::builder().status(StatusCode::ACCEPTED).body(body).ok()
}

fn collect<R: AsyncRead + Unpin + Send + 'static>(
    stream: Option<R>,
    output: &Arc<Mutex<Vec<String>>>,
) -> JoinHandle<()> {
    let output = Arc::clone(output);
    tokio::spawn(async move {
        let Some(stream) = stream else { return };
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            lock(&output).push(line);
        }
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
