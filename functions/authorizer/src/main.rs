//! The Lambda function `authorizer`.
fn main() -> std::process::ExitCode {
    minigate_platform::run_events(authorizer::Authorizer)
}
