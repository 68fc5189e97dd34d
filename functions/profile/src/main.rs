//! The Lambda function `profile`.

fn main() -> std::process::ExitCode {
    profile::function().run()
}
