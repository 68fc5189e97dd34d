//! The whole of minigate in one process: every function's routes on one port, on a DynamoDB, a
//! Secrets Manager and an SQS that are embedded in the process. `cargo dev` runs it, and the tests do.
//!
//! - [`routes`] merges the functions.
//! - [`workers`] lists the functions of queues and schedules, and invokes them as SQS and EventBridge do.
//! - [`development`] holds the values that a deployment would set: names, secrets, the dummy bot.
//! - [`Api`] serves the routes on any AWS endpoint; [`DevServer`] brings its own.

mod api;
mod dev_server;
pub mod development;
pub mod routes;
pub mod workers;

pub use api::{Api, ApiError};
pub use dev_server::{DevError, DevServer, Options, start_aws};
