//! The two calls to Secrets Manager that fetch both versions of a secret.

use aws_sdk_secretsmanager::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
};

use super::SecretError;

/// The texts of a secret's two versions.
pub(super) struct Texts {
    pub(super) current: String,
    pub(super) previous: Option<String>,
}

/// A reader of Secrets Manager. Clones share one client.
#[derive(Clone, Debug)]
pub struct SecretsManager {
    client: Client,
}

impl SecretsManager {
    /// Reads through this client. Makes no call.
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    /// Fetches both versions concurrently. A secret that was never rotated has no previous version.
    pub(super) async fn fetch(&self, id: &str) -> Result<Texts, SecretError> {
        let (current, previous) =
            tokio::join!(self.version(id, "AWSCURRENT"), self.version(id, "AWSPREVIOUS"));
        let current =
            current?.ok_or_else(|| SecretError::unavailable(id, "there is no such secret"))?;
        Ok(Texts { current, previous: previous? })
    }

    async fn version(&self, id: &str, stage: &str) -> Result<Option<String>, SecretError> {
        match self.client.get_secret_value().secret_id(id).version_stage(stage).send().await {
            Ok(output) => match output.secret_string {
                Some(text) => Ok(Some(text)),
                None => Err(SecretError::malformed(id, "a JSON text, not binary data")),
            },
            Err(SdkError::ServiceError(error)) if error.err().is_resource_not_found_exception() => {
                Ok(None)
            }
            Err(error) => {
                let reason = match &error {
                    SdkError::TimeoutError(_) => "timeout",
                    SdkError::DispatchFailure(_) => "not reached",
                    error => error.code().unwrap_or("no proper answer"),
                };
                Err(SecretError::unavailable(id, reason))
            }
        }
    }
}
