//! The extractor for what must not be done with credentials that have lain about.

use std::time::Duration;

use axum::{extract::FromRequestParts, http::request::Parts};
use minigate_store::Account;

use super::User;
use crate::{Code, Platform, Problem};

/// How old the proof may be. A Mini App that asks for this opens anew or opens a session before, which
/// it can at any time.
const FRESH: Duration = Duration::from_secs(10 * 60);

/// A user who has shown within the last ten minutes who they are, by init data of that age or by a
/// session that was opened since, and who has had a session. Refreshing one does not count: a thief of a
/// refresh token can do that for months.
#[derive(Clone, Debug)]
pub struct FreshUser {
    /// Who is asking.
    pub user: User,
    /// Their account, as the store has it now.
    pub account: Account,
}

impl FromRequestParts<Platform> for FreshUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, platform: &Platform) -> Result<Self, Problem> {
        let user = User::from_request_parts(parts, platform).await?;
        let account = platform.accounts.read(user.id).await?;
        let session = |id| account.sessions.by_id.get(&id).map(|session| session.opened_at);
        let proven_at = match user.session_id {
            Some(id) => Some(session(id).ok_or_else(|| Problem::new(Code::SESSION_REVOKED))?),
            None => user.signed_at,
        };
        let is_fresh = proven_at.is_some_and(|at| platform.now().since(at) <= FRESH);
        if is_fresh { Ok(Self { user, account }) } else { Err(stale()) }
    }
}

fn stale() -> Problem {
    Problem::new(Code::CREDENTIALS_NOT_FRESH)
        .detail("Open a new session with fresh init data, and repeat the request with it.")
        .field("authorization", "must be at most ten minutes old")
}
