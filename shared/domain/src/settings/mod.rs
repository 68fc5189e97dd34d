//! What an administrator may change of a deployment's settings while it runs.
//!
//! Only the shape of the change is known here. What a good setting is, the platform knows.

use serde::{Deserialize, Serialize};

/// The format of [`SettingsOverrides`] that this version writes, and the newest that it reads.
pub const SETTINGS_FORMAT: u32 = 1;

/// A change of the settings. What is absent stays as the deployment has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsOverride {
    /// The origins that a browser may call from, instead of the deployment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_origins: Option<Vec<String>>,
    /// Telegram user ids of administrators, in addition to the deployment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admins: Option<Vec<u64>>,
    /// How many sessions a user may have at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions_per_user: Option<u32>,
    /// The life of an access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token_seconds: Option<u32>,
    /// The life of a refresh token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token_seconds: Option<u32>,
    /// The age up to which init data is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_data_seconds: Option<u32>,
}

/// What administrators have changed of the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsOverrides {
    /// The change that is in force.
    pub change: SettingsOverride,
    /// How it was written: at most [`SETTINGS_FORMAT`], unless a newer version wrote it.
    pub format: u32,
    /// Grows with every change, the moment of which it is, in Unix milliseconds; 0 before the first.
    pub version: u64,
}
