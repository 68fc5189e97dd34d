//! A stub of the Lambda Runtime API that takes times.
//!
//! `minigate_testkit::lambda` is another one, made for tests. This one is made for clocks: blocking
//! sockets and a thread for each connection, so that no executor stands between an event on the wire
//! and the moment that is noted for it.
//!
//! An extension that registers is told of each event, and the function gets its next one when both
//! have asked for it, as on Lambda.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::{Duration, Instant},
};

/// How long a function may take for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// The API for one process. Dropping it ends its threads.
pub(crate) struct RuntimeApi {
    address: SocketAddr,
    events: Sender<String>,
    observations: Receiver<Observation>,
    is_over: Arc<AtomicBool>,
    has_extension: Arc<AtomicBool>,
    extension_events: Sender<()>,
    extension_polls: Receiver<()>,
}

/// What the function did.
pub(crate) enum Observation {
    /// It asked for its next event.
    Polled(Instant),
    /// It answered, this long after the event was put on the wire.
    Answered { took: Duration, body: String },
    /// It reported that it cannot work.
    Failed(String),
}

struct Shared {
    events: Mutex<Receiver<String>>,
    has_extension: Arc<AtomicBool>,
    extension_events: Mutex<Receiver<()>>,
    extension_polls: Sender<()>,
    observations: Sender<Observation>,
    sent: Mutex<Instant>,
    deadline_unix_millis: u64,
}

impl RuntimeApi {
    pub(crate) fn start(deadline_unix_millis: u64) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let (events, received) = mpsc::channel();
        let (extension_events, extension_received) = mpsc::channel();
        let (extension_sender, extension_polls) = mpsc::channel();
        let (sender, observations) = mpsc::channel();
        let has_extension = Arc::new(AtomicBool::new(false));
        let shared = Arc::new(Shared {
            events: Mutex::new(received),
            has_extension: Arc::clone(&has_extension),
            extension_events: Mutex::new(extension_received),
            extension_polls: extension_sender,
            observations: sender,
            sent: Mutex::new(Instant::now()),
            deadline_unix_millis,
        });
        let is_over = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_over);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if flag.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&shared);
                // An end of the connection is the end of the process, which the main thread knows.
                thread::spawn(move || drop(converse(&stream, &shared)));
            }
        });
        Ok(Self {
            address,
            events,
            observations,
            is_over,
            has_extension,
            extension_events,
            extension_polls,
        })
    }

    /// The value for `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The moment of the next poll.
    pub(crate) fn poll(&self) -> Result<Instant, String> {
        match self.observe()? {
            Observation::Polled(moment) => Ok(moment),
            Observation::Answered { body, .. } => Err(format!("an answer to nothing: {body}")),
            Observation::Failed(report) => Err(report),
        }
    }

    /// Waits until the extension, if there is one, has asked for its next event: what is done beside
    /// a request is done then.
    pub(crate) fn idle(&self) -> Result<(), String> {
        if !self.has_extension.load(Ordering::Acquire) {
            return Ok(());
        }
        let polled = self.extension_polls.recv_timeout(PATIENCE);
        polled.map_err(|_| format!("the extension did nothing for {PATIENCE:?}"))
    }

    /// Gives the function and its extension an event, and waits for the answer and for both of their
    /// next polls. The time is the answer's.
    pub(crate) fn invoke(&self, event: &str) -> Result<(Duration, String), String> {
        if self.has_extension.load(Ordering::Acquire) {
            self.extension_events.send(()).map_err(|error| error.to_string())?;
        }
        self.events.send(event.to_owned()).map_err(|error| error.to_string())?;
        match self.observe()? {
            Observation::Answered { took, body } => {
                self.poll()?;
                self.idle()?;
                Ok((took, body))
            }
            Observation::Polled(_) => Err("polled without an answer".to_owned()),
            Observation::Failed(report) => Err(report),
        }
    }

    fn observe(&self) -> Result<Observation, String> {
        let observed = self.observations.recv_timeout(PATIENCE);
        observed.map_err(|_| format!("the function did nothing for {PATIENCE:?}"))
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts connections.
        drop(TcpStream::connect(self.address));
    }
}

fn converse(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    while let Some(request) = Request::read(&mut reader)? {
        let noticed = Instant::now();
        if request.target.ends_with("/invocation/next") {
            let _ = shared.observations.send(Observation::Polled(noticed));
            let event = {
                let events = shared.events.lock().map_err(|_| broken("a thread panicked"))?;
                events.recv().map_err(|_| broken("the measurement is over"))?
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\n\
                 lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
                 lambda-runtime-deadline-ms: {}\r\n\
                 lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-central-1:0:function:f\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n",
                shared.deadline_unix_millis,
                event.len()
            );
            let answer = head + &event;
            *shared.sent.lock().map_err(|_| broken("a thread panicked"))? = Instant::now();
            writer.write_all(answer.as_bytes())?;
        } else if request.target.ends_with("/extension/register") {
            shared.has_extension.store(true, Ordering::Release);
            let body =
                r#"{"functionName":"benchmark","functionVersion":"1","handler":"bootstrap"}"#;
            let head = "HTTP/1.1 200 OK\r\nlambda-extension-identifier: 1\r\ncontent-length: ";
            writer.write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes())?;
        } else if request.target.ends_with("/extension/event/next") {
            let _ = shared.extension_polls.send(());
            {
                let events =
                    shared.extension_events.lock().map_err(|_| broken("a thread panicked"))?;
                events.recv().map_err(|_| broken("the measurement is over"))?;
            }
            let body = format!(
                r#"{{"eventType":"INVOKE","deadlineMs":{},"requestId":"8476a536-e9f4-11e8-9739-2dfe598c3fcd","invokedFunctionArn":"arn:aws:lambda:eu-central-1:0:function:f"}}"#,
                shared.deadline_unix_millis
            );
            let head = "HTTP/1.1 200 OK\r\nlambda-extension-event-identifier: 1\r\n\
                        content-type: application/json\r\ncontent-length: ";
            writer.write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes())?;
        } else {
            let sent = *shared.sent.lock().map_err(|_| broken("a thread panicked"))?;
            let observation = if request.target.ends_with("/response") {
                Observation::Answered { took: noticed - sent, body: request.body }
            } else {
                Observation::Failed(request.body)
            };
            let _ = shared.observations.send(observation);
            writer.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}")?;
        }
    }
    Ok(())
}

struct Request {
    target: String,
    body: String,
}

impl Request {
    /// The next request of the connection, `None` at its end.
    fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut length = 0;
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().map_err(io::Error::other)?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                return Err(io::Error::other("this stub does not read chunked bodies"));
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        Ok(Some(Self { target, body: String::from_utf8_lossy(&body).into_owned() }))
    }
}

/// Plays a function that does nothing, over the same kind of socket: what is measured of it is the
/// stub and the loop-back interface, and is a part of every figure.
pub(crate) fn play_nothing(address: SocketAddr) -> io::Result<()> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    thread::spawn(move || {
        let mut reader = BufReader::new(&stream);
        let mut writer = &stream;
        let answer = r#"{"statusCode":200}"#;
        let next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n";
        let response = format!(
            "POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\n\
             content-length: {}\r\n\r\n{answer}",
            answer.len()
        );
        loop {
            for request in [next, &response] {
                // The status line of an answer takes the place of a request line.
                if writer.write_all(request.as_bytes()).is_err()
                    || !matches!(Request::read(&mut reader), Ok(Some(_)))
                {
                    return;
                }
            }
        }
    });
    Ok(())
}
