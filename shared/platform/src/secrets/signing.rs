//! The key that signs the tokens of this deployment.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{CachedSecret, SecretError, SecretHealth, SecretsManager, Surroundings};
use crate::{
    config::Config,
    tokens::{KeyRing, SigningKey},
};

/// The secret: `{"key_id": "2026-11", "seed": "<base64url of 32 random bytes>"}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SigningKeySecret {
    key_id: String,
    seed: String,
}

fn parse(text: &str) -> Result<SigningKey, &'static str> {
    const EXPECTED: &str = "JSON as in {\"key_id\": \"2026-11\", \"seed\": \"...\"}, the key_id 1 to \
         64 characters of A-Z a-z 0-9 - _ and the seed base64url without padding of 32 random bytes";
    let secret: SigningKeySecret = serde_json::from_str(text).map_err(|_| EXPECTED)?;
    let seed = URL_SAFE_NO_PAD.decode(secret.seed).map_err(|_| EXPECTED)?;
    let seed: [u8; 32] = seed.try_into().map_err(|_| EXPECTED)?;
    SigningKey::new(&secret.key_id, &seed).ok_or(EXPECTED)
}

/// The signing key in its two versions. Clones share them.
#[derive(Clone)]
pub struct SigningSecret {
    /// `None` if the function does not need it.
    secret: Option<CachedSecret<SigningKey>>,
    issuer: Arc<str>,
}

impl SigningSecret {
    /// The secret of the configuration. Makes no call.
    pub fn new(config: &Config, source: &SecretsManager, surroundings: &Surroundings) -> Self {
        let secret = |id| CachedSecret::new(id, parse, source.clone(), surroundings.clone());
        Self {
            secret: config.signing_secret.as_deref().map(secret),
            issuer: config.issuer.as_str().into(),
        }
    }

    /// Fetches the secret if it is missing.
    pub async fn warm(&self) {
        if let Some(secret) = &self.secret {
            // The failure is counted and logged; the first request retries.
            let _ = secret.get().await;
        }
    }

    /// Fetches the secret now, where the function needs it.
    pub async fn check(&self) -> Option<SecretHealth> {
        match &self.secret {
            Some(secret) => Some(secret.check().await),
            None => None,
        }
    }

    fn secret(&self) -> Result<&CachedSecret<SigningKey>, SecretError> {
        self.secret.as_ref().ok_or(SecretError::Undeclared { what: "Needs::SIGNING_KEY" })
    }

    /// The keys.
    ///
    /// # Errors
    /// [`SecretError`] if there has never been a valid value, or the function does not need it.
    pub async fn keys(&self) -> Result<KeyRing, SecretError> {
        Ok(KeyRing::new(self.secret()?.get().await?, Arc::clone(&self.issuer)))
    }

    /// The keys, at most `max_age` old, for publication: a new key must be known soon after it begins to
    /// sign.
    ///
    /// # Errors
    /// [`SecretError`] if there has never been a valid value, or the function does not need it.
    pub async fn keys_within(&self, max_age: Duration) -> Result<KeyRing, SecretError> {
        Ok(KeyRing::new(self.secret()?.get_within(max_age).await?, Arc::clone(&self.issuer)))
    }

    /// Keys fetched after `known`, which lacks the key of a token.
    pub async fn newer_than(&self, known: &KeyRing) -> Option<KeyRing> {
        let newer = self.secret.as_ref()?.newer_than(known.versions()).await?;
        Some(KeyRing::new(newer, Arc::clone(&self.issuer)))
    }
}
