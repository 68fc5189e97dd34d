//! One connection, and one exchange on it.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
};

use bytes::{Bytes, BytesMut};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::{
    body::{Body, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::socket::Socket;
use crate::{Cause, Failed, Progress, Reply};

/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// A TCP connection, with TLS on it or without.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection with HTTP on it. It makes progress only while somebody polls it.
pub(super) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: Driver,
    /// When it was last used, in milliseconds since the Unix epoch.
    pub(super) idle_since: u64,
}

impl Connection {
    /// Makes a connection of a stream; `socket` is what is below it. Sends nothing.
    pub(super) async fn start(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        socket: Socket,
    ) -> Result<Self, Cause> {
        let stream = TokioIo::new(Box::new(stream) as Box<dyn Stream>);
        let mut builder = http1::Builder::new();
        builder.max_buf_size(MAX_HEAD);
        let (sender, http) = builder.handshake(stream).await.map_err(|_| Cause::Connect)?;
        let driver = Driver { http, is_over: false, socket };
        Ok(Self { sender, driver, idle_since: 0 })
    }

    /// Whether an idle connection may carry another request.
    pub(super) fn is_alive(&mut self) -> bool {
        self.sender.is_ready() && self.driver.socket.is_quiet()
    }

    /// Whether it may be kept, after an exchange.
    pub(super) fn may_be_reused(&self) -> bool {
        !self.driver.is_over && self.sender.is_ready()
    }

    /// Sends a request and reads its answer, of which the body has `max_bytes` at most.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        max_bytes: usize,
        progress: &Progress,
    ) -> Result<Reply, Failed> {
        let sending = self.sender.send_request(request);
        let answered = self.driver.alongside(sending, progress).await;
        let (head, body) = answered.map_err(|error| Failed::from(cause(&error)))?.into_parts();
        let reading = read(body, max_bytes);
        let read = self.driver.alongside(reading, progress).await;
        let body = read.map_err(|cause| Failed { cause, status: Some(head.status) })?;
        // The driver learns that the answer is over.
        self.driver.turn().await;
        Ok(Reply { status: head.status, headers: head.headers, body })
    }
}

/// What carries bytes between the stream and the caller.
struct Driver {
    http: http1::Connection<TokioIo<Box<dyn Stream>>, Full<Bytes>>,
    is_over: bool,
    socket: Socket,
}

impl Driver {
    /// Does `work` while the connection makes progress, and notes whether bytes have left.
    async fn alongside<W: Future>(&mut self, work: W, progress: &Progress) -> W::Output {
        let sent_before = self.socket.sent();
        let mut work = pin!(work);
        poll_fn(|context| {
            if let Poll::Ready(output) = work.as_mut().poll(context) {
                return Poll::Ready(output);
            }
            if !self.is_over {
                self.is_over = Pin::new(&mut self.http).poll(context).is_ready();
                if self.socket.sent() > sent_before {
                    progress.sent();
                }
            }
            // It may have what it waits for now.
            work.as_mut().poll(context)
        })
        .await
    }

    /// Lets the connection make what progress it can without waiting.
    async fn turn(&mut self) {
        poll_fn(|context| {
            self.is_over = self.is_over || Pin::new(&mut self.http).poll(context).is_ready();
            Poll::Ready(())
        })
        .await;
    }
}

async fn read(mut body: Incoming, max_bytes: usize) -> Result<Bytes, Cause> {
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(Cause::TooLarge);
    }
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| cause(&error))?;
        if let Some(data) = frame.data_ref() {
            if read.len() + data.len() > max_bytes {
                return Err(Cause::TooLarge);
            }
            read.extend_from_slice(data);
        }
    }
    Ok(read.freeze())
}

fn cause(error: &hyper::Error) -> Cause {
    if error.is_parse() { Cause::Garbage } else { Cause::Closed }
}
