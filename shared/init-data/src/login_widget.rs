//! The Login Widget: the older way to sign in with Telegram, on web sites.
//!
//! The data looks like init data, but its key is another one: `SHA256(bot_token)`.
//!
//! Source: <https://core.telegram.org/widgets/login#checking-authorization>.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::fields::Fields;
use crate::key::{Bot, BotId, MAX_ID, derive_login_widget_secret, parse_decimal};
use crate::mac::{self, HmacKey};
use crate::verifier::{TimeWindow, check_key_count};
use crate::{ConfigError, Error};

/// Verifies Login Widget data against the tokens of one or several bots.
#[derive(Clone, Debug)]
pub struct LoginWidgetVerifier {
    keys: Arc<[HmacKey]>,
    bots: Arc<[Bot]>,
    window: TimeWindow,
}

impl LoginWidgetVerifier {
    /// A verifier with [`DEFAULT_MAX_AGE`](crate::DEFAULT_MAX_AGE) and
    /// [`DEFAULT_MAX_SKEW`](crate::DEFAULT_MAX_SKEW).
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidBotToken`], as for [`Key::from_bot_token`](crate::Key::from_bot_token);
    /// [`ConfigError::NoKeys`], [`ConfigError::TooManyKeys`].
    pub fn from_bot_tokens<T: AsRef<str>>(
        bot_tokens: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let (mut bots, mut keys) = (Vec::new(), Vec::new());
        for bot_token in bot_tokens {
            let (bot_id, secret) = derive_login_widget_secret(bot_token.as_ref())?;
            bots.push(Bot::new(bot_id));
            keys.push(HmacKey::new(&secret));
            check_key_count(keys.len())?;
        }
        check_key_count(keys.len())?;
        Ok(Self { keys: keys.into(), bots: bots.into(), window: TimeWindow::default() })
    }

    /// Refuses data older than this, in whole seconds; `None` accepts any age. Default 24 h.
    #[must_use]
    pub const fn with_max_age(mut self, max_age: Option<Duration>) -> Self {
        self.window.max_age = max_age;
        self
    }

    /// Accepts dates up to this much later than `now`, in whole seconds. Default 30 s.
    #[must_use]
    pub const fn with_max_skew(mut self, max_skew: Duration) -> Self {
        self.window.max_skew = max_skew;
        self
    }

    /// Verifies the query string that the widget appends to its redirect address.
    ///
    /// `now` is in seconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// As for [`Verifier::verify`](crate::Verifier::verify); a missing or invalid `id` is
    /// [`Error::UserInvalid`].
    pub fn verify(&self, query: &str, now: u64) -> Result<LoginWidgetData, Error> {
        let fields = Fields::parse(query)?;
        let key_index = mac::find_signer(self.keys.iter(), &fields)?;
        fields.require_regular_keys()?;
        let auth_date = self.window.check(&fields, now)?;
        let id = fields
            .get("id")
            .and_then(parse_decimal)
            .filter(|&id| id <= MAX_ID)
            .ok_or(Error::UserInvalid)?;
        Ok(LoginWidgetData { fields, id, auth_date, bot_id: self.bots[key_index].id, key_index })
    }
}

/// Verified Login Widget data. `Debug` shows no personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginWidgetData {
    fields: Fields,
    id: u64,
    auth_date: u64,
    bot_id: BotId,
    key_index: usize,
}

impl LoginWidgetData {
    /// The user's id; at most 52 significant bits.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// The given name.
    #[must_use]
    pub fn first_name(&self) -> Option<&str> {
        self.fields.get("first_name")
    }

    /// The family name.
    #[must_use]
    pub fn last_name(&self) -> Option<&str> {
        self.fields.get("last_name")
    }

    /// Without `@`. It changes hands: identify people by [`id`](Self::id).
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.fields.get("username")
    }

    /// An image.
    #[must_use]
    pub fn photo_url(&self) -> Option<&str> {
        self.fields.get("photo_url")
    }

    /// When the user signed in, in seconds since the Unix epoch.
    #[must_use]
    pub const fn auth_date(&self) -> u64 {
        self.auth_date
    }

    /// All fields as received and decoded.
    #[must_use]
    pub const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The bot whose token matched.
    #[must_use]
    pub const fn bot_id(&self) -> BotId {
        self.bot_id
    }

    /// The index of the matching token among those of the verifier.
    #[must_use]
    pub const fn key_index(&self) -> usize {
        self.key_index
    }
}

impl fmt::Debug for LoginWidgetData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginWidgetData")
            .field("fields", &self.fields)
            .field("auth_date", &self.auth_date)
            .field("bot_id", &self.bot_id)
            .finish_non_exhaustive()
    }
}
