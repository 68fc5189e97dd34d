//! The Lambda function `profile`.
use minigate_platform::Needs;

fn main() -> std::process::ExitCode {
    minigate_platform::run(profile::router(), Needs::BotsAndSigningKey)
}
