//! `init-data verify --batch`: JSON lines in, JSON lines out.

use std::io::{BufRead, Read, Write};
use std::time::Duration;

use minigate_init_data::{
    BotId, ConfigError, DEFAULT_MAX_AGE, DEFAULT_MAX_SKEW, Environment, Error, Key,
    LoginWidgetVerifier, Verifier,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::options::{Failure, parse_hex};

/// Longer lines are answered as malformed and skipped, without being held in memory.
const MAX_LINE_BYTES: u64 = 1 << 20;
/// The result of a line that is no case.
const MALFORMED_LINE: &str = "malformed_line";

/// One line. Unknown fields are ignored.
#[derive(Deserialize)]
struct Case {
    kind: Kind,
    init_data: String,
    #[serde(default)]
    bot_token: String,
    bot_id: Option<u64>,
    env: Option<String>,
    public_key_hex: Option<String>,
    /// Seconds since the Unix epoch. Without it, dates are not checked.
    now: Option<u64>,
    /// Seconds; 24 hours by default.
    max_age: Option<u64>,
    /// Seconds; 30 by default.
    max_skew: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Hmac,
    Ed25519,
    LoginWidget,
}

/// Answers line by line; refusals are answers, so this returns `true`.
pub(crate) fn run(mut input: impl BufRead, out: &mut impl Write) -> Result<bool, Failure> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok(true);
        }
        let is_cut = line.len() as u64 == MAX_LINE_BYTES && line.last() != Some(&b'\n');
        if is_cut {
            input.skip_until(b'\n')?;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let (id, result) = if is_cut { (Value::Null, MALFORMED_LINE) } else { answer(&line) };
        writeln!(out, "{}", json!({ "id": id, "result": result }))?;
        out.flush()?;
    }
}

fn answer(line: &[u8]) -> (Value, &'static str) {
    let Ok(mut value) = serde_json::from_slice::<Value>(line) else {
        return (Value::Null, MALFORMED_LINE);
    };
    let id = value.get_mut("id").map(Value::take).unwrap_or_default();
    let result = match serde_json::from_value::<Case>(value) {
        Ok(case) => match case.verify() {
            Ok(Ok(())) => "ok",
            Ok(Err(error)) => error.code(),
            Err(error) => error.code(),
        },
        Err(_) => MALFORMED_LINE,
    };
    (id, result)
}

impl Case {
    fn verify(&self) -> Result<Result<(), Error>, ConfigError> {
        // At the end of time nothing is from the future, and no age is too great.
        let now = self.now.unwrap_or(u64::MAX);
        let max_age = self.max_age.map_or(DEFAULT_MAX_AGE, Duration::from_secs);
        let max_age = self.now.map(|_| max_age);
        let max_skew = self.max_skew.map_or(DEFAULT_MAX_SKEW, Duration::from_secs);
        let key = match self.kind {
            Kind::Hmac => Key::from_bot_token(&self.bot_token)?,
            Kind::Ed25519 => Key::third_party(
                BotId::new(self.bot_id.unwrap_or_default())?,
                self.environment().ok_or(ConfigError::InvalidPublicKey)?,
            )?,
            Kind::LoginWidget => {
                return Ok(LoginWidgetVerifier::from_bot_tokens([&self.bot_token])?
                    .with_max_age(max_age)
                    .with_max_skew(max_skew)
                    .verify(&self.init_data, now)
                    .map(drop));
            }
        };
        let verifier = Verifier::new([key])?.with_max_age(max_age).with_max_skew(max_skew);
        Ok(verifier.verify(&self.init_data, now).map(drop))
    }

    fn environment(&self) -> Option<Environment> {
        match self.env.as_deref() {
            None | Some("prod" | "production") => Some(Environment::Production),
            Some("test") => Some(Environment::Test),
            Some("custom") => {
                self.public_key_hex.as_deref().and_then(parse_hex).map(Environment::Custom)
            }
            Some(_) => None,
        }
    }
}
