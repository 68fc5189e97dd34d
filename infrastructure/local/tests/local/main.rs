//! `cargo dev` as a program, the API reference, and every function's own binary.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod authorizer;
mod cache;
mod command;
mod functions;
mod limits;
mod reference;
mod workers;
