//! Who is asking. A handler names what it needs in its signature:
//!
//! | extractor | credentials | limit | store calls |
//! |---|---|---|---|
//! | [`User`] | access token or init data | `api` | none |
//! | [`LiveUser`] | the same, and the session has not been revoked | `api` | one read |
//! | [`LiveAccount`] | the same, with the user's account | `api` | one read |
//! | [`Admin`] | as for [`User`], and the user is an administrator | `admin` | none |
//! | [`LiveAdmin`] | the same, and the session has not been revoked | `admin` | one read |
//!
//! The limit comes after the credentials, so that a forged one costs no call of the limiter
//! ([`crate::limits`]).
//!
//! The read is of [`minigate_service::accounts`]: the stamp of the user's tag, or the account where memory does not
//! have it. Revoking a session therefore takes effect within an access token's life on routes that
//! take a [`User`], and at once on the others. While DynamoDB does not answer, those of them that
//! change nothing use what was last known.

mod credentials;
mod init_data;
mod user;

pub use init_data::{TelegramUser, verify_init_data};
pub use user::{Admin, LiveAccount, LiveAdmin, LiveUser, User, verify_refresh_token};
