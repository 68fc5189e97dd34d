//! What becomes of a request.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

/// What the provider does with a request.
#[derive(Clone, Debug)]
pub enum Play {
    /// Answers.
    Answer(Response),
    /// Resets the connection before the request is read. The provider did nothing, and the client
    /// cannot know.
    ResetUnread,
    /// Resets the connection after the request was read.
    ResetRead,
    /// Closes the connection after the request was read.
    Close,
    /// Sends the head of an answer and so many bytes of its body, and closes the connection.
    CutOff(Response, usize),
    /// Sends these bytes and closes the connection.
    Garbage(&'static [u8]),
    /// Reads the request and never answers.
    Silence,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// How often the body is sent.
    pub(super) times: usize,
    pub(super) delay: Duration,
    /// Bytes that are sent at once, and the pause after them.
    pub(super) pace: Option<(usize, Duration)>,
}

impl Response {
    /// An answer without a body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            times: 1,
            delay: Duration::ZERO,
            pace: None,
        }
    }

    /// An answer with JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status).header("content-type", "application/json").body(body.to_string())
    }

    /// Adds a header. `connection: close` also closes the connection after the answer.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Sends the body so often, for an answer that is huge.
    #[must_use]
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// Waits before the answer, on the timer.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Sends the body in pieces of so many bytes, with a pause on the timer after each.
    #[must_use]
    pub fn slowly(self, bytes: usize, pause: Duration) -> Self {
        Self { pace: Some((bytes.max(1), pause)), ..self }
    }

    pub(super) fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head + &format!("content-length: {}\r\n\r\n", self.body.len() * self.times)
    }

    pub(super) fn closes(&self) -> bool {
        self.headers.iter().any(|(name, value)| name == "connection" && value == "close")
    }
}

impl From<Response> for Play {
    fn from(response: Response) -> Self {
        Self::Answer(response)
    }
}
