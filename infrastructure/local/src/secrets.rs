//! The development deployment's secrets: made where they are missing, and looked for where the
//! environment names others.
//!
//! What is there stays as it is, unless a real bot's token is given. Then nothing verifies any longer
//! that the public values of [`development`] could sign.

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
    development::{self, BOT_SECRET, SIGNING_SECRET},
};

/// A secret that the environment names, as it was at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSecret {
    /// What names it.
    pub variable: &'static str,
    /// Its name or ARN.
    pub id: String,
    /// What is there.
    pub state: SecretState,
}

/// What is in a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretState {
    /// The bot that does not exist.
    DevelopmentBot,
    /// A bot with this id.
    Bot(u64),
    /// Some signing key.
    SigningKey,
    /// Nothing: there is no such secret.
    Missing,
    /// Something else than a bot's secret.
    Malformed,
}

/// Creates the development secrets that the configuration names and that are missing. A bot's token
/// replaces what is in the bot's secret.
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
    Ok(())
}

/// What is in each of the secrets that the configuration names.
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
    Ok(found)
}

/// The token in a bot's secret, if the rest of it is as functions want it.
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

    /// Puts the value twice: what was there before must not verify as the previous version.
    async fn replace(&self, id: &str, text: &str) -> Result<(), EndpointError> {
        self.put(id, text).await?;
        self.put(id, text).await
    }

    async fn put(&self, id: &str, text: &str) -> Result<(), EndpointError> {
        let put = self.client.put_secret_value().secret_id(id).secret_string(text).send().await;
        put.map(drop).map_err(|error| EndpointError::of(self.url, "PutSecretValue", &error))
    }
}
