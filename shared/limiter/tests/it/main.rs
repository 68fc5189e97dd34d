//! The limiter: in simulation, on the embedded DynamoDB, and its rules one by one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bed;
mod dynamodb;
mod policies;
mod rules;
mod several;
mod simulation;
mod simulator;
