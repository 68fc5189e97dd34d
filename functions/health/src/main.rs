//! The Lambda function `health`.
use minigate_platform::Needs;

fn main() -> std::process::ExitCode {
    minigate_platform::run(health::router(), Needs::BotsAndSigningKey)
}
