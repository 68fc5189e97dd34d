//! The Lambda function `deadlines`.

fn main() -> std::process::ExitCode {
    deadlines::function().run()
}
