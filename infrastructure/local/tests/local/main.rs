//! `cargo dev` as a program, the API reference, and every function's own binary.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod authorizer;
mod aws_endpoint;
mod cache;
mod catalogue;
mod command;
mod compression;
mod deadlines;
mod erasure;
mod functions;
mod limits;
mod permissions;
mod readme;
mod real_bot;
mod reference;
mod workers;
