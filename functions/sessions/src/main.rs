//! The Lambda function `sessions`.
fn main() -> std::process::ExitCode {
    minigate_platform::run(sessions::router())
}
