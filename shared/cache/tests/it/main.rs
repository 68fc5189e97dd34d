//! The cache: in simulation, on the embedded DynamoDB, in several processes, and rule by rule.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod bed;
mod dynamodb;
mod faults;
mod processes;
mod rules;
mod simulation;
mod stampede;
mod tolerance;
mod world;
