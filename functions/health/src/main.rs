//! The Lambda function `health`.
fn main() -> std::process::ExitCode {
    minigate_platform::run(health::router())
}
