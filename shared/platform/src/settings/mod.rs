//! What a deployment changes while it lives: origins, administrators, lifetimes.
//!
//! The environment has the deployment's defaults ([`Config`](crate::Config)), and administrators
//! change them with `PUT /v1/system/settings`. Their changes are a document next to that of
//! the limits, read by the same call and followed by the same means (`live.rs`). A document is valid
//! as a whole or not taken: the last good settings then stay in force.
//!
//! The deployment's administrators are in the environment and in no document: whatever the
//! document says, they remain administrators and can mend it.

mod live;

use std::{collections::BTreeSet, ops::RangeInclusive, time::Duration};

use axum::http::{HeaderValue, Uri};
use minigate_domain::{SETTINGS_FORMAT, SettingsOverrides, Timestamp, UserId};
use thiserror::Error;

pub(crate) use self::live::Live;
pub use self::live::{Adopted, InForce};

/// Sessions that a user may have at once. All of a user are one item, which each change rewrites.
pub const SESSIONS_PER_USER: RangeInclusive<u32> = 1..=50;
/// Seconds of an access token's life. It outlives its session on routes that ask no store.
pub const ACCESS_TOKEN_SECONDS: RangeInclusive<u32> = 30..=3_600;
/// Seconds of a refresh token's life, up to a year.
pub const REFRESH_TOKEN_SECONDS: RangeInclusive<u32> = 300..=31_536_000;
/// Seconds of age up to which init data is taken, up to a week.
pub const INIT_DATA_SECONDS: RangeInclusive<u32> = 60..=604_800;
/// The most origins in a document. Each request with an `Origin` is compared with all of them.
pub const MAX_ORIGINS: usize = 20;
/// The most administrators in a document.
pub const MAX_ADMINS: usize = 50;
/// Of a name, 253 bytes, with its scheme and its port.
const MAX_ORIGIN_BYTES: usize = 267;
/// What an origin looks like.
pub(crate) const AN_ORIGIN: &str = "an origin such as `https://app.example`, without a path";

/// The settings of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The origins that a browser may call from.
    pub allowed_origins: Vec<HeaderValue>,
    /// Who may call the administrators' routes.
    pub admins: BTreeSet<UserId>,
    /// How many sessions a user may have at once.
    pub sessions_per_user: usize,
    /// How long an access token lasts.
    pub access_token_lifetime: Duration,
    /// How long a refresh token lasts.
    pub refresh_token_lifetime: Duration,
    /// Up to which age init data is taken.
    pub init_data_max_age: Duration,
    /// When administrators changed them last, if they did.
    pub changed_at: Option<Timestamp>,
}

/// A setting that is not what it may be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field} {message}")]
pub struct InvalidSetting {
    /// The field of the document.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl Settings {
    /// These settings, the deployment's, with what administrators have changed of them.
    ///
    /// # Errors
    /// [`InvalidSetting`], the first one there is.
    pub fn with(&self, overrides: &SettingsOverrides) -> Result<Self, InvalidSetting> {
        let SettingsOverrides { change, format, version } = overrides;
        check_format(*format)?;
        let mut settings = self.clone();
        if let Some(origins) = &change.allowed_origins {
            settings.allowed_origins = list("allowed_origins", origins, MAX_ORIGINS, |text| {
                origin(text).ok_or_else(|| format!("must be {AN_ORIGIN}"))
            })?;
        }
        if let Some(admins) = &change.admins {
            let admins = list("admins", admins, MAX_ADMINS, |id| {
                UserId::new(*id).map_err(|_| "must be a Telegram user id".to_owned())
            })?;
            settings.admins.extend(admins);
        }
        let number = |field, value, range| in_range(field, value, &range);
        if let Some(count) =
            number("sessions_per_user", change.sessions_per_user, SESSIONS_PER_USER)?
        {
            settings.sessions_per_user = usize::try_from(count).unwrap_or(usize::MAX);
        }
        for (place, field, value, range) in [
            (
                &mut settings.access_token_lifetime,
                "access_token_seconds",
                change.access_token_seconds,
                ACCESS_TOKEN_SECONDS,
            ),
            (
                &mut settings.refresh_token_lifetime,
                "refresh_token_seconds",
                change.refresh_token_seconds,
                REFRESH_TOKEN_SECONDS,
            ),
            (
                &mut settings.init_data_max_age,
                "init_data_seconds",
                change.init_data_seconds,
                INIT_DATA_SECONDS,
            ),
        ] {
            if let Some(seconds) = number(field, value, range)? {
                *place = Duration::from_secs(u64::from(seconds));
            }
        }
        if settings.refresh_token_lifetime < settings.access_token_lifetime {
            let is_refresh = change.refresh_token_seconds.is_some();
            let field = if is_refresh { "refresh_token_seconds" } else { "access_token_seconds" };
            return Err(invalid(field, "must not let an access token outlive its refresh token"));
        }
        settings.changed_at = (*version > 0).then(|| Timestamp::from_unix_millis(*version));
        Ok(settings)
    }

    /// How long an access token may be good that was made at any time up to `now`: until the former
    /// lifetime cannot matter any more, the longest that could have been set.
    pub fn longest_access_token(&self, now: Timestamp) -> Duration {
        let longest = Duration::from_secs(u64::from(*ACCESS_TOKEN_SECONDS.end()));
        // An instance that cannot read the document uses the previous one for up to an hour.
        let is_recent = |changed_at| now.since(changed_at) <= longest * 2;
        if self.changed_at.is_some_and(is_recent) { longest } else { self.access_token_lifetime }
    }
}

/// The longest time for which init data could be taken, whatever the settings are or become.
pub const MAX_INIT_DATA_AGE: Duration = Duration::from_secs(604_800);

fn check_format(format: u32) -> Result<(), InvalidSetting> {
    if format <= SETTINGS_FORMAT {
        return Ok(());
    }
    let message =
        format!("is {format}, of a newer version; this one knows up to {SETTINGS_FORMAT}");
    Err(invalid("format", message))
}

fn invalid(field: impl Into<String>, message: impl Into<String>) -> InvalidSetting {
    InvalidSetting { field: field.into(), message: message.into() }
}

fn in_range(
    field: &str,
    value: Option<u32>,
    range: &RangeInclusive<u32>,
) -> Result<Option<u32>, InvalidSetting> {
    if value.is_some_and(|value| !range.contains(&value)) {
        let message = format!("must be a whole number from {} to {}", range.start(), range.end());
        return Err(invalid(field, message));
    }
    Ok(value)
}

fn list<T: PartialEq, U>(
    field: &str,
    values: &[T],
    most: usize,
    parse: impl Fn(&T) -> Result<U, String>,
) -> Result<Vec<U>, InvalidSetting> {
    if values.len() > most {
        return Err(invalid(field, format!("must have {most} entries at most")));
    }
    let mut parsed = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let wrong = |message| invalid(format!("{field}[{index}]"), message);
        if values[..index].contains(value) {
            return Err(wrong("stands twice".to_owned()));
        }
        parsed.push(parse(value).map_err(wrong)?);
    }
    Ok(parsed)
}

/// The origin, exactly as a browser sends it, if it is one.
pub(crate) fn origin(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let is_origin = text.len() <= MAX_ORIGIN_BYTES
        && matches!(uri.scheme_str(), Some("https" | "http"))
        && uri.host().is_some_and(|host| host.bytes().all(|byte| !byte.is_ascii_uppercase()))
        && uri.path_and_query().is_none_or(|path| path == "/")
        && !text.ends_with('/')
        && !text.contains(['@', '*']);
    if is_origin { HeaderValue::from_str(text).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use minigate_domain::SettingsOverride;

    use super::*;

    fn deployed() -> Settings {
        Settings {
            allowed_origins: vec![HeaderValue::from_static("https://app.example")],
            admins: [UserId::new(42).unwrap()].into(),
            sessions_per_user: 5,
            access_token_lifetime: Duration::from_secs(300),
            refresh_token_lifetime: Duration::from_secs(2_592_000),
            init_data_max_age: Duration::from_secs(86_400),
            changed_at: None,
        }
    }

    fn with(change: SettingsOverride) -> Result<Settings, InvalidSetting> {
        deployed().with(&SettingsOverrides { change, format: SETTINGS_FORMAT, version: 1_000 })
    }

    #[test]
    fn what_is_absent_is_as_deployed() {
        assert_eq!(deployed().with(&SettingsOverrides::default()), Ok(deployed()));
        let change = SettingsOverride { sessions_per_user: Some(9), ..Default::default() };
        let changed_at = Some(Timestamp::from_unix_millis(1_000));
        assert_eq!(with(change), Ok(Settings { sessions_per_user: 9, changed_at, ..deployed() }));
    }

    #[test]
    fn origins_are_replaced_and_administrators_added() {
        let change = SettingsOverride {
            allowed_origins: Some(vec!["https://b.example".to_owned()]),
            admins: Some(vec![7]),
            ..Default::default()
        };
        let settings = with(change).unwrap();
        assert_eq!(settings.allowed_origins, ["https://b.example"]);
        let ids: Vec<u64> = settings.admins.iter().map(|id| id.get()).collect();
        assert_eq!(ids, [7, 42], "the deployment's cannot be removed");
    }

    #[test]
    fn what_no_setting_may_be_is_refused_by_field() {
        let none = SettingsOverride::default;
        let origins = |text: &str| SettingsOverride {
            allowed_origins: Some(vec!["https://a.example".to_owned(), text.to_owned()]),
            ..none()
        };
        let many = (0..21).map(|index| format!("https://a{index}.example")).collect();
        for (change, field) in [
            (origins("https://app.example/"), "allowed_origins[1]"),
            (origins(&format!("https://{}.example", "a".repeat(260))), "allowed_origins[1]"),
            (origins("https://a.example"), "allowed_origins[1]"),
            (origins("*"), "allowed_origins[1]"),
            (SettingsOverride { allowed_origins: Some(many), ..none() }, "allowed_origins"),
            (SettingsOverride { admins: Some(vec![0]), ..none() }, "admins[0]"),
            (SettingsOverride { admins: Some(vec![7, 7]), ..none() }, "admins[1]"),
            (SettingsOverride { admins: Some((1..=51).collect()), ..none() }, "admins"),
            (SettingsOverride { sessions_per_user: Some(0), ..none() }, "sessions_per_user"),
            (SettingsOverride { sessions_per_user: Some(51), ..none() }, "sessions_per_user"),
            (SettingsOverride { access_token_seconds: Some(29), ..none() }, "access_token_seconds"),
            (
                SettingsOverride { refresh_token_seconds: Some(299), ..none() },
                "refresh_token_seconds",
            ),
            (SettingsOverride { init_data_seconds: Some(604_801), ..none() }, "init_data_seconds"),
            (
                SettingsOverride {
                    access_token_seconds: Some(301),
                    refresh_token_seconds: Some(300),
                    ..none()
                },
                "refresh_token_seconds",
            ),
        ] {
            let refusal = with(change.clone()).unwrap_err();
            assert_eq!(refusal.field, field, "{change:?}: {refusal}");
        }
        let newer = SettingsOverrides { format: SETTINGS_FORMAT + 1, ..Default::default() };
        assert_eq!(deployed().with(&newer).unwrap_err().field, "format");
    }

    #[test]
    fn a_former_lifetime_counts_as_long_as_its_tokens_may_be_good() {
        let change = SettingsOverride { access_token_seconds: Some(60), ..Default::default() };
        let settings = with(change).unwrap();
        let at = |seconds: u64| {
            settings.longest_access_token(Timestamp::from_unix_millis(seconds * 1_000))
        };
        assert_eq!(at(1), Duration::from_secs(3_600));
        assert_eq!(at(7_201), Duration::from_secs(3_600));
        assert_eq!(at(7_202), Duration::from_secs(60));
        let now = Timestamp::from_unix_millis(0);
        assert_eq!(deployed().longest_access_token(now), Duration::from_secs(300));
    }

    #[test]
    fn origins_are_exact() {
        for good in ["https://app.example", "http://localhost:5173"] {
            assert!(origin(good).is_some(), "{good} was refused");
        }
        for bad in [
            "",
            "app.example",
            "https://app.example/",
            "https://*.example",
            "*",
            "null",
            "https://a@b.example",
            "https://App.example",
            "https://a.example?x",
        ] {
            assert!(origin(bad).is_none(), "{bad} was taken");
        }
    }
}
