//! The API as its clients meet it: over HTTP, and nothing else.
//!
//! The modules mirror the routes (`sessions`, `profile`, `verify`, `keys`, `health`), what all routes share (`http`,
//! `credentials`), another back end that verifies tokens by itself (`offline`), and what happens when
//! AWS is not well (`faults`).
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says at what"
)]

mod credentials;
mod faults;
mod health;
mod http;
mod keys;
mod offline;
mod profile;
mod sessions;
mod verify;
