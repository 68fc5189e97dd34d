//! A function whose events are no HTTP requests. The tests run it under a stub of Lambda.
//!
//! An event is `{"do": "..."}`: `echo`, `refuse`, `hang` or `panic`.
#![expect(clippy::panic, reason = "a test of panics needs one")]

use minigate_platform::{
    Code, Needs, Platform, Problem,
    events::{Answer, Events, Subject},
};
use serde_json::Value;

fn main() -> std::process::ExitCode {
    minigate_platform::run_events(Function, Needs::ALL)
}

struct Function;

impl Events for Function {
    fn subject(&self, _: &Value) -> Subject {
        Subject { request_id: None, method: "EVENT".to_owned(), route: "example".to_owned() }
    }

    async fn handle(&self, _: &Platform, event: &Value) -> Result<Answer, Problem> {
        match event["do"].as_str() {
            Some("echo") => Ok(Answer { payload: event.clone(), refusal: None }),
            Some("hang") => std::future::pending().await,
            Some("panic") => panic!("the secret is 1234"),
            _ => Err(Problem::new(Code::BODY_INVALID)),
        }
    }
}
