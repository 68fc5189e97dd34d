//! The Lambda function `keys`.
fn main() -> std::process::ExitCode {
    minigate_platform::run(keys::router())
}
