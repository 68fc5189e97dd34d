//! The Lambda function `keys`.
use minigate_platform::Needs;

fn main() -> std::process::ExitCode {
    minigate_platform::run(keys::router(), Needs::SigningKey)
}
