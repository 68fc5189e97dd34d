//! [`Verifier`]: from a string to [`InitData`], or to the reason it is refused.

use std::sync::Arc;
use std::time::Duration;

use crate::fields::Fields;
use crate::init_data::{InitData, Signer};
use crate::key::{Bot, Key, Material, parse_decimal};
use crate::mac::{self, HmacKey};
use crate::third_party::{self, ThirdPartyKey};
use crate::{ConfigError, DEFAULT_MAX_AGE, DEFAULT_MAX_SKEW, Error, MAX_KEYS};

/// Verifies init data against one or several keys. Build it once; it is cheap to clone and can be
/// shared between threads.
///
/// A verifier holds keys of one kind. With secret keys it checks `hash` and ignores the meaning of
/// `signature`; with third-party keys it checks `signature` and ignores `hash`. It never falls back
/// from one to the other, because that would let the sender choose the check, and
/// because only the first kind makes `hash` a replay key. To accept both, use two verifiers.
///
/// Several keys serve several bots, or the current and the previous token of one. They are tried
/// in the order given; each costs one more HMAC over the data (or one Ed25519 check).
#[derive(Clone, Debug)]
pub struct Verifier {
    keyring: Keyring,
    bots: Arc<[Bot]>,
    window: TimeWindow,
}

/// One entry for every one of `Verifier::bots`, in the same order.
#[derive(Clone, Debug)]
enum Keyring {
    Secret(Arc<[HmacKey]>),
    ThirdParty(Arc<[ThirdPartyKey]>),
}

impl Verifier {
    /// A verifier with [`DEFAULT_MAX_AGE`] and [`DEFAULT_MAX_SKEW`].
    ///
    /// # Errors
    ///
    /// [`ConfigError::NoKeys`], [`ConfigError::TooManyKeys`] beyond
    /// [`MAX_KEYS`], [`ConfigError::MixedKeys`] if some are third-party keys and some not.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Result<Self, ConfigError> {
        let (mut bots, mut secrets, mut third_parties) = (Vec::new(), Vec::new(), Vec::new());
        for key in keys {
            check_key_count(bots.len() + 1)?;
            bots.push(key.bot);
            match key.material {
                Material::Secret(key) => secrets.push(key),
                Material::ThirdParty(key) => third_parties.push(key),
            }
        }
        let keyring = match (secrets.is_empty(), third_parties.is_empty()) {
            (true, true) => return Err(ConfigError::NoKeys),
            (false, true) => Keyring::Secret(secrets.into()),
            (true, false) => Keyring::ThirdParty(third_parties.into()),
            (false, false) => return Err(ConfigError::MixedKeys),
        };
        Ok(Self { keyring, bots: bots.into(), window: TimeWindow::default() })
    }

    /// Refuses data older than this, in whole seconds; `None` accepts any age. Default 24 h.
    #[must_use]
    pub const fn with_max_age(mut self, max_age: Option<Duration>) -> Self {
        self.window.max_age = max_age;
        self
    }

    /// Accepts dates up to this much later than `now`, in whole seconds, to tolerate clock skew. Default
    /// 30 s.
    #[must_use]
    pub const fn with_max_skew(mut self, max_skew: Duration) -> Self {
        self.window.max_skew = max_skew;
        self
    }

    /// Verifies the string `Telegram.WebApp.initData`, as the client received it.
    ///
    /// `now` is in seconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// The first fault in the order of [`Error`]'s variants, except that keys other than
    /// `[A-Za-z0-9_-]{1,64}` are [`Error::Malformed`] after the signature only.
    pub fn verify(&self, init_data: &str, now: u64) -> Result<InitData, Error> {
        let fields = Fields::parse(init_data)?;
        let (key_index, covers_hash) = match &self.keyring {
            Keyring::Secret(keys) => (mac::find_signer(keys.iter(), &fields)?, true),
            Keyring::ThirdParty(keys) => (third_party::find_signer(keys.iter(), &fields)?, false),
        };
        fields.require_regular_keys()?;
        let auth_date = self.window.check(&fields, now)?;
        let bot = self.bots[key_index].clone();
        InitData::read(fields, auth_date, Signer { bot, key_index, covers_hash })
    }
}

pub(crate) const fn check_key_count(count: usize) -> Result<(), ConfigError> {
    match count {
        0 => Err(ConfigError::NoKeys),
        1..=MAX_KEYS => Ok(()),
        _ => Err(ConfigError::TooManyKeys),
    }
}

/// The accepted dates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeWindow {
    pub(crate) max_age: Option<Duration>,
    pub(crate) max_skew: Duration,
}

impl Default for TimeWindow {
    fn default() -> Self {
        Self { max_age: Some(DEFAULT_MAX_AGE), max_skew: DEFAULT_MAX_SKEW }
    }
}

impl TimeWindow {
    /// Returns `auth_date` if it lies within the window, both ends included.
    pub(crate) fn check(&self, fields: &Fields, now: u64) -> Result<u64, Error> {
        let text = fields.get("auth_date").ok_or(Error::AuthDateMissing)?;
        let auth_date = parse_decimal(text).ok_or(Error::AuthDateInvalid)?;
        if auth_date > now.saturating_add(self.max_skew.as_secs()) {
            return Err(Error::FromFuture);
        }
        let age = now.saturating_sub(auth_date);
        if self.max_age.is_some_and(|max_age| age > max_age.as_secs()) {
            return Err(Error::Expired);
        }
        Ok(auth_date)
    }
}
