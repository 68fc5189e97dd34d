//! The extractors for roles: one function decides for all of them.

use std::time::Duration;

use axum::{extract::FromRequestParts, http::request::Parts};
use minigate_domain::Role;

use super::user::{User, authenticate, charge, check_session, live_account};
use crate::{
    Code, Platform, Problem,
    limits::{ADMIN, API},
};

macro_rules! extractors {
    ($($(#[$doc:meta])+ $name:ident: $role:ident, $check:ident;)+) => {
        $(
            $(#[$doc])+
            #[derive(Clone, Copy, Debug)]
            pub struct $name(pub User);

            impl FromRequestParts<Platform> for $name {
                type Rejection = Problem;

                async fn from_request_parts(
                    parts: &mut Parts,
                    platform: &Platform,
                ) -> Result<Self, Problem> {
                    require(Role::$role, Check::$check, parts, platform).await.map(Self)
                }
            }
        )+
    };
}

extractors! {
    /// A user who may do what an author may.
    Author: Author, Session;
    /// A user who may do what the support may.
    Support: Support, Session;
    /// A user who is an administrator. Of those whom the deployment or the settings name, it asks no
    /// store, so that they can look at a deployment whose store is down; what changes something takes
    /// a [`LiveAdmin`].
    Admin: Admin, RoleOnly;
    /// An [`Admin`] whose session has not been revoked.
    LiveAdmin: Admin, Session;
}

/// What is checked of those whom the deployment or the settings name as administrators. Of everybody
/// else, the account says the role, and so whether the session has been revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    RoleOnly,
    Session,
}

/// The user who is asking, if they hold the role at this moment. A role is never granted by a token, nor
/// by an account that could not be checked: what was withdrawn ends at once, on every instance.
async fn require(
    role: Role,
    check: Check,
    parts: &Parts,
    platform: &Platform,
) -> Result<User, Problem> {
    let user = authenticate(parts, platform).await?;
    let limit = if role == Role::Admin { &ADMIN } else { &API };
    // Before the account is read, so that who has no role causes no more reads than the limit lets.
    charge(limit, &user, parts, platform).await?;
    if platform.settings().admins.contains(&user.id) {
        if check == Check::Session {
            check_session(&user, parts, platform).await?;
        }
        return Ok(user);
    }
    let account = live_account(&user, false, platform).await?;
    let now = platform.now();
    if account.is_some_and(|account| account.roles.allow(role, now)) {
        return Ok(user);
    }
    Err(if platform.live.may_have_more_admins() {
        Problem::new(Code::STORE_UNAVAILABLE).retry_after(Duration::from_secs(1))
    } else if role == Role::Admin {
        Problem::new(Code::ADMIN_REQUIRED)
    } else {
        Problem::new(Code::ROLE_REQUIRED)
            .detail(format!("Only users with the role `{role}` may do this."))
    })
}
