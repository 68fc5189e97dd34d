//! Tokens as an attacker or a clock would have them.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use minigate_domain::Timestamp;
use minigate_local::development;
use minigate_platform::{
    secrets::Versions,
    tokens::{KeyRing, SigningKey},
};
use serde_json::Value;

/// A key ring with one key, for tokens that are signed by no deployment.
pub fn keys(key_id: &str, seed: &[u8; 32]) -> KeyRing {
    keys_of_issuer(key_id, seed, "minigate")
}

fn keys_of_issuer(key_id: &str, seed: &[u8; 32], issuer: &str) -> KeyRing {
    let current = SigningKey::new(key_id, seed).unwrap();
    let fetched_at = Timestamp::from_unix_millis(0);
    KeyRing::new(Arc::new(Versions { current, previous: None, fetched_at }), issuer.into())
}

/// The key ring of `cargo dev`, whose seed is public, for tokens issued by `issuer`. It signs what
/// the server in this process verifies.
pub fn development_keys(issuer: &str) -> KeyRing {
    let secret: Value = serde_json::from_str(&development::signing_secret()).unwrap();
    let seed = URL_SAFE_NO_PAD.decode(secret["seed"].as_str().unwrap()).unwrap();
    keys_of_issuer(secret["key_id"].as_str().unwrap(), &seed.try_into().unwrap(), issuer)
}

/// The claims of a token, not verified.
#[track_caller]
pub fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).expect("a token has three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// The token with another header.
#[track_caller]
pub fn with_header(token: &str, header: &str) -> String {
    let (_, rest) = token.split_once('.').expect("a token has three parts");
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header))
}
