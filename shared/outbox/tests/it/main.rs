//! The outbox in simulation and on a real table.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod dynamodb;
mod rules;
mod simulation;
mod simulator;
