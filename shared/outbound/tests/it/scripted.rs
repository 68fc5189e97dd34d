//! A provider without a network, on tokio's virtual time.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER};
use minigate_outbound::{Cause, Failed, Progress, Reply, Request, Time, TokioTime, Transport};
use tokio::time::{Instant, sleep};

/// What becomes of an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// There is no connection.
    Refused,
    /// The request arrives, perhaps is done, and the answer is lost.
    Lost {
        did: bool,
    },
    /// An answer; one with a 5xx may have done it.
    Answer {
        status: u16,
        did: bool,
        retry_after: Option<u64>,
    },
    Silence {
        is_sent: bool,
        did: bool,
    },
}

/// Answers as scripted, after a time.
pub(crate) struct Script {
    fates: Mutex<VecDeque<(Duration, Fate)>>,
    pub(crate) attempts: AtomicUsize,
    pub(crate) sent: AtomicUsize,
    pub(crate) done: AtomicUsize,
}

impl Script {
    pub(crate) fn new(fates: impl IntoIterator<Item = (Duration, Fate)>) -> Self {
        Self {
            fates: Mutex::new(fates.into_iter().collect()),
            attempts: AtomicUsize::new(0),
            sent: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
        }
    }

    pub(crate) fn count(counter: &AtomicUsize) -> usize {
        counter.load(Ordering::Relaxed)
    }

    fn send(&self, progress: &Progress, did: bool) {
        progress.sent();
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.done.fetch_add(usize::from(did), Ordering::Relaxed);
    }
}

/// A client owns its transport, and the test looks into it.
#[derive(Clone)]
pub(crate) struct Shared(pub(crate) std::sync::Arc<Script>);

impl Transport for Shared {
    async fn attempt(&self, _: &Request, progress: &Progress) -> Result<Reply, Failed> {
        let script = &*self.0;
        script.attempts.fetch_add(1, Ordering::Relaxed);
        let next = script.fates.lock().unwrap().pop_front();
        let ok = Fate::Answer { status: 200, did: true, retry_after: None };
        let (latency, fate) = next.unwrap_or((Duration::from_millis(1), ok));
        sleep(latency).await;
        match fate {
            Fate::Refused => Err(Cause::Connect.into()),
            Fate::Lost { did } => {
                script.send(progress, did);
                Err(Cause::Closed.into())
            }
            Fate::Silence { is_sent, did } => {
                if is_sent {
                    script.send(progress, did);
                }
                std::future::pending().await
            }
            Fate::Answer { status, did, retry_after } => {
                script.send(progress, did);
                let mut headers = HeaderMap::new();
                if let Some(seconds) = retry_after {
                    headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
                }
                let status = StatusCode::from_u16(status).unwrap();
                Ok(Reply { status, headers, body: Bytes::new() })
            }
        }
    }
}

/// Tokio's virtual time, from a day in 2027 on.
pub(crate) fn virtual_time() -> impl Time {
    let (start, epoch) = (Instant::now(), SystemTime::UNIX_EPOCH);
    TokioTime(move || epoch + Duration::from_secs(1_800_000_000) + start.elapsed())
}
