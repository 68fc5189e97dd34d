//! A function as its code describes it: what its `main` runs, what `cargo dev` serves, and what
//! `template.yaml` is generated from.

use std::process::ExitCode;

use crate::{
    Code, Needs, Router,
    events::Events,
    limits::Limit,
    serve,
    workers::{Job, Worker},
};

/// A Lambda function. Each function crate has one, `<noun>::function()`, and its `main` runs it.
pub struct Function {
    name: &'static str,
    needs: Needs,
    kind: Kind,
    router: Option<fn() -> Router>,
    codes: &'static [Code],
    namespaces: &'static [&'static str],
    // Behind a pointer, so that a function links only what serves its own kind of events.
    run: Box<dyn FnOnce(Needs) -> ExitCode>,
}

/// What invokes a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// API Gateway, with an HTTP request.
    Routes,
    /// API Gateway or another service, with an event of its own form.
    Events,
    /// SQS, with a batch of messages.
    Queue,
    /// EventBridge, at set times.
    Schedule,
}

impl Kind {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Routes => "routes",
            Self::Events => "events",
            Self::Queue => "queue",
            Self::Schedule => "schedule",
        }
    }
}

impl Function {
    /// A function with routes.
    pub fn routes(name: &'static str, router: fn() -> Router, needs: Needs) -> Self {
        let run = move |needs| serve::run(router(), needs);
        Self { router: Some(router), ..Self::new(name, Kind::Routes, needs, run) }
    }

    /// A function whose events are no HTTP requests.
    pub fn events(name: &'static str, events: impl Events, needs: Needs) -> Self {
        Self::new(name, Kind::Events, needs, move |needs| serve::run_events(events, needs))
    }

    /// A function that works off a queue.
    pub fn queue(name: &'static str, worker: impl Worker, needs: Needs) -> Self {
        Self::new(name, Kind::Queue, needs, move |needs| serve::run_queue(worker, needs))
    }

    /// A function that a schedule starts.
    pub fn schedule(name: &'static str, job: impl Job, needs: Needs) -> Self {
        Self::new(name, Kind::Schedule, needs, move |needs| serve::run_schedule(job, needs))
    }

    fn new(
        name: &'static str,
        kind: Kind,
        needs: Needs,
        run: impl FnOnce(Needs) -> ExitCode + 'static,
    ) -> Self {
        Self { name, needs, kind, router: None, codes: &[], namespaces: &[], run: Box::new(run) }
    }

    /// The limits of its noun, which its handlers charge.
    #[must_use]
    pub fn with_limits(self, limits: &'static [Limit]) -> Self {
        Self { needs: self.needs.limits(limits), ..self }
    }

    /// The codes of its own with which it refuses requests, besides those of the platform.
    #[must_use]
    pub fn with_codes(self, codes: &'static [Code]) -> Self {
        Self { codes, ..self }
    }

    /// The namespaces of the cache that its noun owns, which administrators see and can invalidate.
    #[must_use]
    pub fn with_namespaces(self, namespaces: &'static [&'static str]) -> Self {
        Self { namespaces, ..self }
    }

    /// The noun: the name of its package, of its folder and of its binary.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What its start prepares.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// What invokes it.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The codes that are its own.
    pub fn codes(&self) -> &'static [Code] {
        self.codes
    }

    /// The namespaces of the cache that its noun owns.
    pub fn namespaces(&self) -> &'static [&'static str] {
        self.namespaces
    }

    /// Its routes; `None` if its events are no HTTP requests.
    pub fn router(&self) -> Option<Router> {
        self.router.map(|router| router())
    }

    /// Reads the configuration, fetches the secrets and serves events until Lambda ends the process.
    ///
    /// Exits with a failure, after one message that lists every fault, if the environment is invalid.
    pub fn run(self) -> ExitCode {
        (self.run)(self.needs)
    }
}
