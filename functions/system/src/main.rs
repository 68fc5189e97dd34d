//! The Lambda function `system`.
use minigate_platform::Needs;

fn main() -> std::process::ExitCode {
    minigate_platform::run(system::router(), Needs::BotsAndSigningKey)
}
