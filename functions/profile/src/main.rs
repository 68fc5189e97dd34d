//! The Lambda function `profile`.
use minigate_platform::{Needs, run};

fn main() -> std::process::ExitCode {
    run(profile::router(), Needs::ALL)
}
