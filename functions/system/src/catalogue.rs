//! The limits and the namespaces of the cache of all functions, for administrators: this function links
//! none of the others.
//!
//! `cargo xtask generate` writes it from the constants of the functions; a test fails while it is out
//! of date.

use minigate_domain::WithoutStore;
use minigate_platform::limits::{Floor, Limit};

/// The limits of all functions.
#[rustfmt::skip]
pub const LIMITS: &[Limit] = &[
    Limit::per_user("attempt-start", 10, 60)
        .multiples([1, 2, 5, 20]),
    Limit::per_address("verify-certificate", 60, 60),
    Limit::per_user("name-certificate", 20, 3600),
    Limit::per_user("login", 5, 60)
        .without_store(WithoutStore::Closed)
        .floor(Floor { burst: 1, seconds_per_unit: 3600, without_store: None }),
    Limit::per_address("login-address", 20, 60)
        .without_store(WithoutStore::Closed)
        .floor(Floor { burst: 1, seconds_per_unit: 3600, without_store: None }),
    Limit::per_session("refresh", 30, 60)
        .floor(Floor { burst: 1, seconds_per_unit: 3600, without_store: None }),
    Limit::per_api_key("verify", 6000, 60)
        .max_weight(100),
];

/// The namespaces of the cache, of the platform and of all functions.
#[rustfmt::skip]
pub const NAMESPACES: &[&str] = &["account", "policies", "catalogue", "census", "certificate-keys", "certificate-lists", "leaderboards", "quiz-versions", "quizzes"];
