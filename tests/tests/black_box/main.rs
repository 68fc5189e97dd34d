//! The API as its clients meet it: over HTTP, and nothing else.
//!
//! The modules mirror the routes (`sessions`, `profile`, `verify`, `keys`, `leaderboards`, `system`, `settings`, `roles`, `health`), what all routes
//! share (`http`, `credentials`, `limits`), another back end that verifies tokens by itself (`offline`), and
//! what no deployment can be asked (`local_only`), such as what happens when AWS is not well.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says at what"
)]

mod attempts;
mod certificates;
mod credentials;
mod health;
mod http;
mod keys;
mod leaderboards;
mod limits;
mod local_only;
mod offline;
mod profile;
mod quizzes;
mod roles;
mod sessions;
mod settings;
mod system;
mod verify;
