//! The Lambda function `attempts`.

fn main() -> std::process::ExitCode {
    attempts::function().run()
}
