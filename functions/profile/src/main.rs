//! The Lambda function `profile`.
fn main() -> std::process::ExitCode {
    minigate_platform::run(profile::router())
}
