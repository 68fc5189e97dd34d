//! Every function of the workspace. Written by `cargo xtask generate`.

use minigate_platform::Function;

/// The functions, in the order of their names.
pub fn all() -> [Function; 8] {
    [
        authorizer::function(),
        erasure::function(),
        health::function(),
        keys::function(),
        profile::function(),
        sessions::function(),
        system::function(),
        verify::function(),
    ]
}
