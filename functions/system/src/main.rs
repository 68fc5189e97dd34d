//! The Lambda function `system`.
fn main() -> std::process::ExitCode {
    minigate_platform::run(system::router())
}
