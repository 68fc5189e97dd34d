//! The Lambda function `authorizer`.

fn main() -> std::process::ExitCode {
    authorizer::function().run()
}
