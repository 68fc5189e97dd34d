//! The Lambda function `health`.

fn main() -> std::process::ExitCode {
    health::function().run()
}
