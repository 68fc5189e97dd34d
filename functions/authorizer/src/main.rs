//! The Lambda function `authorizer`.
use minigate_platform::Needs;

fn main() -> std::process::ExitCode {
    minigate_platform::run_events(authorizer::Authorizer, Needs::BotsAndSigningKey)
}
