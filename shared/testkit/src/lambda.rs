//! A function's own binary under a stub of Lambda.
//!
//! The stub speaks the Runtime API and the Extensions API as far as a function needs them: `next`,
//! `response`, `error`, `init/error`, and `register` and `next` of extensions. Like Lambda, it hands
//! over an event only when the runtime and every extension have asked for one, and between events it
//! can freeze the process. The binary is the one that is deployed, so what is tested includes its
//! configuration, its logs and its end.
//!
//! Sources: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>

mod api;
mod binary;

use std::{
    collections::HashMap,
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use minigate_embedded_aws::loopback::{ANY_PORT, LoopbackServer};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

pub use api::ExtensionsApi;
use api::{Api, Invocation};
pub use binary::{binary, example};

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running function.
#[derive(Debug)]
pub struct Function {
    process: Child,
    output: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
    api: Arc<Api>,
    invocations: usize,
    is_frozen: bool,
    _server: LoopbackServer,
}

impl Function {
    /// Starts a binary with these variables, and no others but Lambda's own.
    ///
    /// # Errors
    /// What the system says of the port or of the binary.
    pub async fn start(binary: &Path, variables: &[(String, String)]) -> io::Result<Self> {
        Self::start_on(ExtensionsApi::Works, binary, variables).await
    }

    /// Starts a binary where the Extensions API behaves like this.
    ///
    /// # Errors
    /// What the system says of the port or of the binary.
    pub async fn start_on(
        extensions: ExtensionsApi,
        binary: &Path,
        variables: &[(String, String)],
    ) -> io::Result<Self> {
        let api = Arc::new(Api::new(extensions));
        let handler = Arc::clone(&api);
        let server = LoopbackServer::bind(ANY_PORT, move |request| {
            let api = Arc::clone(&handler);
            async move { api.answer(request).await }
        })
        .await
        .map_err(io::Error::other)?;
        let mut process = Command::new(binary)
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", server.address().to_string())
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
        Ok(Self {
            process,
            output,
            readers,
            api,
            invocations: 0,
            is_frozen: false,
            _server: server,
        })
    }

    /// Gives the function one event, once it has asked for one, and returns what it answers. Lambda
    /// would cut it off at the deadline, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// What the function reports, or that it did not answer for 20 seconds.
    pub async fn invoke(
        &mut self,
        event: Value,
        deadline_unix_millis: u64,
    ) -> Result<Value, String> {
        self.idle().await?;
        self.thaw().await.map_err(|error| error.to_string())?;
        self.invocations += 1;
        let (answer, answered) = oneshot::channel();
        let id = format!("invocation-{}", self.invocations);
        self.api.hand_over(Invocation { id, event, deadline_unix_millis, answer });
        match timeout(PATIENCE, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err("the runtime API has ended".to_owned()),
            Err(_) => Err(format!("no answer; the function printed {:?}", self.lines())),
        }
    }

    /// Whether the runtime and every extension have asked for an event, so that Lambda would freeze
    /// the process.
    pub fn is_idle(&self) -> bool {
        self.api.is_idle()
    }

    /// Waits until that is so.
    ///
    /// # Errors
    /// That it is not for 20 seconds.
    pub async fn idle(&self) -> Result<(), String> {
        let idle = timeout(PATIENCE, self.api.idle()).await;
        idle.map_err(|_| format!("not idle; the function printed {:?}", self.lines()))
    }

    /// Freezes the process as Lambda does, once it is idle, until the next event.
    ///
    /// # Errors
    /// If it is not idle for 20 seconds, or cannot be told.
    pub async fn freeze(&mut self) -> io::Result<()> {
        self.idle().await.map_err(io::Error::other)?;
        self.is_frozen = true;
        self.signal("STOP").await
    }

    async fn thaw(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.is_frozen) { self.signal("CONT").await } else { Ok(()) }
    }

    /// Every line that the function has printed so far.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.output).clone()
    }

    /// Waits until the function has printed a line with this text.
    ///
    /// # Errors
    /// That it did not for 20 seconds.
    pub async fn printed(&self, text: &str) -> Result<(), String> {
        const POLL: Duration = Duration::from_millis(5);
        let there = async {
            while !self.lines().iter().any(|line| line.contains(text)) {
                tokio::time::sleep(POLL).await;
            }
        };
        timeout(PATIENCE, there).await.map_err(|_| format!("no {text:?} in {:?}", self.lines()))
    }

    /// Tells the function to stop, as Lambda does (SIGTERM).
    ///
    /// # Errors
    /// If it cannot be told.
    pub async fn tell_to_stop(&mut self) -> io::Result<()> {
        self.thaw().await?;
        self.signal("TERM").await
    }

    async fn signal(&self, name: &str) -> io::Result<()> {
        if let Some(id) = self.process.id() {
            // The shell's own `kill`: not every system has it as a program.
            Command::new("sh").args(["-c", &format!("kill -s {name} {id}")]).status().await?;
        }
        Ok(())
    }

    /// Tells the function to stop, and returns how it ended and every line that it printed.
    ///
    /// # Errors
    /// If it cannot be told, or does not end for 20 seconds.
    pub async fn stop(mut self) -> io::Result<(ExitStatus, Vec<String>)> {
        self.tell_to_stop().await?;
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

/// An event as API Gateway's REST API sends it to a REQUEST authorizer, from a client at `192.0.2.1`.
pub fn authorizer_event(method: &str, path: &str, headers: &[(&str, &str)]) -> Value {
    let mut event = rest_event(method, path, headers, None);
    event["type"] = "REQUEST".into();
    event["methodArn"] =
        format!("arn:aws:execute-api:eu-central-1:000000000000:api/stage/{method}{path}").into();
    event
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
