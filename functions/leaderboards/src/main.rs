//! The Lambda function `leaderboards`.

fn main() -> std::process::ExitCode {
    leaderboards::function().run()
}
