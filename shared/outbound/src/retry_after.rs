//! The wait that a provider asks for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::RETRY_AFTER;
use serde_json::Value;

use crate::transport::Reply;

/// A day: whoever asks for more means "do not come back".
const MOST: Duration = Duration::from_secs(86_400);

/// From the header, in seconds or as a date, or else from the body of an answer that refuses.
pub(crate) fn retry_after(
    reply: &Reply,
    in_body: Option<&str>,
    now_millis: u64,
) -> Option<Duration> {
    let header = reply.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let from_header = header.and_then(|text| from_text(text.trim(), now_millis));
    let from_body = || {
        let pointer = in_body.filter(|_| !reply.status.is_success())?;
        serde_json::from_slice::<Value>(&reply.body).ok()?.pointer(pointer)?.as_u64()
    };
    let asked = from_header.or_else(|| from_body().map(Duration::from_secs));
    asked.map(|wait| wait.min(MOST))
}

fn from_text(text: &str, now_millis: u64) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date: SystemTime = httpdate::parse_http_date(text).ok()?;
    let until = date.duration_since(UNIX_EPOCH).ok()?;
    Some(until.saturating_sub(Duration::from_millis(now_millis)))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::*;

    #[test]
    fn the_wait_is_in_the_header_or_in_the_body() {
        let now = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT
        let pointer = Some("/parameters/retry_after");
        let telegram = r#"{"ok":false,"error_code":429,"parameters":{"retry_after":7}}"#;
        for (header, body, pointer, expected) in [
            (Some("3"), "", None, Some(3)),
            (Some("Sun, 06 Nov 1994 08:49:47 GMT"), "", None, Some(10)),
            (Some("Sun, 06 Nov 1994 08:49:00 GMT"), "", None, Some(0)),
            (Some("99999999999"), "", None, Some(86_400)),
            (Some("-1"), "", None, None),
            (Some("soon"), telegram, pointer, Some(7)),
            (None, telegram, pointer, Some(7)),
            (None, telegram, None, None),
            (None, r#"{"parameters":{"retry_after":"7"}}"#, pointer, None),
            (None, "<html>", pointer, None),
            (Some("3"), telegram, pointer, Some(3)),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = header {
                headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            }
            let status = StatusCode::TOO_MANY_REQUESTS;
            let reply = Reply { status, headers, body: Bytes::from(body) };
            let found = retry_after(&reply, pointer, now);
            assert_eq!(found, expected.map(Duration::from_secs), "{header:?} {body}");
        }
    }
}
