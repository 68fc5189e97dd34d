//! The configuration of a development deployment: public dummy values, none of them secret.

use minigate_init_data::{ConfigError, Error, Signer};

use crate::BotToken;

/// The token of a bot that does not exist.
pub const BOT_TOKEN: &str = "1000000000:DEVELOPMENT-TOKEN-OF-NO-REAL-BOT";
/// The id of that bot.
pub const BOT_ID: u64 = 1_000_000_000;
/// The user of the printed `curl` line; an administrator of the development deployment.
pub const USER_ID: u64 = 42;

/// The name of the bot's secret.
pub const BOT_SECRET: &str = "minigate/development/bot";
/// The name of the signing key's secret.
pub const SIGNING_SECRET: &str = "minigate/development/signing-key";

/// The name of the secret with the key of certificates.
pub const CERTIFICATE_SECRET: &str = "minigate/development/certificate-key";

/// The variables of the development deployment, as `MINIGATE_…` in the environment would be.
pub fn variables() -> Vec<(String, String)> {
    let admin = USER_ID.to_string();
    [
        ("MINIGATE_TABLE_MAIN", "minigate-Main"),
        ("MINIGATE_TABLE_VOLATILE", "minigate-Volatile"),
        ("MINIGATE_TABLE_AUDIT", "minigate-Audit"),
        ("MINIGATE_BOT_SECRETS", BOT_SECRET),
        ("MINIGATE_SIGNING_SECRET", SIGNING_SECRET),
        ("MINIGATE_CERTIFICATE_SECRET", CERTIFICATE_SECRET),
        // Where front-end tools serve a Mini App from.
        ("MINIGATE_ALLOWED_ORIGINS", "http://localhost:5173,http://127.0.0.1:5173"),
        ("MINIGATE_ADMINS", &admin),
        // Whoever writes a front end reloads it more often than a user opens it.
        ("MINIGATE_LIMITS", "login=100,login-address=100"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The secret of a bot with this token, as JSON.
pub fn bot_secret(bot_id: u64, token: &str) -> String {
    format!(r#"{{"bot_id":{bot_id},"token":"{token}","webhook_secret":"development"}}"#)
}

/// The secret of the signing key, as JSON. The seed spells "minigate development signing key".
pub fn signing_secret() -> String {
    let seed = "bWluaWdhdGUgZGV2ZWxvcG1lbnQgc2lnbmluZyBrZXk";
    format!(r#"{{"key_id":"development","seed":"{seed}"}}"#)
}

/// Init data of a user, signed by the development bot at `now`, in Unix seconds.
///
/// # Errors
/// [`Error`] if the fields cannot be signed, which does not happen.
pub fn init_data(user_id: u64, now: u64) -> Result<String, InitDataError> {
    init_data_of(BOT_TOKEN, user_id, now)
}

/// The same, signed by a real bot.
///
/// # Errors
/// [`Error`] if the fields cannot be signed, which does not happen.
pub fn real_init_data(bot: &BotToken, user_id: u64, now: u64) -> Result<String, InitDataError> {
    init_data_of(bot.reveal(), user_id, now)
}

fn init_data_of(token: &str, user_id: u64, now: u64) -> Result<String, InitDataError> {
    let user = format!(
        r#"{{"id":{user_id},"first_name":"Ada","last_name":"Lovelace","username":"ada","language_code":"en"}}"#
    );
    let fields = [("user", user.as_str()), ("chat_instance", "1"), ("chat_type", "private")];
    Ok(Signer::from_bot_token(token)?.sign(&fields, now)?)
}

/// Why development init data cannot be signed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum InitDataError {
    /// The token is invalid.
    Token(#[from] ConfigError),
    /// The fields cannot be signed.
    Fields(#[from] Error),
}
