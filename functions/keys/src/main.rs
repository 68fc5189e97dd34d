//! The Lambda function `keys`.
use minigate_platform::{Needs, run};

fn main() -> std::process::ExitCode {
    run(keys::router(), Needs::SIGNING_KEY)
}
