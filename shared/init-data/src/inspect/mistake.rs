//! The mistakes that people make with init data.

use serde::Serialize;

/// A mistake that [`Inspector`](super::Inspector) recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mistake {
    /// Nothing at all, or nothing but white space and quotes.
    Empty,
    /// White space or quotes around the string.
    Surroundings,
    /// `tma ` in front.
    AuthorizationScheme,
    /// `?` or `#` in front.
    LeadingDelimiter,
    /// A whole address or its fragment.
    WholeUrl,
    /// `initDataUnsafe`, as JSON.
    InitDataUnsafe,
    /// Percent-encoded twice.
    DoubleEncoding,
    /// `hash` in upper case.
    UpperCaseHash,
    /// No `hash`.
    NoHash,
    /// The hash was made without `signature`.
    SignatureLeftOut,
    /// `signature` seems to have been removed.
    SignatureDropped,
    /// JSON values were parsed and written again.
    ReserialisedJson,
    /// Login Widget data, or its key.
    LoginWidget,
    /// The hash was made over lines sorted as a whole.
    LineOrder,
    /// The hash was made over values that were still percent-encoded.
    EncodedValues,
    /// The hash was made over a text with a line feed at its end.
    TrailingLineFeed,
    /// Key and message were swapped in the derivation of the secret.
    SwappedDerivation,
    /// Telegram's signature is right, so the token is not.
    OutdatedToken,
    /// Signed by Telegram's test servers.
    TestEnvironment,
    /// Nothing fits: most likely the token of another bot.
    OtherBot,
}

impl Mistake {
    /// What is wrong, and what to do about it.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Empty => {
                "the string is empty, as Telegram.WebApp.initData is where Telegram did not open \
                 the page as a Mini App"
            }
            Self::Surroundings => "there are white space or quotes around the string: strip them",
            Self::AuthorizationScheme => {
                "the string still begins with the authorization scheme \"tma \": strip it"
            }
            Self::LeadingDelimiter => "the string still begins with \"?\" or \"#\": strip it",
            Self::WholeUrl => {
                "this is an address or its fragment: send the value of tgWebAppData, decoded once, \
                 or simply Telegram.WebApp.initData"
            }
            Self::InitDataUnsafe => {
                "this is initDataUnsafe, an object for display: send the string \
                 Telegram.WebApp.initData"
            }
            Self::DoubleEncoding => {
                "the string is percent-encoded twice: send Telegram.WebApp.initData as it is, \
                 without encodeURIComponent"
            }
            Self::UpperCaseHash => "the hash is in upper case: something rewrote it",
            Self::NoHash => {
                "there is no hash: the string was cut, or filtered before it was checked"
            }
            Self::SignatureLeftOut => {
                "the hash was made without the field signature: whatever signed or stripped it \
                 follows an old rule; all fields but hash are covered"
            }
            Self::SignatureDropped => {
                "there is no field signature, which Telegram sends and the hash covers: perhaps \
                 something removed it"
            }
            Self::ReserialisedJson => {
                "a JSON value was parsed and written again: pass on the original text, with its \
                 \"\\/\" and without added spaces"
            }
            Self::LoginWidget => {
                "this is Login Widget data, or signed with its key SHA256(token): check it with \
                 `verify --login-widget`"
            }
            Self::LineOrder => "the hash was made over sorted lines: sort by key alone",
            Self::EncodedValues => {
                "the hash was made over percent-encoded values: decode them first"
            }
            Self::TrailingLineFeed => {
                "the hash was made with a line feed at the end: put them only between the lines"
            }
            Self::SwappedDerivation => {
                "the secret was derived the wrong way round: \"WebAppData\" is the key and the \
                 token the message"
            }
            Self::OutdatedToken => {
                "Telegram signed this for the bot of the token, but the hash does not fit: the \
                 token was revoked since or is mistyped, or hash itself was changed"
            }
            Self::TestEnvironment => {
                "Telegram's test servers signed this: use the bot's token from there"
            }
            Self::OtherBot => {
                "no token fits: the Mini App was opened from another bot, the token was revoked \
                 since, or the data was changed"
            }
        }
    }
}

/// Whether JSON text names a photo where Telegram keeps them. Clients that send it send `signature`
/// too; data that somebody else signed, or an older client sent, may never have had one.
pub(super) fn has_telegrams_photo(json: &str) -> bool {
    json.replace("\\/", "/").contains("://t.me/i/userpic/")
}

/// Whether JSON text looks unlike Telegram's, which escapes slashes and writes no spaces.
pub(super) fn is_reserialised(json: &str) -> bool {
    restore_json(json) != json
}

/// Writes JSON text the way Telegram does: `\/` inside strings, no white space outside of them.
pub(super) fn restore_json(json: &str) -> String {
    let mut restored = String::with_capacity(json.len() + 16);
    let (mut in_string, mut is_escaped) = (false, false);
    for character in json.chars() {
        if in_string {
            if character == '/' && !is_escaped {
                restored.push('\\');
            }
            in_string = character != '"' || is_escaped;
            is_escaped = character == '\\' && !is_escaped;
        } else {
            in_string = character == '"';
            if character.is_ascii_whitespace() {
                continue;
            }
        }
        restored.push(character);
    }
    restored
}
