//! One attempt of a request.

use std::{
    future::Future,
    sync::atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::{Cause, Request};

/// What carries a request to the provider and its answer back. [`Http`](crate::Http) is the real one; a
/// simulation has its own.
pub trait Transport: Send + Sync + 'static {
    /// Makes one attempt. It calls [`Progress::sent`] before any byte of the request may have reached the
    /// provider. Dropping the future ends the attempt.
    fn attempt(
        &self,
        request: &Request,
        progress: &Progress,
    ) -> impl Future<Output = Result<Reply, Failed>> + Send;
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// An attempt without an answer. Whether it did something is what its [`Progress`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Why.
    pub cause: Cause,
    /// The status, if that much of the answer came.
    pub status: Option<StatusCode>,
}

impl From<Cause> for Failed {
    fn from(cause: Cause) -> Self {
        Self { cause, status: None }
    }
}

/// How far an attempt has come. It outlives the attempt, also one that is stopped by its timeout.
#[derive(Debug, Default)]
pub struct Progress(AtomicBool);

impl Progress {
    /// From now on, the provider may have received something.
    pub fn sent(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the provider may have received something.
    pub fn is_sent(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
