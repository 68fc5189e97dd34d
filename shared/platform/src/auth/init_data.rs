//! Init data as credentials.

use std::time::Duration;

use axum::http::HeaderMap;
use minigate_domain::{BotId, Timestamp, UserId};
use minigate_init_data::InitData;

use super::credentials::Credentials;
use crate::{Code, Platform, Problem, settings::MAX_INIT_DATA_AGE};

/// Clocks differ, and that of DynamoDB, by which it deletes a replay guard, is another one.
const MARGIN: Duration = Duration::from_secs(60 * 60);

/// A user as Telegram has just described them.
#[derive(Clone, Debug)]
pub struct TelegramUser {
    /// Who it is.
    pub id: UserId,
    /// Through which bot they came.
    pub bot_id: BotId,
    /// Their first name, unbounded and unchecked.
    pub first_name: String,
    /// Their last name.
    pub last_name: Option<String>,
    /// The language of their Telegram client.
    pub language_code: Option<String>,
    /// The hash of the init data: no two init data have the same one.
    pub init_data_hash: Option<String>,
    /// When Telegram signed it.
    pub(crate) signed_at: Timestamp,
    /// When the init data will be too old to be taken by any instance, whatever age the deployment
    /// may come to allow.
    pub init_data_gone_at: Timestamp,
}

/// Verifies init data from the body of a request, or else from its `Authorization` header.
///
/// # Errors
/// A problem if there is none, if both places hold some, or if it is refused.
pub async fn verify_init_data(
    platform: &Platform,
    headers: &HeaderMap,
    from_body: Option<&str>,
    only: Option<BotId>,
) -> Result<TelegramUser, Problem> {
    let init_data = match (Credentials::of(headers), from_body) {
        (Ok(_), Some(_)) => {
            return Err(Problem::new(Code::AUTHORIZATION_MALFORMED)
                .field("authorization", "must be absent when the body holds `init_data`"));
        }
        (Ok(Credentials::InitData(init_data)), None) => init_data,
        (Ok(Credentials::AccessToken(_)), None) => {
            return Err(Problem::new(Code::AUTHORIZATION_MALFORMED)
                .field("authorization", "must be `tma <init data>` on this route"));
        }
        (Err(problem), Some(init_data)) if problem.code() == Code::AUTHORIZATION_MISSING => {
            init_data
        }
        (Err(problem), _) => return Err(problem),
    };
    verify(platform, init_data, only).await
}

pub(super) async fn verify(
    platform: &Platform,
    init_data: &str,
    only: Option<BotId>,
) -> Result<TelegramUser, Problem> {
    let max_age = platform.settings().init_data_max_age;
    let now = platform.now().unix_seconds();
    let (verified, bot_id) = platform.bots.verify(init_data, only, max_age, now).await?;
    telegram_user(&verified, bot_id)
}

fn telegram_user(verified: &InitData, bot_id: BotId) -> Result<TelegramUser, Problem> {
    let user = verified
        .user()
        .ok_or_else(|| Problem::new(Code::USER_MISSING).field("init_data", "must name a `user`"))?;
    let id = UserId::new(user.id).map_err(|error| {
        Problem::new(Code::USER_INVALID).field("init_data", format!("`user.id` is {error}"))
    })?;
    // Not the present age: when it is raised, init data that had become too old is taken again.
    let signed_at = Timestamp::from_unix_millis(verified.auth_date().saturating_mul(1_000));
    Ok(TelegramUser {
        id,
        bot_id,
        first_name: user.first_name.clone(),
        last_name: user.last_name.clone(),
        language_code: user.language_code.clone(),
        init_data_hash: verified.hash().map(str::to_owned),
        signed_at,
        init_data_gone_at: signed_at.after(MAX_INIT_DATA_AGE + MARGIN),
    })
}
