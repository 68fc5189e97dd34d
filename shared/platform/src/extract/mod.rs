//! Extractors other than the user. Each refusal is a problem that names the field.

mod client;
mod headers;
mod json;
mod path;
mod query;

pub use client::{ApiKeyId, ClientAddress, ClientOrigin};
pub use headers::{IdempotencyKey, IfMatch};
pub use json::{Json, OptionalJson};
pub use path::Path;
pub use query::Query;

pub use crate::services::Service;
