//! Keys from AWS Secrets Manager, cached so that a request hardly ever waits for them, and
//! rotated without a failed request.
//!
//! - `cached` holds the rules of the cache: refreshed in the background, fetched once however
//!   many ask, the last good value when Secrets Manager is down.
//! - `bots` makes one verifier of the bots' secrets.
//! - `signing` holds the key that signs tokens.
//!
//! AWS's own `aws_secretsmanager_caching` was read and not taken: it has no hook for "this value
//! did not verify, look whether there is a newer one", and it caches one version stage per entry.

mod bots;
mod cached;
mod fetch;
mod signing;

pub use bots::Bots;
pub use cached::{CachedSecret, SecretError, SecretHealth, Surroundings, Versions};
pub use fetch::SecretsManager;
pub use signing::SigningSecret;
