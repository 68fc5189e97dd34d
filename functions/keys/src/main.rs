//! The Lambda function `keys`.

fn main() -> std::process::ExitCode {
    keys::function().run()
}
