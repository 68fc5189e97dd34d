//! Verification of init data for other back ends.
//!
//! | route | who | store calls |
//! |---|---|---|
//! | `POST /v1/verify` | holders of an API key, which API Gateway checks | none |
//!
//! A request holds up to 100 entries. Each is verified by HMAC with the keys of this deployment's bots, or
//! by Telegram's Ed25519 signature for any bot. Refused init data is a verdict, not an error. Each entry
//! costs a unit of the limit `verify` of the API key.
//!
//! A verdict covers signature and age, and no stored state: init data that was exchanged for a session
//! stays valid here. A back end that accepts init data as a login must guard against replays itself.

use axum::extract::{DefaultBodyLimit, State};
use minigate_domain::BotId;
use minigate_init_data::{self as init_data, Environment, InitData, Key, Verifier};
use minigate_platform::{
    Code, Function, Needs, Platform, Problem, Router,
    extract::{ApiKeyId, Json},
    limits::{Charge, RateLimits},
    schemas,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

mod limits;

pub use self::limits::{LIMITS, VERIFY};

/// The most entries in a request.
const MAX_ITEMS: u32 = VERIFY.max_weight;
/// In bytes: a hundred times the longest init data, escaped as JSON, with some room.
const BODY_LIMIT: usize = 1024 * 1024;

/// The function, as its `main` runs it and `cargo dev` serves it.
pub fn function() -> Function {
    Function::routes("verify", router, Needs::BOTS.and(Needs::STORE)).with_limits(LIMITS)
}

/// The routes of this function.
pub fn router() -> Router {
    Router::new().routes(routes!(verify)).layer(DefaultBodyLimit::max(BODY_LIMIT))
}

/// Verifies init data, and returns the user of each.
#[utoipa::path(
    post, path = "/v1/verify", tag = "verify", operation_id = "verify_init_data",
    request_body = VerifyRequest,
    security(("apiKey" = [])),
    responses((status = 200, description = "A verdict for each entry", body = Verdicts)),
)]
async fn verify(
    State(platform): State<Platform>,
    limits: RateLimits,
    api_key: ApiKeyId,
    Json(body): Json<VerifyRequest>,
) -> Result<Json<Verdicts>, Problem> {
    let units = u32::try_from(body.items.len()).unwrap_or(u32::MAX);
    if !(1..=MAX_ITEMS).contains(&units) {
        return Err(Problem::new(Code::BODY_INVALID)
            .field("items", format!("must have 1 to {MAX_ITEMS} entries")));
    }
    limits.admit(&[Charge::api_key(&VERIFY, &api_key, units)]).await?;
    let mut verdicts = Vec::with_capacity(body.items.len());
    for (index, item) in body.items.iter().enumerate() {
        let verdict = match item.method {
            VerifyMethod::Hmac => verify_hash(&platform, item, index).await?,
            VerifyMethod::Ed25519 => verify_signature(&platform, item, index)?,
        };
        verdicts.push(verdict);
    }
    Ok(Json(Verdicts { verdicts }))
}

async fn verify_hash(
    platform: &Platform,
    item: &VerifyItem,
    index: usize,
) -> Result<Verdict, Problem> {
    let only = item.bot_id.map(BotId::new).transpose();
    let only = only.map_err(|error| invalid(index, "bot_id", &error))?;
    let max_age = platform.settings().init_data_max_age;
    let now = platform.now().unix_seconds();
    match platform.bots.verify(&item.init_data, only, max_age, now).await {
        Ok((verified, _)) => Ok(Verdict::genuine(&verified)),
        Err(problem) if problem.is_refusal() => Ok(Verdict::refused(problem.code())),
        Err(problem) => Err(problem),
    }
}

fn verify_signature(
    platform: &Platform,
    item: &VerifyItem,
    index: usize,
) -> Result<Verdict, Problem> {
    let missing = || {
        Problem::new(Code::BODY_INVALID)
            .field(format!("items[{index}].bot_id"), "is required for the method `ed25519`")
    };
    let bot_id = init_data::BotId::new(item.bot_id.ok_or_else(missing)?)
        .map_err(|error| invalid(index, "bot_id", &error))?;
    let environment = match item.environment {
        TelegramEnvironment::Production => Environment::Production,
        TelegramEnvironment::Test => Environment::Test,
    };
    let verifier = Key::third_party(bot_id, environment)
        .and_then(|key| Verifier::new([key]))
        .map_err(Problem::internal)?
        .with_max_age(Some(platform.settings().init_data_max_age));
    Ok(match verifier.verify(&item.init_data, platform.now().unix_seconds()) {
        Ok(verified) => Verdict::genuine(&verified),
        Err(error) => Verdict::refused(Problem::from(error).code()),
    })
}

fn invalid(index: usize, field: &str, error: &dyn std::fmt::Display) -> Problem {
    Problem::new(Code::BODY_INVALID).field(format!("items[{index}].{field}"), error.to_string())
}

/// The init data to verify.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct VerifyRequest {
    /// 1 to 100 entries.
    #[schema(min_items = 1, max_items = 100, value_type = Vec<VerifyItemSchema>)]
    items: Vec<VerifyItem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VerifyItem {
    init_data: String,
    #[serde(default)]
    method: VerifyMethod,
    #[serde(default)]
    bot_id: Option<u64>,
    #[serde(default)]
    environment: TelegramEnvironment,
}

/// Init data to verify, and the method.
#[derive(ToSchema)]
#[schema(as = VerifyItem)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum VerifyItemSchema {
    Hash(VerifyHash),
    Signature(VerifySignature),
}

/// Verifies the `hash`, with the key of a bot of this deployment.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct VerifyHash {
    /// The Mini App's `initData`.
    #[schema(value_type = schemas::InitDataText)]
    init_data: String,
    /// `hmac`, or absent.
    #[serde(default)]
    #[schema(pattern = "^hmac$", max_length = 4, default = "hmac")]
    method: String,
    /// Accept only this bot of the deployment.
    #[schema(value_type = Option<schemas::TelegramId>)]
    bot_id: Option<u64>,
    /// Ignored by this method.
    #[serde(default)]
    environment: TelegramEnvironment,
}

/// Verifies the `signature`, with Telegram's public key.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct VerifySignature {
    /// The Mini App's `initData`.
    #[schema(value_type = schemas::InitDataText)]
    init_data: String,
    /// `ed25519`.
    #[schema(pattern = "^ed25519$", max_length = 7)]
    method: String,
    /// The bot that the init data belongs to.
    #[schema(value_type = schemas::TelegramId)]
    bot_id: u64,
    /// The environment whose key signed it.
    #[serde(default)]
    environment: TelegramEnvironment,
}

/// How to verify init data.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum VerifyMethod {
    /// `hash`, with the key of a bot of this deployment.
    #[default]
    Hmac,
    /// `signature`, with Telegram's public key.
    Ed25519,
}

/// Telegram's environments.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TelegramEnvironment {
    /// Telegram itself.
    #[default]
    Production,
    /// The test environment.
    Test,
}

#[derive(Serialize, ToSchema)]
struct Verdicts {
    /// One for each entry of the request, in its order.
    verdicts: Vec<Verdict>,
}

/// The verdict on one entry.
#[derive(Serialize, ToSchema)]
struct Verdict {
    /// Whether the init data is genuine.
    valid: bool,
    /// Why the init data was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false, value_type = schemas::Code)]
    code: Option<&'static str>,
    /// What the code means.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 256)]
    reason: Option<&'static str>,
    /// The contents of genuine init data.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    init_data: Option<VerifiedInitData>,
}

impl Verdict {
    fn genuine(verified: &InitData) -> Self {
        let init_data = Some(VerifiedInitData::from(verified));
        Self { valid: true, code: None, reason: None, init_data }
    }

    const fn refused(code: Code) -> Self {
        let (code, reason) = (Some(code.as_str()), Some(code.title()));
        Self { valid: false, code, reason, init_data: None }
    }
}

/// The fields of genuine init data.
#[derive(Serialize, ToSchema)]
struct VerifiedInitData {
    /// The bot that the init data was signed for.
    bot_id: u64,
    /// When it was signed, in Unix seconds.
    auth_date: u64,
    /// The user.
    user: Option<TelegramUserOut>,
    /// The start parameter of the Mini App.
    #[schema(max_length = 8192)]
    start_param: Option<String>,
    /// Telegram's opaque id of the chat in which the Mini App was opened.
    #[schema(max_length = 8192)]
    chat_instance: Option<String>,
    /// The query to answer with `answerWebAppQuery`.
    #[schema(max_length = 8192)]
    query_id: Option<String>,
}

impl From<&InitData> for VerifiedInitData {
    fn from(verified: &InitData) -> Self {
        Self {
            bot_id: verified.bot_id().get(),
            auth_date: verified.auth_date(),
            user: verified.user().map(TelegramUserOut::from),
            start_param: verified.start_param().map(str::to_owned),
            chat_instance: verified.chat_instance().map(str::to_owned),
            query_id: verified.query_id().map(str::to_owned),
        }
    }
}

/// A Telegram user, as Telegram describes them.
#[derive(Serialize, ToSchema)]
struct TelegramUserOut {
    id: u64,
    is_bot: bool,
    #[schema(max_length = 8192)]
    first_name: String,
    #[schema(max_length = 8192)]
    last_name: Option<String>,
    #[schema(max_length = 8192)]
    username: Option<String>,
    #[schema(max_length = 8192)]
    language_code: Option<String>,
    is_premium: bool,
    allows_write_to_pm: bool,
    #[schema(max_length = 8192)]
    photo_url: Option<String>,
}

impl From<&init_data::User> for TelegramUserOut {
    fn from(user: &init_data::User) -> Self {
        Self {
            id: user.id,
            is_bot: user.is_bot,
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            username: user.username.clone(),
            language_code: user.language_code.clone(),
            is_premium: user.is_premium,
            allows_write_to_pm: user.allows_write_to_pm,
            photo_url: user.photo_url.clone(),
        }
    }
}
