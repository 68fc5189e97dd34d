//! Telegram's part: a bot and the init data that it signs.
//!
//! Written from Telegram's description and not with `minigate-init-data`, so that an error there is
//! not repeated here.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use crate::now;

/// A bot whose token is known.
#[derive(Clone)]
pub struct Bot {
    /// Its id.
    pub id: u64,
    token: String,
}

impl Bot {
    /// The bot with this token.
    pub fn new(token: &str) -> Self {
        let id = token.split(':').next().and_then(|digits| digits.parse().ok());
        Self { id: id.expect("a bot token begins with the bot's id"), token: token.to_owned() }
    }

    /// Fresh init data of this user. No two are the same.
    pub fn init_data(&self, user_id: u64) -> String {
        self.init_data_at(user_id, now())
    }

    /// Init data of this user, signed at `auth_date`.
    pub fn init_data_at(&self, user_id: u64, auth_date: u64) -> String {
        self.sign(&[("user", &user_json(user_id)), ("auth_date", &auth_date.to_string())])
    }

    /// Fresh init data with this text as `user`.
    pub fn init_data_with_user(&self, user: &str) -> String {
        self.sign(&[("user", user), ("auth_date", &now().to_string())])
    }

    /// Init data of exactly these fields, and a random `query_id`.
    pub fn sign(&self, fields: &[(&str, &str)]) -> String {
        let query_id = format!("Q{:016x}", getrandom::u64().unwrap());
        let mut fields = fields.to_vec();
        fields.push(("query_id", &query_id));
        let mut lines: Vec<_> =
            fields.iter().map(|(key, value)| format!("{key}={value}")).collect();
        lines.sort();
        let hash = hmac(&hmac(b"WebAppData", &self.token), &lines.join("\n"));
        let hash = hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        fields.push(("hash", &hash));
        let pairs = fields.iter().map(|(key, value)| format!("{key}={}", encoded(value)));
        pairs.collect::<Vec<_>>().join("&")
    }

    /// The secret in which a deployment keeps this bot's token.
    pub fn secret(&self) -> String {
        json!({ "bot_id": self.id, "token": self.token, "webhook_secret": "unused" }).to_string()
    }
}

/// A user as Telegram describes them.
pub fn user_json(id: u64) -> String {
    json!({
        "id": id,
        "first_name": "Ada",
        "last_name": "Lovelace",
        "username": "ada",
        "language_code": "en",
        "photo_url": "https://t.me/i/userpic/320/ada.svg",
    })
    .to_string()
}

fn hmac(key: &[u8], message: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().into()
}

fn encoded(value: &str) -> String {
    let encode = |byte: u8| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(encode).collect()
}
