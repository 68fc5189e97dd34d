//! The shared vectors: 107 strings and what must become of them.

use std::time::Duration;

use minigate_init_data::{
    BotId, ConfigError, Environment, Error, Key, LoginWidgetVerifier, Verifier,
};
use serde::Deserialize;

pub(crate) const VECTORS: &str = include_str!("../data/init-data.json");

#[derive(Deserialize)]
pub(crate) struct Vector {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) init_data: String,
    pub(crate) bot_token: Option<String>,
    pub(crate) secret_key_hex: Option<String>,
    pub(crate) bot_id: Option<u64>,
    pub(crate) env: Option<String>,
    pub(crate) public_key_hex: Option<String>,
    pub(crate) now: u64,
    pub(crate) max_age: u64,
    pub(crate) max_skew: Option<u64>,
    pub(crate) expect: String,
}

/// The vectors answered by their second choice, and why.
const SECOND_CHOICE: [(&str, &str); 1] = [
    // A line feed after the digits of auth_date. The policy refuses every control character as
    // malformed, before anything is read, so that no field needs a rule of its own for it.
    ("own-date-21", "malformed"),
];

pub(crate) fn vectors() -> Vec<Vector> {
    serde_json::from_str(VECTORS).unwrap()
}

pub(crate) fn bytes_from_hex(hex: &str) -> [u8; 32] {
    assert_eq!(hex.len(), 64);
    std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
}

pub(crate) fn expected(vector: &Vector) -> &str {
    SECOND_CHOICE
        .iter()
        .find(|(id, _)| *id == vector.id)
        .map_or(vector.expect.as_str(), |(_, result)| result)
}

fn code<T>(verified: Result<Result<T, Error>, ConfigError>) -> &'static str {
    match verified {
        Ok(Ok(_)) => "ok",
        Ok(Err(error)) => error.code(),
        Err(error) => error.code(),
    }
}

fn check_key(key: Key, vector: &Vector) -> Result<Result<(), Error>, ConfigError> {
    let verifier = Verifier::new([key])?
        .with_max_age(Some(Duration::from_secs(vector.max_age)))
        .with_max_skew(Duration::from_secs(vector.max_skew.unwrap_or(30)));
    Ok(verifier.verify(&vector.init_data, vector.now).map(drop))
}

fn check(vector: &Vector) -> &'static str {
    match vector.kind.as_str() {
        "hmac" => code(
            Key::from_bot_token(vector.bot_token.as_deref().unwrap())
                .and_then(|key| check_key(key, vector)),
        ),
        "ed25519" => {
            let environment = match vector.env.as_deref().unwrap() {
                "prod" => Environment::Production,
                "test" => Environment::Test,
                _ => Environment::Custom(bytes_from_hex(vector.public_key_hex.as_ref().unwrap())),
            };
            code(
                BotId::new(vector.bot_id.unwrap())
                    .and_then(|bot_id| Key::third_party(bot_id, environment))
                    .and_then(|key| check_key(key, vector)),
            )
        }
        "login_widget" => {
            code(LoginWidgetVerifier::from_bot_tokens(vector.bot_token.as_ref()).map(|verifier| {
                verifier
                    .with_max_age(Some(Duration::from_secs(vector.max_age)))
                    .with_max_skew(Duration::from_secs(vector.max_skew.unwrap_or(30)))
                    .verify(&vector.init_data, vector.now)
            }))
        }
        kind => panic!("{}: unknown kind {kind}", vector.id),
    }
}

#[test]
fn every_vector_is_answered_as_expected() {
    let wrong: Vec<String> = vectors()
        .iter()
        .filter(|vector| check(vector) != expected(vector))
        .map(|v| format!("{}: {}, expected {}", v.id, check(v), expected(v)))
        .collect();
    assert_eq!(vectors().len(), 107);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_derived_secret_answers_like_the_token() {
    for vector in vectors().iter().filter(|vector| vector.kind == "hmac") {
        let Some(secret) = &vector.secret_key_hex else { continue };
        let bot_id = BotId::new(123_456_789).unwrap();
        let key = Key::from_secret(bot_id, bytes_from_hex(secret));
        // The one vector about the token itself has no secret.
        if vector.expect != "config_error" {
            assert_eq!(code(check_key(key, vector)), check(vector), "{}", vector.id);
        }
    }
}
