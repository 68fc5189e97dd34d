//! Answers "why is my init data refused?" for a person at a terminal.
//!
//! Nothing here decides about access: the verdicts come from the same [`Verifier`] as everywhere,
//! and the guesses about mistakes are only told. A report repeats the init data that was given,
//! but no token and no secret.

mod hmac_attempts;
mod mistake;
mod unwrap;

use serde::Serialize;

use self::hmac_attempts::Attempts;
pub use self::mistake::Mistake;

use crate::fields::Fields;
use crate::key::{BotId, Environment, Key, parse_decimal};
use crate::mac::decode_hash;
use crate::{ConfigError, Error, Verifier};

/// Inspects strings with a set of keys.
#[derive(Clone, Debug, Default)]
pub struct Inspector {
    keys: Vec<Key>,
    tokens: Vec<Attempts>,
}

/// What there is to say about one string.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// What a verifier with each of the keys answers, in the order of the keys.
    pub verdicts: Vec<Verdict>,
    /// The mistakes that explain a refusal, likeliest first.
    pub mistakes: Vec<Mistake>,
    /// The string inside its wrapping, if something was wrapped around it.
    pub unwrapped: Option<String>,
    /// The code for which the string (without its wrapping) has no readable fields.
    pub unreadable: Option<&'static str>,
    /// All fields, decoded, in the order in which they are signed.
    pub fields: Vec<FieldReport>,
    /// The text that `hash` should have been made of.
    pub data_check_string: Option<String>,
    /// How old the data is, in seconds; negative if it is dated in the future.
    pub age_seconds: Option<i128>,
}

/// What a verifier with one of the keys answers.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// The bot of the key.
    pub bot_id: u64,
    /// The label of the key.
    pub key: String,
    /// `ok`, or the code of the refusal.
    pub result: &'static str,
    /// The same for the string without its wrapping, if there was one.
    pub unwrapped_result: Option<&'static str>,
}

/// One field of the inspected string.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct FieldReport {
    /// The decoded key.
    pub key: String,
    /// The decoded value.
    pub value: String,
    /// Whether `hash` covers the field.
    pub in_hash: bool,
    /// Whether `signature` covers the field.
    pub in_signature: bool,
}

impl Inspector {
    /// Adds a bot token, which is tried in every way in which tokens are used and misused.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidBotToken`], as for [`Key::from_bot_token`].
    pub fn add_bot_token(&mut self, bot_token: &str, label: &str) -> Result<(), ConfigError> {
        self.keys.push(Key::from_bot_token(bot_token)?.with_label(label));
        self.tokens.push(Attempts::new(bot_token)?);
        Ok(())
    }

    /// Adds any other key.
    pub fn add_key(&mut self, key: Key) {
        self.keys.push(key);
    }

    /// Looks at one string. `now` is in seconds since the Unix epoch; the verdicts are those of
    /// verifiers with the default age and skew.
    #[must_use]
    pub fn inspect(&self, input: &str, now: u64) -> Report {
        let (inner, mut mistakes) = unwrap::unwrap(input);
        let is_wrapped = inner != input;
        let verdicts = self.keys.iter().map(|key| Verdict {
            bot_id: key.bot_id().get(),
            key: key.label().unwrap_or_default().to_owned(),
            result: result(key, input, now),
            unwrapped_result: is_wrapped.then(|| result(key, &inner, now)),
        });
        let mut report = Report {
            verdicts: verdicts.collect(),
            mistakes: Vec::new(),
            unwrapped: is_wrapped.then(|| inner.clone()),
            unreadable: None,
            fields: Vec::new(),
            data_check_string: None,
            age_seconds: None,
        };
        match Fields::parse(&inner) {
            _ if inner.is_empty() => {
                mistakes = vec![Mistake::Empty];
                report.unreadable = Some(Error::Malformed.code());
            }
            _ if mistakes.contains(&Mistake::InitDataUnsafe) => {
                report.unreadable = Some(Error::Malformed.code());
            }
            Ok(fields) => {
                mistakes.extend(self.explain(&inner, &fields));
                report.describe(&fields, now);
            }
            Err(error) => report.unreadable = Some(error.code()),
        }
        report.mistakes = mistakes;
        report
    }

    /// Mistakes about `hash`, which matters only to whoever has a token.
    fn explain(&self, query: &str, fields: &Fields) -> Vec<Mistake> {
        if self.tokens.is_empty() {
            return Vec::new();
        }
        let Some(text) = fields.get("hash") else { return vec![Mistake::NoHash] };
        let mut mistakes = Vec::new();
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            mistakes.push(Mistake::UpperCaseHash);
        }
        let Ok(hash) = decode_hash(&text.to_ascii_lowercase()) else { return mistakes };
        if self.tokens.iter().any(|token| token.matches(&hash, fields)) {
            return mistakes;
        }
        let explanation = self.tokens.iter().find_map(|token| token.explain(&hash, query, fields));
        mistakes.extend(explanation);
        if explanation.is_none() {
            mistakes.extend(self.guess(query, fields));
        }
        mistakes
    }

    /// What is likely when no known mistake leads to the `hash` of the string.
    fn guess(&self, query: &str, fields: &Fields) -> Vec<Mistake> {
        // Telegram's public signature does not depend on the token, so it tells a wrong token from
        // changed data.
        let signed_in = |environment| {
            self.tokens.iter().any(|token| third_party_accepts(token.bot_id, environment, query))
        };
        if signed_in(Environment::Production) {
            return vec![Mistake::OutdatedToken];
        }
        if signed_in(Environment::Test) {
            return vec![Mistake::TestEnvironment];
        }
        let mut mistakes = vec![Mistake::OtherBot];
        let has = |key| fields.get(key).is_some();
        if has("id") && has("first_name") && !has("user") {
            mistakes.push(Mistake::LoginWidget);
        }
        let user = fields.get("user");
        if !has("signature") && user.is_some_and(mistake::has_telegrams_photo) {
            mistakes.push(Mistake::SignatureDropped);
        }
        if user.is_some_and(mistake::is_reserialised) {
            mistakes.push(Mistake::ReserialisedJson);
        }
        mistakes
    }
}

impl Report {
    fn describe(&mut self, fields: &Fields, now: u64) {
        self.fields = fields
            .iter()
            .map(|(key, value)| FieldReport {
                key: key.to_owned(),
                value: value.to_owned(),
                in_hash: key != "hash",
                in_signature: key != "hash" && key != "signature",
            })
            .collect();
        let pieces: Vec<u8> = fields.data_check_string(&["hash"]).flatten().copied().collect();
        self.data_check_string = String::from_utf8(pieces).ok();
        let auth_date = fields.get("auth_date").and_then(parse_decimal);
        self.age_seconds = auth_date.map(|auth_date| i128::from(now) - i128::from(auth_date));
    }

    /// Whether at least one of the keys accepts the string as it was given.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.verdicts.iter().any(|verdict| verdict.result == "ok")
    }
}

fn result(key: &Key, init_data: &str, now: u64) -> &'static str {
    match Verifier::new([key.clone()]) {
        Ok(verifier) => verifier.verify(init_data, now).map_or_else(|error| error.code(), |_| "ok"),
        Err(error) => error.code(),
    }
}

/// Whatever its age.
fn third_party_accepts(bot_id: BotId, environment: Environment, query: &str) -> bool {
    Key::third_party(bot_id, environment)
        .and_then(|key| Verifier::new([key]))
        .is_ok_and(|verifier| verifier.with_max_age(None).verify(query, u64::MAX).is_ok())
}
