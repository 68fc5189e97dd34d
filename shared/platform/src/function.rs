//! A function as its code describes it: what its `main` runs, what `cargo dev` serves, and what
//! `template.yaml` is generated from.

use std::process::ExitCode;

use crate::{Needs, Router, events::Events, serve};

/// A Lambda function. Each function crate has one, `<noun>::function()`, and its `main` runs it.
pub struct Function {
    name: &'static str,
    needs: Needs,
    router: Option<fn() -> Router>,
    // Behind a pointer, so that a function links only what serves its own kind of events.
    run: Box<dyn FnOnce(Needs) -> ExitCode>,
}

impl Function {
    /// A function with routes, called by API Gateway.
    pub fn routes(name: &'static str, router: fn() -> Router, needs: Needs) -> Self {
        let run = move |needs| serve::run(router(), needs);
        Self { name, needs, router: Some(router), run: Box::new(run) }
    }

    /// A function whose events are no HTTP requests.
    pub fn events(name: &'static str, events: impl Events, needs: Needs) -> Self {
        let run = move |needs| serve::run_events(events, needs);
        Self { name, needs, router: None, run: Box::new(run) }
    }

    /// The noun: the name of its package, of its folder and of its binary.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What its start prepares.
    pub fn needs(&self) -> Needs {
        self.needs
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
