//! The key that signs certificates. It is not that of the tokens: its public half is published for ever.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{CachedSecret, SecretError, SecretsManager, Surroundings, Versions};
use crate::config::Config;

/// The secret: `{"seed": "<base64url of 32 random bytes>"}`. The key names itself by its thumbprint, so
/// that no two keys share a name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    seed: String,
}

/// The seed of an Ed25519 key (RFC 8032). Its `Debug` shows nothing of it.
pub struct CertificateSeed([u8; 32]);

impl CertificateSeed {
    /// The seed.
    pub fn reveal(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for CertificateSeed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CertificateSeed")
    }
}

fn parse(text: &str) -> Result<CertificateSeed, &'static str> {
    const EXPECTED: &str = "JSON as in {\"seed\": \"...\"}, the seed base64url without padding of 32 \
                            random bytes";
    let stored: Stored = serde_json::from_str(text).map_err(|_| EXPECTED)?;
    let seed = URL_SAFE_NO_PAD.decode(stored.seed).map_err(|_| EXPECTED)?;
    seed.try_into().map(CertificateSeed).map_err(|_| EXPECTED)
}

/// The key in its two versions. Clones share them.
#[derive(Clone)]
pub struct CertificateSecret {
    /// `None` if the function does not need it.
    secret: Option<CachedSecret<CertificateSeed>>,
}

impl CertificateSecret {
    /// The secret of the configuration. Makes no call.
    pub fn new(config: &Config, source: &SecretsManager, surroundings: &Surroundings) -> Self {
        let secret = |id| CachedSecret::new(id, parse, source.clone(), surroundings.clone());
        Self { secret: config.certificate_secret.as_deref().map(secret) }
    }

    /// Fetches the secret if it is missing.
    pub async fn warm(&self) {
        if let Some(secret) = &self.secret {
            // The failure is counted and logged; the first request retries.
            let _ = secret.get().await;
        }
    }

    /// The seed that signs, and the previous one.
    ///
    /// # Errors
    /// [`SecretError`] if there has never been a valid value, or the function does not need it.
    pub async fn seeds(&self) -> Result<Arc<Versions<CertificateSeed>>, SecretError> {
        let secret = self.secret.as_ref();
        secret.ok_or(SecretError::Undeclared { what: "Needs::CERTIFICATE_KEY" })?.get().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_32_bytes_and_is_not_shown() {
        let seed = URL_SAFE_NO_PAD.encode([7; 32]);
        let parsed = parse(&format!(r#"{{"seed":"{seed}"}}"#)).unwrap();
        assert_eq!(parsed.reveal(), &[7; 32]);
        assert_eq!(format!("{parsed:?}"), "CertificateSeed");
        for text in [
            "",
            "{}",
            r#"{"seed":"AA"}"#,
            &format!(r#"{{"seed":"{seed}="}}"#),
            &format!(r#"{{"seed":"{seed}","key_id":"a"}}"#),
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
