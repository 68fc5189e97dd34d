//! Who is asking. A handler names what it needs in its signature:
//!
//! | extractor | credentials | store calls |
//! |---|---|---|
//! | [`User`] | access token or init data | none |
//! | [`LiveUser`] | the same, and the session has not been revoked | one read |
//! | [`Admin`] | as for [`User`], and the user is an administrator | none |
//!
//! Revoking a session therefore takes effect within an access token's life on routes that take a
//! [`User`], and at once on the others.

mod credentials;
mod init_data;
mod user;

pub use init_data::{TelegramUser, verify_init_data};
pub use user::{Admin, LiveUser, User, verify_refresh_token};
