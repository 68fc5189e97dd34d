//! The token of a real bot, for development.

use std::{fmt, fs::File, io::Read, path::Path};

use minigate_init_data::Signer;

/// More bytes than any token has, so that other files are not read completely.
const FILE_LIMIT_BYTES: u64 = 4_096;

/// A bot's token. It cannot be formatted: only the bot's id can.
#[derive(Clone, PartialEq, Eq)]
pub struct BotToken {
    token: String,
    bot_id: u64,
}

impl fmt::Debug for BotToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "BotToken({})", self.bot_id)
    }
}

impl BotToken {
    /// Parses a token, ignoring white space around it; `None` if it is invalid.
    pub fn parse(text: &str) -> Option<Self> {
        let token = text.trim();
        Signer::from_bot_token(token).ok()?;
        let bot_id = token.split_once(':')?.0.parse().ok()?;
        Some(Self { token: token.to_owned(), bot_id })
    }

    /// Reads a file that contains only a token.
    ///
    /// # Errors
    /// The reason, without any of the file's contents.
    pub fn read(path: &Path) -> Result<Self, String> {
        if path.to_str().and_then(Self::parse).is_some() {
            return Err(
                "is the name of a file, not the token, which others could see in the list \
                        of processes"
                    .to_owned(),
            );
        }
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(FILE_LIMIT_BYTES).read_to_string(&mut text))
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        Self::parse(&text).ok_or_else(|| format!("{} holds {NOT_A_TOKEN}", path.display()))
    }

    /// The bot's id, before the colon.
    pub fn bot_id(&self) -> u64 {
        self.bot_id
    }

    /// The token itself.
    pub(crate) fn reveal(&self) -> &str {
        &self.token
    }
}

/// The message for an invalid token.
pub const NOT_A_TOKEN: &str =
    "no bot token; it must be what BotFather gave you, such as 123456789:AAE..., and nothing else";

#[cfg(test)]
mod tests {
    use super::BotToken;

    #[test]
    fn a_token_does_not_print() {
        let token = BotToken::parse(" 123456789:AAE-secret_part\n").unwrap();
        assert_eq!(token.bot_id(), 123_456_789);
        assert_eq!(format!("{token:?}"), "BotToken(123456789)");
        for text in ["", "123456789", "123456789:", "bot:AAE", "1:A B", "0:AAE"] {
            assert_eq!(BotToken::parse(text), None, "{text:?}");
        }
    }
}
