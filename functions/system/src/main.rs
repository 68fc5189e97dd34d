//! The Lambda function `system`.
use minigate_platform::{Needs, run};

fn main() -> std::process::ExitCode {
    run(system::router(), Needs::ALL)
}
