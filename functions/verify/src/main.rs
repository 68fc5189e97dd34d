//! The Lambda function `verify`.

fn main() -> std::process::ExitCode {
    verify::function().run()
}
