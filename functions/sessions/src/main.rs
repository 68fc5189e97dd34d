//! The Lambda function `sessions`.
use minigate_platform::Needs;

fn main() -> std::process::ExitCode {
    minigate_platform::run(sessions::router(), Needs::BotsAndSigningKey)
}
