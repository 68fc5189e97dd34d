//! The Lambda function `verify`.
use minigate_platform::Needs;

fn main() -> std::process::ExitCode {
    minigate_platform::run(verify::router(), Needs::Bots)
}
