//! The Lambda function `authorizer`.
use minigate_platform::{Needs, run_events};

fn main() -> std::process::ExitCode {
    run_events(authorizer::Authorizer, Needs::BOTS.and(Needs::SIGNING_KEY).and(Needs::SETTINGS))
}
