//! The Lambda function `health`.
use minigate_platform::{Needs, run};

fn main() -> std::process::ExitCode {
    run(health::router(), Needs::ALL)
}
