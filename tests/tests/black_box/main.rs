//! The API as its clients meet it: over HTTP, and nothing else.
//!
//! The modules mirror the routes (`sessions`, `profile`, `verify`, `keys`, `system`, `settings`, `health`), what instances know
//! of each other's changes (`cache`), what
//! all routes share (`http`, `credentials`, `limits`), another back end that verifies tokens by itself
//! (`offline`), and what happens when AWS is not well (`faults`).
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says at what"
)]

mod cache;
mod credentials;
mod faults;
mod health;
mod http;
mod keys;
mod limits;
mod offline;
mod profile;
mod sessions;
mod settings;
mod system;
mod verify;
