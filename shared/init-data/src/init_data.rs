//! [`InitData`]: the typed content of a verified string.

use std::fmt;
use std::time::Duration;

use crate::Error;
use crate::fields::Fields;
use crate::key::{Bot, BotId, parse_decimal};
use crate::types::{Chat, ChatType, User, object_from_json};

/// Verified init data. Only [`Verifier::verify`](crate::Verifier::verify) creates it, so a value
/// proves signature, age and shape.
///
/// `Debug` shows no personal data.
///
/// Source of the fields: <https://core.telegram.org/bots/webapps#webappinitdata>.
#[derive(Clone, PartialEq, Eq)]
pub struct InitData {
    fields: Fields,
    auth_date: u64,
    user: Option<User>,
    receiver: Option<User>,
    chat: Option<Chat>,
    can_send_after: Option<Duration>,
    signer: Signer,
}

/// The key that matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signer {
    pub(crate) bot: Bot,
    pub(crate) key_index: usize,
    pub(crate) covers_hash: bool,
}

/// The fields that have an accessor of their own.
const KNOWN_FIELDS: [&str; 11] = [
    "auth_date",
    "can_send_after",
    "chat",
    "chat_instance",
    "chat_type",
    "hash",
    "query_id",
    "receiver",
    "signature",
    "start_param",
    "user",
];

impl InitData {
    /// Reads the fields that need reading. The caller has checked signature and date.
    pub(crate) fn read(fields: Fields, auth_date: u64, signer: Signer) -> Result<Self, Error> {
        let user = |key| {
            let json = fields.get(key);
            json.map(|json| object_from_json(json).ok_or(Error::UserInvalid)).transpose()
        };
        let chat = fields.get("chat").map(|json| object_from_json(json).ok_or(Error::Malformed));
        let can_send_after = fields
            .get("can_send_after")
            .map(|text| parse_decimal(text).map(Duration::from_secs).ok_or(Error::Malformed));
        Ok(Self {
            auth_date,
            user: user("user")?,
            receiver: user("receiver")?,
            chat: chat.transpose()?,
            can_send_after: can_send_after.transpose()?,
            signer,
            fields,
        })
    }

    /// The person who opened the Mini App. Absent when it was opened from a keyboard button, say.
    #[must_use]
    pub const fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }

    /// The other side of the private chat from whose attachment menu the Mini App was opened.
    #[must_use]
    pub const fn receiver(&self) -> Option<&User> {
        self.receiver.as_ref()
    }

    /// The group or channel from whose attachment menu the Mini App was opened.
    #[must_use]
    pub const fn chat(&self) -> Option<&Chat> {
        self.chat.as_ref()
    }

    /// The kind of chat that a direct link was opened from.
    #[must_use]
    pub fn chat_type(&self) -> Option<ChatType> {
        self.fields.get("chat_type").map(ChatType::from)
    }

    /// An opaque id of the chat that a direct link was opened from. It looks like a number, but it
    /// need not fit 64 bits.
    #[must_use]
    pub fn chat_instance(&self) -> Option<&str> {
        self.fields.get("chat_instance")
    }

    /// The session to answer with `answerWebAppQuery`.
    #[must_use]
    pub fn query_id(&self) -> Option<&str> {
        self.fields.get("query_id")
    }

    /// The parameter `startapp` of the link; signed, but chosen by whoever wrote the link.
    #[must_use]
    pub fn start_param(&self) -> Option<&str> {
        self.fields.get("start_param")
    }

    /// How long after [`auth_date`](Self::auth_date) `answerWebAppQuery` starts to work.
    #[must_use]
    pub const fn can_send_after(&self) -> Option<Duration> {
        self.can_send_after
    }

    /// When Telegram signed the data, in seconds since the Unix epoch.
    #[must_use]
    pub const fn auth_date(&self) -> u64 {
        self.auth_date
    }

    /// `hash`, 64 lower-case hexadecimal digits, if the data was verified by it: one string has one
    /// hash, so it serves as a replay key.
    ///
    /// `None` for third-party keys, whose signature does not cover `hash`.
    #[must_use]
    pub fn hash(&self) -> Option<&str> {
        self.fields.get("hash").filter(|_| self.signer.covers_hash)
    }

    /// The text of `signature`. Either it was what proved the data, or `hash` covers it; with
    /// third-party keys the same signature can be spelt with and without padding.
    #[must_use]
    pub fn signature(&self) -> Option<&str> {
        self.fields.get("signature")
    }

    /// All fields as received and decoded, unknown ones included.
    ///
    /// With third-party keys, `hash` among them is unverified.
    #[must_use]
    pub const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The fields without an accessor, sorted by key. They are signed like the others.
    pub fn unknown_fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().filter(|(key, _)| !KNOWN_FIELDS.contains(key))
    }

    /// The bot whose key matched.
    #[must_use]
    pub const fn bot_id(&self) -> BotId {
        self.signer.bot.id
    }

    /// The index of the matching key among those of the verifier.
    #[must_use]
    pub const fn key_index(&self) -> usize {
        self.signer.key_index
    }

    /// The label of the matching key, if it was given one.
    #[must_use]
    pub fn key_label(&self) -> Option<&str> {
        self.signer.bot.label.as_deref()
    }
}

impl fmt::Debug for InitData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InitData")
            .field("fields", &self.fields)
            .field("auth_date", &self.auth_date)
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}
