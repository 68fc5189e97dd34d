//! The Lambda function `sessions`.

fn main() -> std::process::ExitCode {
    sessions::function().run()
}
