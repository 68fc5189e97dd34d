//! The Lambda function `sessions`.
use minigate_platform::{Needs, run};

fn main() -> std::process::ExitCode {
    run(sessions::router(), Needs::ALL)
}
