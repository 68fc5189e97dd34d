//! Who is asking. A handler names what it needs in its signature:
//!
//! | extractor | credentials | limit | store calls |
//! |---|---|---|---|
//! | [`User`] | access token or init data | `api` | none |
//! | [`LiveUser`] | the same, and the session has not been revoked | `api` | one read |
//! | [`LiveAccount`] | the same, with the user's account | `api` | one read |
//! | [`FreshUser`] | the same, at most ten minutes old, with the account as the store has it | `api` | one read |
//! | [`Author`], [`Support`] | as for [`LiveUser`], and the user holds the role | `api` | one read |
//! | [`Admin`] | as for [`User`], and the user is an administrator | `admin` | none; of an administrator by a grant, one read |
//! | [`LiveAdmin`] | the same, and the session has not been revoked | `admin` | one read |
//!
//! The limit comes after the credentials, so that a forged one costs no call of the limiter
//! ([`crate::limits`]).
//!
//! The read is of [`minigate_service::accounts`]: the stamp of the user's tag, or the account where memory does not
//! have it. Revoking a session therefore takes effect within an access token's life on routes that
//! take a [`User`], and at once on the others. While DynamoDB does not answer, those of them that
//! change nothing use what was last known.
//!
//! A role that was granted is never believed without that read, whatever the route does, and no token
//! says it. So a withdrawal takes effect at once, and an expiry at its moment.

mod credentials;
mod fresh;
mod init_data;
mod role;
mod user;

pub use fresh::FreshUser;
pub use init_data::{TelegramUser, verify_init_data};
pub use role::{Admin, Author, LiveAdmin, Support};
pub use user::{LiveAccount, LiveUser, User, verify_refresh_token};
