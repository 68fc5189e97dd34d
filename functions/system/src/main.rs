//! The Lambda function `system`.

fn main() -> std::process::ExitCode {
    system::function().run()
}
