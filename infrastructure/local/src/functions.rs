//! Every function of the workspace. Written by `cargo xtask generate`.

use minigate_platform::Function;

/// The functions, in the order of their names.
pub fn all() -> [Function; 13] {
    [
        attempts::function(),
        authorizer::function(),
        certificates::function(),
        deadlines::function(),
        erasure::function(),
        health::function(),
        keys::function(),
        leaderboards::function(),
        profile::function(),
        quizzes::function(),
        sessions::function(),
        system::function(),
        verify::function(),
    ]
}
