//! The secrets of the development deployment: created if they are missing, and only looked up if the
//! environment names others.
//!
//! Existing secrets are kept, unless a real bot's token is given. Then the public values of
//! [`development`] can no longer sign anything that verifies.

use aws_sdk_secretsmanager::{
    Client, error::SdkError, operation::get_secret_value::GetSecretValueError,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use minigate_domain::Entropy;
use minigate_platform::{Config, SystemEntropy};
use serde_json::json;

use crate::{
    BotToken, EndpointError,
    aws_endpoint::secrets_manager,
    development::{self, BOT_SECRET, CERTIFICATE_SECRET, SIGNING_SECRET},
};

/// A secret of the environment, as it was at start-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSecret {
    /// The variable that names it.
    pub variable: &'static str,
    /// Its name or ARN.
    pub id: String,
    /// Its state.
    pub state: SecretState,
}

/// The state of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretState {
    /// The bot that does not exist.
    DevelopmentBot,
    /// A bot with this id.
    Bot(u64),
    /// A signing key.
    SigningKey,
    /// The key of certificates.
    CertificateKey,
    /// The secret does not exist.
    Missing,
    /// The value is not a bot's secret.
    Malformed,
}

/// Creates missing development secrets of the configuration. A bot's token replaces the value of the bot's
/// secret.
pub(crate) async fn create_missing(
    endpoint_url: &str,
    config: &Config,
    bot: Option<&BotToken>,
) -> Result<(), EndpointError> {
    let vault = Vault { client: secrets_manager(endpoint_url).await, url: endpoint_url };
    let mut has_real_bot = false;
    if config.bot_secrets.iter().any(|id| id == BOT_SECRET) {
        let found = vault.read(BOT_SECRET).await?;
        let public = development::bot_secret(development::BOT_ID, development::BOT_TOKEN);
        match (bot, &found) {
            (None, None) => vault.create(BOT_SECRET, &public).await?,
            (None, Some(_)) => {}
            (Some(bot), Some(text)) if token_in(text).as_ref() == Some(bot) => {}
            (Some(bot), None) => vault.create(BOT_SECRET, &secret_of(bot)).await?,
            (Some(bot), Some(_)) => vault.replace(BOT_SECRET, &secret_of(bot)).await?,
        }
        has_real_bot = bot.is_some() || found.is_some_and(|text| text != public);
    }
    if config.signing_secret.as_deref() == Some(SIGNING_SECRET) {
        let found = vault.read(SIGNING_SECRET).await?;
        let public = development::signing_secret();
        match found {
            None if !has_real_bot => vault.create(SIGNING_SECRET, &public).await?,
            None => vault.create(SIGNING_SECRET, &random_signing_secret()).await?,
            // Whoever can read this repository could sign tokens of the bot's users.
            Some(text) if has_real_bot && text == public => {
                vault.replace(SIGNING_SECRET, &random_signing_secret()).await?;
            }
            Some(_) => {}
        }
    }
    // Nobody but this deployment may make its certificates, so its key is in no repository.
    let is_ours = config.certificate_secret.as_deref() == Some(CERTIFICATE_SECRET);
    if is_ours && vault.read(CERTIFICATE_SECRET).await?.is_none() {
        let secret = json!({ "seed": URL_SAFE_NO_PAD.encode(random()) });
        vault.create(CERTIFICATE_SECRET, &secret.to_string()).await?;
    }
    Ok(())
}

/// The state of each secret of the configuration.
pub(crate) async fn find(
    endpoint_url: &str,
    config: &Config,
) -> Result<Vec<NamedSecret>, EndpointError> {
    let vault = Vault { client: secrets_manager(endpoint_url).await, url: endpoint_url };
    let mut found = Vec::new();
    for id in &config.bot_secrets {
        let state = match vault.read(id).await? {
            None => SecretState::Missing,
            Some(text) => match token_in(&text) {
                None => SecretState::Malformed,
                Some(bot) if bot.reveal() == development::BOT_TOKEN => SecretState::DevelopmentBot,
                Some(bot) => SecretState::Bot(bot.bot_id()),
            },
        };
        found.push(NamedSecret { variable: "MINIGATE_BOT_SECRETS", id: id.clone(), state });
    }
    if let Some(id) = &config.signing_secret {
        let text = vault.read(id).await?;
        let state = text.map_or(SecretState::Missing, |_| SecretState::SigningKey);
        found.push(NamedSecret { variable: "MINIGATE_SIGNING_SECRET", id: id.clone(), state });
    }
    if let Some(id) = &config.certificate_secret {
        let text = vault.read(id).await?;
        let state = text.map_or(SecretState::Missing, |_| SecretState::CertificateKey);
        found.push(NamedSecret { variable: "MINIGATE_CERTIFICATE_SECRET", id: id.clone(), state });
    }
    Ok(found)
}

/// The token in a bot's secret, if the secret is valid.
fn token_in(text: &str) -> Option<BotToken> {
    let secret: serde_json::Value = serde_json::from_str(text).ok()?;
    let token = BotToken::parse(secret["token"].as_str()?)?;
    (secret["bot_id"] == token.bot_id()).then_some(token)
}

fn secret_of(bot: &BotToken) -> String {
    let webhook_secret = URL_SAFE_NO_PAD.encode(random());
    json!({ "bot_id": bot.bot_id(), "token": bot.reveal(), "webhook_secret": webhook_secret })
        .to_string()
}

fn random_signing_secret() -> String {
    json!({ "key_id": "local", "seed": URL_SAFE_NO_PAD.encode(random()) }).to_string()
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    SystemEntropy.fill(&mut bytes);
    bytes
}

struct Vault<'a> {
    client: Client,
    url: &'a str,
}

impl Vault<'_> {
    /// The text of a secret; `None` if there is no such secret, or if it is empty.
    async fn read(&self, id: &str) -> Result<Option<String>, EndpointError> {
        match self.client.get_secret_value().secret_id(id).send().await {
            Ok(value) => Ok(Some(value.secret_string.unwrap_or_default())),
            Err(SdkError::ServiceError(error))
                if matches!(error.err(), GetSecretValueError::ResourceNotFoundException(_)) =>
            {
                Ok(None)
            }
            Err(error) => Err(EndpointError::of(self.url, "GetSecretValue", &error)),
        }
    }

    async fn create(&self, id: &str, text: &str) -> Result<(), EndpointError> {
        match self.client.create_secret().name(id).secret_string(text).send().await {
            Ok(_) => Ok(()),
            // It is empty, or another process was faster.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_exists_exception()) =>
            {
                self.put(id, text).await
            }
            Err(error) => Err(EndpointError::of(self.url, "CreateSecret", &error)),
        }
    }

    /// Puts the value twice, so that the old one does not verify as the previous version.
    async fn replace(&self, id: &str, text: &str) -> Result<(), EndpointError> {
        self.put(id, text).await?;
        self.put(id, text).await
    }

    async fn put(&self, id: &str, text: &str) -> Result<(), EndpointError> {
        let put = self.client.put_secret_value().secret_id(id).secret_string(text).send().await;
        put.map(drop).map_err(|error| EndpointError::of(self.url, "PutSecretValue", &error))
    }
}
