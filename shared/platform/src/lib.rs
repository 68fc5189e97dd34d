//! What makes a router a Lambda function: configuration, AWS clients, secrets, tokens, the layers
//! around every route, the extractors of every handler, problems, logs and metrics.
//!
//! A [`Function`] has a [`Router`] of routes whose state is a [`Platform`]. A function whose events are no
//! HTTP requests has an [`events::Events`] instead, one that works off a queue a [`workers::Worker`], and
//! one that a schedule starts a [`workers::Job`]. Its `main` runs it. The same router runs under Lambda,
//! under `cargo dev` and in tests: [`layers::around`] puts the same layers around it everywhere.
//!
//! This crate knows HTTP and AWS, and none of the product's routes.

pub mod auth;
pub mod aws;
pub mod caches;
mod config;
pub mod events;
mod extension;
pub mod extract;
mod function;
pub mod layers;
pub mod limits;
mod metrics;
mod needs;
mod platform;
mod problem;
pub mod public;
pub mod schemas;
pub mod secrets;
mod serve;
mod services;
pub mod settings;
mod system;
mod telemetry;
pub mod tokens;
pub mod workers;

pub use config::{Config, ConfigError, environment};
pub use function::{Function, Kind};
pub use metrics::{Metric, Metrics};
pub use minigate_domain::Clock;
pub use minigate_service::{Background, WorkPanicked};
pub use needs::Needs;
pub use platform::{Parts, Platform};
pub use problem::{Code, FieldError, Problem, ProblemDocument};
pub use system::{SystemClock, SystemEntropy};
pub use telemetry::{ours as our_logs, start as start_logs};

/// The routes of a function, with their part of the API reference.
pub type Router = utoipa_axum::router::OpenApiRouter<Platform>;
