//! One connection to the provider. It speaks as much HTTP/1.1 as clients need that send their bodies with
//! a length, and as little as the script wants.

use std::io;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Play, Received, Response, Shared};

/// Longer requests are an error of the test.
const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: usize = 16 * 1024 * 1024;

/// Serves requests until either side closes.
pub(super) async fn serve(mut stream: TcpStream, number: usize, shared: &Shared) -> io::Result<()> {
    let mut closings = shared.closings.subscribe();
    let closings_before = *closings.borrow_and_update();
    let mut buffer = Vec::new();
    loop {
        if buffer.is_empty() {
            let mut byte = [0];
            tokio::select! {
                peeked = stream.peek(&mut byte) => if peeked? == 0 { return Ok(()) },
                _ = closings.wait_for(|closings| *closings > closings_before) => return Ok(()),
            }
        }
        if matches!(shared.script().front(), Some(Play::ResetUnread)) {
            shared.script().pop_front();
            return stream.set_zero_linger();
        }
        let Some(request) = read_request(&mut stream, &mut buffer, number).await? else {
            return Ok(());
        };
        let scripted = shared.script().pop_front();
        let play = scripted.unwrap_or_else(|| (shared.respond)(&request));
        shared.received.send_modify(|received| received.push(request));
        match play {
            Play::Answer(response) => {
                write_response(&mut stream, &response, shared).await?;
                if response.closes() {
                    return Ok(());
                }
            }
            Play::ResetUnread | Play::ResetRead => return stream.set_zero_linger(),
            Play::Close => return Ok(()),
            Play::CutOff(response, bytes) => {
                stream.write_all(response.head().as_bytes()).await?;
                return stream.write_all(&response.body[..bytes]).await;
            }
            Play::Garbage(bytes) => return stream.write_all(bytes).await,
            Play::Silence => return read_to_end(&mut stream).await,
        }
    }
}

/// Reads a request; `None` if the client closes instead of sending one.
async fn read_request(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    connection: usize,
) -> io::Result<Option<Received>> {
    let head_end = loop {
        if let Some(found) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break found + 4;
        }
        if buffer.len() > MAX_HEAD {
            return Err(malformed("the head is too long"));
        }
        if stream.read_buf(buffer).await? == 0 {
            return if buffer.is_empty() { Ok(None) } else { Err(malformed("no head")) };
        }
    };
    let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
    let (mut words, headers) = parse(&head)?;
    let length = headers.get("content-length").and_then(|value| value.to_str().ok());
    let length: usize = length.map_or(Ok(0), str::parse).map_err(|_| malformed("the length"))?;
    if length > MAX_BODY {
        return Err(malformed("the body is too long"));
    }
    while buffer.len() < head_end + length {
        if stream.read_buf(buffer).await? == 0 {
            return Err(malformed("the body is cut off"));
        }
    }
    let rest = buffer.split_off(head_end + length);
    let body = Bytes::copy_from_slice(&buffer[head_end..]);
    *buffer = rest;
    let mut word = || words.next().unwrap_or_default().to_owned();
    Ok(Some(Received { method: word(), path: word(), headers, body, connection }))
}

/// The words of the first line, and the headers.
fn parse(head: &str) -> io::Result<(std::str::SplitWhitespace<'_>, HeaderMap)> {
    let mut lines = head.lines();
    let words = lines.next().unwrap_or_default().split_whitespace();
    let mut headers = HeaderMap::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(|| malformed("a header"))?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed("a name"))?;
        let value = HeaderValue::from_str(value.trim()).map_err(|_| malformed("a value"))?;
        headers.append(name, value);
    }
    Ok((words, headers))
}

async fn write_response(
    stream: &mut TcpStream,
    response: &Response,
    shared: &Shared,
) -> io::Result<()> {
    if !response.delay.is_zero() {
        shared.timer.sleep(response.delay).await;
    }
    stream.write_all(response.head().as_bytes()).await?;
    for _ in 0..response.times {
        let Some((bytes, pause)) = response.pace else {
            stream.write_all(&response.body).await?;
            continue;
        };
        for piece in response.body.chunks(bytes) {
            stream.write_all(piece).await?;
            shared.timer.sleep(pause).await;
        }
    }
    Ok(())
}

async fn read_to_end(stream: &mut TcpStream) -> io::Result<()> {
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
