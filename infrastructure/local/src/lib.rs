//! All of minigate in one process: the routes of every function on one port, with an embedded DynamoDB and
//! Secrets Manager. `cargo dev` and the tests run it.
//!
//! - [`routes`] merges the functions, and [`reference`] generates the API reference from them.
//! - [`development`] holds the values that a deployment would set: names, secrets, the dummy bot.
//! - [`Api`] serves the routes on any AWS endpoint; [`DevServer`] embeds its own, or prepares a
//!   running [`AwsEndpoint`].

mod api;
mod aws_endpoint;
mod bot_token;
mod dev_server;
pub mod development;
pub mod reference;
pub mod routes;
mod secrets;

pub use api::{Api, ApiError};
pub use aws_endpoint::{AwsEndpoint, EndpointError, Hosts};
pub use bot_token::{BotToken, NOT_A_TOKEN};
pub use dev_server::{DevError, DevServer, Options, prepare, start_aws};
pub use secrets::{NamedSecret, SecretState};
