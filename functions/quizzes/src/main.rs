//! The Lambda function `quizzes`.

fn main() -> std::process::ExitCode {
    quizzes::function().run()
}
