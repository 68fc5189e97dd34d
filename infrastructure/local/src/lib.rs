//! The whole of minigate in one process: every function's routes on one port, on a DynamoDB, a
//! Secrets Manager and an SQS that are embedded in the process. `cargo dev` runs it, and the tests do.
//!
//! - [`routes`] merges the functions, and [`mod@reference`] makes the API reference of them; [`mod@limits`]
//!   collects their limits.
//! - [`workers`] lists the functions of queues and schedules, and invokes them as SQS and EventBridge do.
//! - [`development`] holds the values that a deployment would set: names, secrets, the dummy bot.
//! - [`Api`] serves the routes on any AWS endpoint; [`DevServer`] embeds its own, or prepares a
//!   running [`AwsEndpoint`].

mod api;
mod aws_endpoint;
mod bot_token;
mod dev_server;
pub mod development;
mod examples;
pub mod functions;
pub mod limits;
pub mod reference;
pub mod routes;
mod secrets;
pub mod workers;

pub use api::{Api, ApiError};
pub use aws_endpoint::{AwsEndpoint, EndpointError, Hosts};
pub use bot_token::{BotToken, NOT_A_TOKEN};
pub use dev_server::{DevError, DevServer, Options, prepare, start_aws};
pub use secrets::{NamedSecret, SecretState};
