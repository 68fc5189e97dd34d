//! Every key of every table, in one place.
//!
//! | table | item | partition key | sort key | personal data |
//! |---|---|---|---|---|
//! | `Main` | profile of a user | `USER#<user id>` | `ACCOUNT#PROFILE` | profile |
//! | `Main` | sessions of a user | `USER#<user id>` | `ACCOUNT#SESSIONS` | sessions |
//! | `Main` | tier that was given to a user | `USER#<user id>` | `ACCOUNT#TIER` | tier |
//! | `Main` | roles that were granted to a user | `USER#<user id>` | `ACCOUNT#ROLES` | roles |
//! | `Main` | erasure that a user asked for | `USER#<user id>` | `ACCOUNT#ERASURE` | erasure |
//! | `Main` | when the erasure of a user is due | `ERASURES` | `<milliseconds>#<user id>` | erasure |
//! | `Main` | what was changed of the limits | `LIMITS` | `POLICIES` | none |
//! | `Main` | what was changed of the settings | `LIMITS` | `SETTINGS` | none |
//! | `Main` | who is an administrator by a grant | `LIMITS` | `ADMINS` | roles |
//! | `Main` | effects outside DynamoDB, which the crate `minigate-outbox` owns | `OUTBOX#<lane>#<shard>`, `OUTBOX#<lane>#parked`, `OUTBOX#<lane>#unknown` | `<milliseconds>#<id>` | none |
//! | `Main` | marks of what was done, which the same crate owns | `ONCE#<worker>#<cause>` | `ONCE` | none |
//! | `Volatile` | init data used up (one-time use) | `REPLAY#<hash>` | – | expires |
//! | `Volatile` | state of the rate limits, which the crate `minigate-limiter` owns | `LIMIT#<n>#<user, address or API key>` | – | expires |
//! | `Volatile` | stamps of invalidated tags, which the crate `minigate-cache` owns | `CACHE#tag#<tag>`, `CACHE#ns#<namespace>` | – | expires |
//! | `Volatile` | what the caches did for a namespace | `COUNTS#<namespace>` | – | none |
//! | `Audit` | what an administrator did | `SYSTEM` | `<milliseconds>#<random>` | kept |
//!
//! The last column names the noun that exports and erases the item (`personal.rs`). `expires`: DynamoDB deletes it
//! by itself. `kept`: the trail is evidence, of what administrators did and to whom.
//!
//! The items of an account share a prefix, so that one query reads them. So do the documents of the
//! deployment, in the partition that was first that of the limits alone.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use minigate_domain::{Timestamp, UserId};

use crate::call::string;

/// The names of the tables of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// Users, sessions and everything else that must not be lost.
    pub main: String,
    /// What may be lost at the cost of some work: replay guards, caches, limits.
    pub volatile: String,
    /// Who did what; append-only.
    pub audit: String,
}

impl Tables {
    /// The name of each table, by its logical id in `template.yaml`.
    pub fn by_logical_id(&self) -> [(&'static str, &str); 3] {
        [("Main", &self.main), ("Volatile", &self.volatile), ("Audit", &self.audit)]
    }
}

pub(crate) const PARTITION_KEY: &str = "PK";
pub(crate) const SORT_KEY: &str = "SK";
/// The attribute with the time, in Unix seconds, after which DynamoDB deletes an item.
pub(crate) const TIME_TO_LIVE: &str = "ttl";

/// The sort keys of a user's account.
pub(crate) const ACCOUNT_PREFIX: &str = "ACCOUNT#";
pub(crate) const PROFILE: &str = "ACCOUNT#PROFILE";
pub(crate) const SESSIONS: &str = "ACCOUNT#SESSIONS";
pub(crate) const TIER: &str = "ACCOUNT#TIER";
pub(crate) const ROLES: &str = "ACCOUNT#ROLES";
pub(crate) const ERASURE: &str = "ACCOUNT#ERASURE";

/// The key of an item in `Main`.
pub(crate) struct MainKey<P = String, S = &'static str> {
    pub(crate) partition: P,
    pub(crate) sort: S,
}

/// The key that [`crate::Store::probe`] asks for; no item has it.
pub(crate) const PROBE: MainKey<&str> = MainKey { partition: "PROBE", sort: "PROBE" };

/// The partition of the deployment's documents.
pub(crate) const DOCUMENTS: &str = "LIMITS";
/// The sort keys of the documents: what was changed of the limits and of the settings, and who is
/// an administrator by a grant.
pub(crate) const POLICIES: &str = "POLICIES";
pub(crate) const SETTINGS: &str = "SETTINGS";
pub(crate) const ADMINS: &str = "ADMINS";

/// The partition of `Audit` with what administrators did.
pub(crate) const AUDIT_TRAIL: &str = "SYSTEM";

/// The sort key of an entry: in the order of time until the year 2286.
pub(crate) fn audit_entry(at: Timestamp, id: u64) -> String {
    format!("{:013}#{id:016x}", at.unix_millis())
}

impl<P: Into<String>, S: Into<String>> MainKey<P, S> {
    pub(crate) fn into_attributes(self) -> HashMap<String, AttributeValue> {
        [(PARTITION_KEY, string(self.partition)), (SORT_KEY, string(self.sort))]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }
}

/// The partition of everything that belongs to one user.
pub(crate) fn user(user_id: UserId) -> String {
    format!("USER#{user_id}")
}

pub(crate) fn profile(user_id: UserId) -> MainKey {
    MainKey { partition: user(user_id), sort: PROFILE }
}

pub(crate) fn sessions(user_id: UserId) -> MainKey {
    MainKey { partition: user(user_id), sort: SESSIONS }
}

pub(crate) fn tier(user_id: UserId) -> MainKey {
    MainKey { partition: user(user_id), sort: TIER }
}

pub(crate) fn roles(user_id: UserId) -> MainKey {
    MainKey { partition: user(user_id), sort: ROLES }
}

pub(crate) fn erasure(user_id: UserId) -> MainKey {
    MainKey { partition: user(user_id), sort: ERASURE }
}

/// The partition with the erasures that are due, in the order of time. One for all: a thousand users a
/// second would have to ask for an erasure before it is too hot.
pub(crate) const ERASURES: &str = "ERASURES";

/// When the erasure of a user is due.
pub(crate) fn due_erasure(due_at: Timestamp, user_id: UserId) -> MainKey<&'static str, String> {
    MainKey { partition: ERASURES, sort: format!("{}#{user_id}", before_due(due_at)) }
}

/// What is before every sort key of an erasure that is due at this moment, and after all of those
/// that are due before.
pub(crate) fn before_due(moment: Timestamp) -> String {
    format!("{:013}", moment.unix_millis())
}

pub(crate) fn document(sort: &'static str) -> MainKey<&'static str> {
    MainKey { partition: DOCUMENTS, sort }
}

/// The item in `Volatile` with what the caches of all instances did for a namespace.
pub(crate) fn cache_counts(namespace: &str) -> String {
    format!("COUNTS#{namespace}")
}

/// The guard in `Volatile` of init data that was exchanged for a session.
pub(crate) fn replay_guard(hash: &str) -> String {
    format!("REPLAY#{hash}")
}
