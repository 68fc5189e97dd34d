//! The whole of minigate in one process: every function's routes on one port, on a DynamoDB and a
//! Secrets Manager that are embedded in the process. `cargo dev` runs it, and the tests do.
//!
//! - [`routes`] merges the functions, and [`reference`] makes the API reference of them.
//! - [`development`] holds the values that a deployment would set: names, secrets, the dummy bot.
//! - [`Api`] serves the routes on any AWS endpoint; [`DevServer`] brings its own.

mod api;
mod dev_server;
pub mod development;
pub mod reference;
pub mod routes;

pub use api::{Api, ApiError};
pub use dev_server::{DevError, DevServer, Options, start_aws};
