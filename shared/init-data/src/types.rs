//! The JSON objects inside init data.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, Visitor};

use crate::key::MAX_ID;

/// The person who opened the Mini App, or whom the chat is with.
///
/// Text is what the person typed: it may hold line feeds, markup and right-to-left marks. An escape
/// that JSON allows but Unicode does not (half of a surrogate pair) arrives as U+FFFD. Fields that
/// this crate does not know are in [`Fields::get`](crate::Fields::get)`("user")`, as JSON text.
///
/// Source: <https://core.telegram.org/bots/webapps#webappuser>.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[non_exhaustive]
pub struct User {
    /// At most 52 significant bits.
    #[serde(deserialize_with = "id")]
    pub id: u64,
    /// Whether this is a bot; only in `receiver`.
    #[serde(default)]
    pub is_bot: bool,
    /// Empty if Telegram should ever leave it out.
    #[serde(default, deserialize_with = "text")]
    pub first_name: String,
    /// The family name.
    #[serde(default, deserialize_with = "optional_text")]
    pub last_name: Option<String>,
    /// Without `@`. It changes hands: identify people by `id`.
    #[serde(default, deserialize_with = "optional_text")]
    pub username: Option<String>,
    /// An IETF language tag, of the Telegram client.
    #[serde(default, deserialize_with = "optional_text")]
    pub language_code: Option<String>,
    /// Whether the user has Telegram Premium.
    #[serde(default)]
    pub is_premium: bool,
    /// Whether the user added the bot to the attachment menu.
    #[serde(default)]
    pub added_to_attachment_menu: bool,
    /// Whether the bot may message the user.
    #[serde(default)]
    pub allows_write_to_pm: bool,
    /// An image, .jpeg or .svg.
    #[serde(default, deserialize_with = "optional_text")]
    pub photo_url: Option<String>,
}

/// The group or channel from whose attachment menu the Mini App was opened.
///
/// Source: <https://core.telegram.org/bots/webapps#webappchat>.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[non_exhaustive]
pub struct Chat {
    /// Negative for groups and channels; at most 52 significant bits.
    pub id: i64,
    /// What kind of chat it is.
    #[serde(rename = "type")]
    pub chat_type: ChatType,
    /// Empty if Telegram should ever leave it out.
    #[serde(default, deserialize_with = "text")]
    pub title: String,
    /// Without `@`.
    #[serde(default, deserialize_with = "optional_text")]
    pub username: Option<String>,
    /// An image, .jpeg or .svg.
    #[serde(default, deserialize_with = "optional_text")]
    pub photo_url: Option<String>,
}

/// The kind of chat that the Mini App was opened from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChatType {
    /// A private chat with the person who sent the link (in `chat_type` only).
    Sender,
    /// A private chat (in `chat_type` only).
    Private,
    /// A basic group.
    Group,
    /// A supergroup.
    Supergroup,
    /// A channel.
    Channel,
    /// A kind that Telegram introduced after this crate was written.
    Other(String),
}

impl From<&str> for ChatType {
    fn from(name: &str) -> Self {
        match name {
            "sender" => Self::Sender,
            "private" => Self::Private,
            "group" => Self::Group,
            "supergroup" => Self::Supergroup,
            "channel" => Self::Channel,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl<'de> Deserialize<'de> for ChatType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer).map(|name| name.as_str().into())
    }
}

/// Parses a JSON object; serde would take an array for a struct, too.
pub(crate) fn object_from_json<T: DeserializeOwned>(json: &str) -> Option<T> {
    let json = json.trim_ascii_start();
    json.starts_with('{').then(|| serde_json::from_str(json).ok()).flatten()
}

fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let id = u64::deserialize(deserializer)?;
    if id > MAX_ID {
        return Err(de::Error::custom("an id has at most 52 bits"));
    }
    Ok(id)
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_bytes(TextVisitor)
}

fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    struct Text(String);
    impl<'de> Deserialize<'de> for Text {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            text(deserializer).map(Text)
        }
    }
    Ok(Option::<Text>::deserialize(deserializer)?.map(|text| text.0))
}

/// Reads a JSON string as bytes, because serde_json refuses lone surrogates in text. Telegram
/// signs them: a name that was cut in the middle of an emoji must not lock its owner out.
struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<String, E> {
        Ok(match str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => String::from_utf8_lossy(bytes).into_owned(),
        })
    }
}
