//! The Lambda function `erasure`.

fn main() -> std::process::ExitCode {
    erasure::function().run()
}
