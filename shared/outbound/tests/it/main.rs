//! The client against a provider on the loopback interface, and in simulations.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bed;
mod circuit;
mod connections;
mod outcomes;
mod redaction;
mod retries;
mod scripted;
mod simulation;
mod tls;
