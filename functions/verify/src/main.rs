//! The Lambda function `verify`.
fn main() -> std::process::ExitCode {
    minigate_platform::run(verify::router())
}
