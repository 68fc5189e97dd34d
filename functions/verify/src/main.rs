//! The Lambda function `verify`.
use minigate_platform::{Needs, run};

fn main() -> std::process::ExitCode {
    run(verify::router(), Needs::BOTS.and(Needs::STORE))
}
