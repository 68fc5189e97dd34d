//! The ways in which people make a `hash` with a token, right and wrong.

use super::mistake::{Mistake, restore_json};
use crate::ConfigError;
use crate::fields::Fields;
use crate::key::{BotId, derive_login_widget_secret, derive_secret};
use crate::mac::HmacKey;

/// One token, with everything that may be derived from it.
#[derive(Clone, Debug)]
pub(super) struct Attempts {
    pub(super) bot_id: BotId,
    init_data: HmacKey,
    login_widget: HmacKey,
    swapped: HmacKey,
}

impl Attempts {
    pub(super) fn new(bot_token: &str) -> Result<Self, ConfigError> {
        let (bot_id, init_data) = derive_secret(bot_token)?;
        let (_, login_widget) = derive_login_widget_secret(bot_token)?;
        // `HMAC-SHA256(key = token, message = "WebAppData")`. A token is shorter than a block of
        // SHA-256, or this mistake is not recognised.
        let mut block = [0; 64];
        let swapped = match block.get_mut(..bot_token.len()) {
            Some(start) => {
                start.copy_from_slice(bot_token.as_bytes());
                HmacKey::new(&block).authenticate([b"WebAppData".as_slice()])
            }
            None => login_widget,
        };
        Ok(Self {
            bot_id,
            init_data: HmacKey::new(&init_data),
            login_widget: HmacKey::new(&login_widget),
            swapped: HmacKey::new(&swapped),
        })
    }

    /// Whether the token made `hash` by the rule.
    pub(super) fn matches(&self, hash: &[u8; 32], fields: &Fields) -> bool {
        self.init_data.made(hash, fields)
    }

    /// The mistake with which the token makes `hash`, if there is one.
    pub(super) fn explain(&self, hash: &[u8; 32], query: &str, fields: &Fields) -> Option<Mistake> {
        if self.login_widget.made(hash, fields) {
            return Some(Mistake::LoginWidget);
        }
        if self.swapped.made(hash, fields) {
            return Some(Mistake::SwappedDerivation);
        }
        let lines = || fields.iter().filter(|(key, _)| *key != "hash");
        let plain = |(key, value): (&str, &str)| format!("{key}={value}");
        let without_signature = lines().filter(|(key, _)| *key != "signature").map(plain);
        let restored = lines().map(|(key, value)| {
            let is_json = matches!(key, "user" | "receiver" | "chat");
            if is_json { format!("{key}={}", restore_json(value)) } else { plain((key, value)) }
        });
        let mut by_line: Vec<String> = lines().map(plain).collect();
        by_line.sort_unstable();
        let mut encoded: Vec<&str> =
            query.split('&').filter(|pair| !pair.starts_with("hash=")).collect();
        encoded.sort_unstable();

        let messages = [
            (Mistake::SignatureLeftOut, join(without_signature)),
            (Mistake::ReserialisedJson, join(restored)),
            (Mistake::LineOrder, by_line.join("\n")),
            (Mistake::EncodedValues, encoded.join("\n")),
            (Mistake::TrailingLineFeed, join(lines().map(plain)) + "\n"),
        ];
        // In variable time: this runs at a terminal, for whoever has the token anyway.
        let makes_hash = |message: &str| self.init_data.authenticate([message.as_bytes()]) == *hash;
        messages.iter().find(|(_, message)| makes_hash(message)).map(|(mistake, _)| *mistake)
    }
}

fn join(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}
