//! Every key of every table, in one place.
//!
//! | table | item | partition key | sort key | personal data |
//! |---|---|---|---|---|
//! | `Main` | profile of a user | `USER#<user id>` | `ACCOUNT#PROFILE` | profile |
//! | `Main` | sessions of a user | `USER#<user id>` | `ACCOUNT#SESSIONS` | sessions |
//! | `Main` | tier that was given to a user | `USER#<user id>` | `ACCOUNT#TIER` | tier |
//! | `Main` | roles that were granted to a user | `USER#<user id>` | `ACCOUNT#ROLES` | roles |
//! | `Main` | an attempt of a user | `USER#<user id>` | `ATTEMPT#<attempt>` | attempts |
//! | `Main` | what a user has open, done and passed of a quiz | `USER#<user id>` | `STATE#<quiz>` | attempts |
//! | `Main` | an open attempt, by its deadline | `DUE#<shard>` | `<milliseconds>#<user id>#<attempt>` | attempts |
//! | `Main` | pointer to a certificate of a user | `USER#<user id>` | `CERT#<milliseconds>#<certificate id>` | certificates |
//! | `Main` | certificate | `CERT#<certificate id>` | `CERT` | certificates |
//! | `Main` | place of a certificate in a status list | `STATUS#<list>` | `TAKEN#<index>` | none |
//! | `Main` | revoked certificate of a status list | `STATUS#<list>` | `REVOKED#<index>` | none |
//! | `Main` | public keys that have signed certificates | `CERTKEYS` | `<key id>` | none |
//! | `Main` | a quiz without its content | `QUIZ#<quiz>` | `META` | none |
//! | `Main` | the draft of a quiz, with its answers | `QUIZ#<quiz>` | `DRAFT` | none |
//! | `Main` | a published version of a quiz, with its key | `QUIZ#<quiz>` | `V#<version, four digits>` | none |
//! | `Main` | a quiz in a list | `CATALOG#<topic or *>#<language or *>` | `<title in lower case>#<quiz>` | none |
//! | `Main` | standing of a user in a scope of leaderboards | `USER#<user id>` | `STANDING#<scope>` | leaderboards |
//! | `Main` | entry of a user on a leaderboard | `BOARD#<board>#P#<page>` | `<highest score less the score>#<milliseconds>#<user id>` | leaderboards |
//! | `Main` | moves that wait to be counted | `LANE#<scope>#<lane>` | `PEND#<version>#<cause>` | none |
//! | `Main` | counters of a leaderboard | `BOARD#<board>#C#<lane>` | `<level>#<prefix>` | none |
//! | `Main` | erasure that a user asked for | `USER#<user id>` | `ACCOUNT#ERASURE` | erasure |
//! | `Main` | when the erasure of a user is due | `ERASURES` | `<milliseconds>#<user id>` | erasure |
//! | `Main` | what was changed of the limits | `LIMITS` | `POLICIES` | none |
//! | `Main` | what was changed of the settings | `LIMITS` | `SETTINGS` | none |
//! | `Main` | who is an administrator by a grant | `LIMITS` | `ADMINS` | roles |
//! | `Main` | what instances last saw of the providers that they call | `PROVIDERS` | `PROVIDERS` | none |
//! | `Main` | that a quiz is a user's | `USER#<user id>` | `QUIZ#<quiz>` | quizzes |
//! | `Main` | a quiz without its content | `QUIZ#<quiz>` | `META` | none |
//! | `Main` | the draft of a quiz, with its answers | `QUIZ#<quiz>` | `DRAFT` | none |
//! | `Main` | a published version of a quiz, with its key | `QUIZ#<quiz>` | `V#<version, four digits>` | none |
//! | `Main` | a quiz in a list | `CATALOG#<topic or *>#<language or *>` | `<title in lower case>#<quiz>` | none |
//! | `Main` | effects outside DynamoDB, which the crate `minigate-outbox` owns | `OUTBOX#<lane>#<shard>`, `OUTBOX#<lane>#parked`, `OUTBOX#<lane>#unknown` | `<milliseconds>#<id>` | none |
//! | `Main` | marks of what was done, which the same crate owns | `ONCE#<worker>#<cause>` | `ONCE` | none |
//! | `Volatile` | requests that were named by an idempotency key | `IDEM#<user id>#<route>#<key>` | – | expires |
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
use minigate_domain::{
    AttemptId, CertificateId, NamedRequest, Timestamp, UserId,
    attempts::Attempt,
    certificates::{StatusList, StatusSlot},
    leaderboards::{Board, BoardScore, EntryPage, Lane, Node, Place, Scope, ScopeLane},
    quizzes::{QuizId, QuizList, Version},
};

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

/// The item with what instances last saw of the providers.
pub(crate) const PROVIDERS: MainKey<&str> = MainKey { partition: "PROVIDERS", sort: "PROVIDERS" };

/// The partition of the deployment's documents.
pub(crate) const DOCUMENTS: &str = "LIMITS";
/// The sort keys of the documents: what was changed of the limits and of the settings, and who is
/// an administrator by a grant.
pub(crate) const POLICIES: &str = "POLICIES";
pub(crate) const SETTINGS: &str = "SETTINGS";
pub(crate) const ADMINS: &str = "ADMINS";

/// The sort keys of a user's certificates, in the order of time until the year 2286.
pub(crate) const CERTIFICATES_PREFIX: &str = "CERT#";

/// The sort key of a certificate in the list of its holder.
pub(crate) fn certificate_pointer(issued_at: Timestamp, id: CertificateId) -> String {
    format!("{CERTIFICATES_PREFIX}{:013}#{id}", issued_at.unix_millis())
}

pub(crate) fn certificate(id: CertificateId) -> MainKey {
    MainKey { partition: format!("CERT#{id}"), sort: "CERT" }
}

/// The partition of a status list. What was revoked sorts before what is taken, so that a query finds all
/// of it first.
pub(crate) fn status_list(list: StatusList) -> String {
    format!("STATUS#{list}")
}

pub(crate) const REVOKED_PREFIX: &str = "REVOKED#";

pub(crate) fn taken(slot: StatusSlot) -> String {
    format!("TAKEN#{:06}", slot.index)
}

pub(crate) fn revoked(slot: StatusSlot) -> String {
    format!("{REVOKED_PREFIX}{:06}", slot.index)
}

/// The partition of the public keys that have signed certificates.
pub(crate) const CERTIFICATE_KEYS: &str = "CERTKEYS";

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

/// The sort keys of a quiz. These two are neighbours, and before all versions.
pub(crate) const QUIZ_DRAFT: &str = "DRAFT";
pub(crate) const QUIZ_META: &str = "META";

pub(crate) fn quiz(id: &QuizId) -> MainKey {
    MainKey { partition: format!("QUIZ#{id}"), sort: QUIZ_META }
}

/// What the sort keys of an author's quizzes begin with.
pub(crate) const AUTHORED_PREFIX: &str = "QUIZ#";

pub(crate) fn authored(author: UserId, id: &QuizId) -> HashMap<String, AttributeValue> {
    [(PARTITION_KEY, user(author)), (SORT_KEY, format!("{AUTHORED_PREFIX}{id}"))]
        .map(|(name, value)| (name.to_owned(), string(value)))
        .into()
}

pub(crate) fn quiz_draft(id: &QuizId) -> MainKey {
    MainKey { sort: QUIZ_DRAFT, ..quiz(id) }
}

pub(crate) fn quiz_version(id: &QuizId, version: Version) -> HashMap<String, AttributeValue> {
    let sort = format!("V#{:04}", version.get());
    [(PARTITION_KEY, quiz(id).partition), (SORT_KEY, sort)]
        .map(|(name, value)| (name.to_owned(), string(value)))
        .into()
}

/// The partition of a list of quizzes. No topic and no language is a `*`.
pub(crate) fn catalogue(QuizList { topic, language }: &QuizList) -> String {
    let topic = topic.as_ref().map_or("*", |topic| topic.as_str());
    let language = language.as_ref().map_or("*", |language| language.as_str());
    format!("CATALOG#{topic}#{language}")
}

/// The place of a quiz in a list: by its title, of which 60 characters count, so that the key stays below
/// the 1,024 bytes that DynamoDB allows.
pub(crate) fn catalogue_entry(title: &str, id: &QuizId) -> String {
    let title: String = title.chars().take(60).flat_map(char::to_lowercase).collect();
    let words: Vec<_> = title.split_whitespace().collect();
    format!("{}#{id}", words.join(" "))
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

/// The record in `Volatile` of a request that its client named. A key has no `#`.
pub(crate) fn named_request(request: &NamedRequest) -> String {
    let NamedRequest { user_id, route, key, .. } = request;
    format!("IDEM#{user_id}#{route}#{key}")
}

/// The sort keys of a user's attempts, in the order of time.
pub(crate) const ATTEMPT_PREFIX: &str = "ATTEMPT#";

pub(crate) fn attempt(user_id: UserId, id: AttemptId) -> HashMap<String, AttributeValue> {
    main_key(user(user_id), format!("{ATTEMPT_PREFIX}{id}"))
}

/// The sort keys of what a user has of quizzes.
pub(crate) const STATE_PREFIX: &str = "STATE#";

/// What a user has open, done and passed of a quiz.
pub(crate) fn quiz_state(user_id: UserId, quiz: &QuizId) -> HashMap<String, AttributeValue> {
    main_key(user(user_id), format!("{STATE_PREFIX}{quiz}"))
}

/// The partition of a shard of the open attempts.
pub(crate) fn due_shard(shard: u8) -> String {
    format!("DUE#{shard:x}")
}

/// The sort keys in such a partition begin with the deadline.
pub(crate) fn due_moment(deadline: Timestamp) -> String {
    format!("{:013}", deadline.unix_millis())
}

pub(crate) fn due(attempt: &Attempt) -> HashMap<String, AttributeValue> {
    due_entry(attempt.user_id, attempt.id, attempt.deadline)
}

/// The entry of an open attempt among the deadlines.
pub(crate) fn due_entry(
    user_id: UserId,
    id: AttemptId,
    deadline: Timestamp,
) -> HashMap<String, AttributeValue> {
    main_key(due_shard(id.shard()), format!("{}#{user_id}#{id}", due_moment(deadline)))
}

/// The key of an item in `Main` whose sort key is made.
pub(crate) fn main_key(partition: String, sort: String) -> HashMap<String, AttributeValue> {
    [(PARTITION_KEY, string(partition)), (SORT_KEY, string(sort))]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

/// The sort keys of a user's standings.
pub(crate) const STANDING_PREFIX: &str = "STANDING#";

pub(crate) fn standing(scope: &Scope) -> String {
    format!("{STANDING_PREFIX}{scope}")
}

/// The partition of a board's entries with scores of this page.
pub(crate) fn board_page(board: &Board, page: EntryPage) -> String {
    format!("BOARD#{board}#P#{:02}", page.get())
}

/// The sort key of an entry: the best first, of equal ones the earliest.
pub(crate) fn board_entry(user_id: UserId, place: Place) -> String {
    format!("{}{user_id}", board_place(place))
}

/// What the sort keys of all entries at a place begin with.
pub(crate) fn board_place(place: Place) -> String {
    let below_the_highest = BoardScore::MAX.get() - place.score.get();
    format!("{below_the_highest:08}#{:013}#", place.at.unix_millis())
}

/// The partition of the moves that wait in a lane.
pub(crate) fn lane(lane: &ScopeLane) -> String {
    format!("LANE#{}#{}", lane.scope, lane.lane.get())
}

/// The sort keys of moves that wait.
pub(crate) const PENDING_PREFIX: &str = "PEND#";

/// In the order of a user's changes.
pub(crate) fn pending(version: u64, cause: &str) -> String {
    format!("{PENDING_PREFIX}{version:013}#{cause}")
}

/// The partition of a board's counters that a lane adds to.
pub(crate) fn board_counters(board: &Board, lane: Lane) -> String {
    format!("BOARD#{board}#C#{}", lane.get())
}

pub(crate) fn board_node(node: Node) -> String {
    format!("{}#{:06x}", node.level, node.prefix)
}

/// The node of a sort key.
pub(crate) fn parse_board_node(sort: &str) -> Option<Node> {
    let (level, prefix) = sort.split_once('#')?;
    let prefix = u32::from_str_radix(prefix, 16).ok()?;
    Some(Node { level: level.parse().ok()?, prefix })
}
