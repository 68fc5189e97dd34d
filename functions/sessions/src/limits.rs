//! The limits of sessions.

use minigate_domain::WithoutStore;
use minigate_platform::limits::{Floor, Limit};

/// Sessions that a user opens. A Mini App opens one when it starts.
pub const LOGIN: Limit = Limit::per_user("login", 5, 60)
    .without_store(WithoutStore::Closed)
    .floor(Floor::A_UNIT_AN_HOUR);

/// Sessions opened from one address, whoever the users are.
pub const LOGIN_ADDRESS: Limit = Limit::per_address("login-address", 20, 60)
    .without_store(WithoutStore::Closed)
    .floor(Floor::A_UNIT_AN_HOUR);

/// Tokens that a session is refreshed with, which needs one in five minutes. Not of the user, whose
/// other sessions would pay for whoever replays the token of one that has ended.
pub const REFRESH: Limit = Limit::per_session("refresh", 30, 60).floor(Floor::A_UNIT_AN_HOUR);

/// All of them.
pub const LIMITS: &[Limit] = &[LOGIN, LOGIN_ADDRESS, REFRESH];
