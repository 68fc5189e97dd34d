//! The bots of the deployment, whose keys verify init data.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use minigate_domain::BotId;
use minigate_init_data::{Error, InitData, Key, Verifier};
use serde::Deserialize;

use super::{CachedSecret, SecretError, SecretHealth, SecretsManager, Surroundings, Versions};
use crate::{
    config::Config,
    problem::{Code, Problem},
};

/// A bot's secret: `{"bot_id": 123, "token": "123:AA…", "webhook_secret": "…"}`. Further members
/// are ignored.
#[derive(Deserialize)]
struct BotSecret {
    bot_id: BotId,
    token: String,
}

/// The parsed secret of a bot. The token is dropped once its key is derived.
struct Bot {
    id: BotId,
    key: Key,
}

fn parse(text: &str) -> Result<Bot, &'static str> {
    const EXPECTED: &str = "JSON as in {\"bot_id\": 123, \"token\": \"123:AA...\", \
         \"webhook_secret\": \"...\"}, the bot_id being the digits before the token's colon";
    let secret: BotSecret = serde_json::from_str(text).map_err(|_| EXPECTED)?;
    let key = Key::from_bot_token(&secret.token).map_err(|_| EXPECTED)?;
    if secret.token.split(':').next() != Some(secret.bot_id.to_string().as_str()) {
        return Err(EXPECTED);
    }
    Ok(Bot { id: secret.bot_id, key })
}

/// The bots' keys. Clones share them.
#[derive(Clone)]
pub struct Bots {
    secrets: Arc<[CachedSecret<Bot>]>,
}

type Fetched = Result<Arc<Versions<Bot>>, SecretError>;

impl Bots {
    /// The bots of the configuration. Makes no call.
    pub fn new(config: &Config, source: &SecretsManager, surroundings: &Surroundings) -> Self {
        let secret =
            |id: &String| CachedSecret::new(id, parse, source.clone(), surroundings.clone());
        Self { secrets: config.bot_secrets.iter().map(secret).collect() }
    }

    /// Fetches missing secrets.
    pub async fn warm(&self) {
        self.fetch_all().await;
    }

    /// Fetches every bot's secret now.
    pub async fn check(&self) -> Vec<SecretHealth> {
        join_all(self.secrets.iter().map(CachedSecret::check)).await
    }

    /// Verifies init data of at most `max_age` against all key versions of all bots, or of one bot.
    ///
    /// # Errors
    /// A refusal with the code of [`minigate_init_data::Error`]; [`Code::UNKNOWN_BOT`]; or
    /// [`Code::SECRETS_UNAVAILABLE`] where a key that might have signed it cannot be fetched.
    pub async fn verify(
        &self,
        init_data: &str,
        only: Option<BotId>,
        max_age: Duration,
        now_unix_seconds: u64,
    ) -> Result<(InitData, BotId), Problem> {
        if self.secrets.is_empty() {
            return Err(SecretError::Undeclared { what: "Needs::BOTS" }.into());
        }
        let known = self.fetch_all().await;
        let with =
            |fetched: &[Fetched]| verify_with(fetched, init_data, only, max_age, now_unix_seconds);
        match with(&known) {
            Err(Refusal::MayBeRotated(first)) => {
                let newer = self.fetch_newer(&known).await.ok_or(first)?;
                with(&newer).map_err(Refusal::into_problem)
            }
            outcome => outcome.map_err(Refusal::into_problem),
        }
    }

    async fn fetch_all(&self) -> Vec<Fetched> {
        join_all(self.secrets.iter().map(CachedSecret::get)).await
    }

    /// Newer secrets, if at least one has changed since `known`.
    async fn fetch_newer(&self, known: &[Fetched]) -> Option<Vec<Fetched>> {
        let newer = async |(secret, known): (&CachedSecret<Bot>, &Fetched)| match known {
            Ok(value) => secret.newer_than(value).await,
            Err(_) => None,
        };
        let newer = join_all(self.secrets.iter().zip(known).map(newer)).await;
        if newer.iter().all(Option::is_none) {
            return None;
        }
        let replace = |(newer, known): (Option<_>, &Fetched)| newer.map_or(known.clone(), Ok);
        Some(newer.into_iter().zip(known).map(replace).collect())
    }
}

fn verify_with(
    fetched: &[Fetched],
    init_data: &str,
    only: Option<BotId>,
    max_age: Duration,
    now_unix_seconds: u64,
) -> Result<(InitData, BotId), Refusal> {
    let missing = fetched.iter().find_map(|fetched| fetched.as_ref().err());
    let versions = fetched.iter().flatten();
    let bots = versions.flat_map(|versions| [Some(&versions.current), versions.previous.as_ref()]);
    let bots: Vec<&Bot> =
        bots.flatten().filter(|bot| only.is_none_or(|only| only == bot.id)).collect();
    if bots.is_empty() {
        return Err(Refusal::Final(match missing {
            Some(error) => unavailable(error),
            None => {
                Problem::new(Code::UNKNOWN_BOT).field("bot_id", "is not a bot of this deployment")
            }
        }));
    }
    let verifier = Verifier::new(bots.iter().map(|bot| bot.key.clone()))
        .map_err(|error| Refusal::Final(Problem::internal(error)))?
        .with_max_age(Some(max_age));
    match verifier.verify(init_data, now_unix_seconds) {
        Ok(init_data) => {
            let bot = bots[init_data.key_index()].id;
            Ok((init_data, bot))
        }
        Err(Error::HashMismatch) => Err(match missing {
            // The missing key may be the one that signed the init data.
            Some(error) => Refusal::Final(unavailable(error)),
            None => Refusal::MayBeRotated(Error::HashMismatch.into()),
        }),
        Err(error) => Err(Refusal::Final(error.into())),
    }
}

enum Refusal {
    /// Whether a newer key might verify it.
    MayBeRotated(Problem),
    Final(Problem),
}

impl Refusal {
    fn into_problem(self) -> Problem {
        match self {
            Self::MayBeRotated(problem) | Self::Final(problem) => problem,
        }
    }
}

fn unavailable(error: &SecretError) -> Problem {
    Problem::from(error.clone())
}
