//! Extractors other than the user. Each refusal is a problem that names the field.

mod body;
mod client;
mod headers;
mod idempotent;
mod json;
mod path;
mod public_url;
mod query;

pub use body::TextBody;
pub use client::{ApiKeyId, ClientAddress, ClientOrigin};
pub use headers::{IdempotencyKey, IfMatch};
pub use idempotent::{Idempotent, repeated};
pub use json::{Json, OptionalJson};
pub use path::Path;
pub use public_url::PublicUrl;
pub use query::Query;

pub use crate::services::Service;
