//! The rules of the product: pure types and functions.
//!
//! This crate performs no I/O and reads no clock and no random source of its own: both come in
//! through [`Clock`] and [`Entropy`]. It knows neither HTTP nor DynamoDB nor AWS, so every rule in
//! it is tested by calling it.

mod accounts;
pub mod attempts;
mod audit;
pub mod certificates;
mod entropy;
mod idempotency;
mod identity;
pub mod leaderboards;
mod limits;
mod profile;
pub mod quizzes;
mod sessions;
mod settings;
mod time;

pub use accounts::{
    ERASURE_GRACE, Erasure, Grant, GrantedAdmin, GrantedAdmins, InvalidRole, InvalidTier,
    MAX_ERASURE_GRACE, MAX_GRANTED_ADMINS, MIN_ERASURE_GRACE, Role, RoleChange, RoleRefusal, Roles,
    Tier,
};
pub use audit::AuditEntry;
pub use entropy::Entropy;
pub use idempotency::{IdempotencyKey, InvalidIdempotencyKey, NamedRequest, Repetition};
pub use identity::{AttemptId, BotId, CertificateId, InvalidId, SessionId, SubjectId, UserId};
pub use limits::{LimitChange, LimitChanges, LimitMode, WithoutStore};
pub use profile::{
    DisplayName, InvalidField, Language, LeaderboardName, Notifications, Profile, ProfileChange,
};
pub use sessions::{
    Opening, Origin, RefreshOutcome, Rotated, Rotation, Session, Sessions, explain_failed_rotation,
};
pub use settings::{SETTINGS_FORMAT, SettingsOverride, SettingsOverrides};
pub use time::{Clock, Timestamp};
