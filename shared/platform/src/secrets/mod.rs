//! Keys from AWS Secrets Manager, cached so that requests rarely wait for them, and rotated without a
//! failed request.
//!
//! - `cached` has the rules of the cache: refreshed in the background, single-flight, stale values while
//!   Secrets Manager is down.
//! - `bots` builds one verifier from the bots' secrets.
//! - `signing` holds the key that signs tokens, `certificate` the one that signs certificates.
//!
//! AWS's own `aws_secretsmanager_caching` does not fit: it has no hook to look for a newer value when a
//! signature does not verify, and it caches one version stage per entry.

mod bots;
mod cached;
mod certificate;
mod fetch;
mod signing;

pub use bots::Bots;
pub use cached::{CachedSecret, SecretError, SecretHealth, Surroundings, Versions};
pub use certificate::{CertificateSecret, CertificateSeed};
pub use fetch::SecretsManager;
pub use signing::SigningSecret;
