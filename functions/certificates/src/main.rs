//! The Lambda function `certificates`.

fn main() -> std::process::ExitCode {
    certificates::function().run()
}
