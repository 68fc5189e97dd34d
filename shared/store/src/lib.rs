//! The items of minigate in DynamoDB: typed keys, and a folder for each noun.
//!
//! Only this crate builds DynamoDB requests for the product's data. Every write is one atomic call, and
//! nearly every one has a condition (docs/architecture.md names the others), so a call that fails half
//! way leaves nothing behind; and every write that may be repeated recognises its own earlier attempt, so
//! the SDK may retry it after a lost answer. [`AccountStore::revoke_session`] and
//! [`AccountStore::revoke_all_sessions`] cannot, and switch the retry off.
//!
//! What belongs to an account is read and changed by an [`AccountStore`], which only the service of
//! accounts has: it invalidates the account on other instances.

mod accounts;
pub mod attempts;
mod audit;
mod backoff;
mod cache;
mod call;
mod certificates;
mod documents;
mod error;
mod idempotency;
mod keys;
pub mod leaderboards;
mod limits;
pub mod personal;
mod profile;
mod providers;
mod quizzes;
mod sessions;
mod settings;
#[cfg(test)]
mod simulated;

use aws_sdk_dynamodb::Client;

pub use accounts::{
    Account, DueErasure, OneTimeUse, OpenOutcome, OpenSession, OpenedSession,
    RequestErasureOutcome, RoleOutcome, TakeBackOutcome,
};
pub use cache::{CacheCounts, CountedCache};
pub use certificates::{
    CertificateCursor, CertificateKey, CertificatePage, InvalidCursor, KeepSignature, NameOutcome,
    RevokeCertificate, StoredCertificate, certificate_items, found_taken,
};
pub use documents::{ChangeDocument, Documents};
pub use error::StoreError;
pub use keys::Tables;
pub use profile::ChangeOutcome;
pub use providers::ProviderReport;
pub use quizzes::{
    ArchiveOutcome, CataloguePage, KeyedVersion, KnownDraft, PublishOutcome, PublishedVersion,
    PutDraft, PutDraftOutcome, QuizChange, StoredDraft,
};
pub use sessions::RevokeOutcome;

/// The product's data. Cloning is cheap: clones share one client and its connections.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    tables: Tables,
}

/// The accounts: profiles, sessions, tiers, roles and erasures. For `minigate-service` only, as `xtask` checks: a write
/// from elsewhere would leave other instances with the former account.
#[derive(Clone, Debug)]
pub struct AccountStore {
    client: Client,
    tables: Tables,
}

impl Store {
    /// A store on these tables. Makes no call.
    pub fn new(client: Client, tables: Tables) -> Self {
        Self { client, tables }
    }

    /// The accounts, for the service that owns them.
    pub fn accounts(&self) -> AccountStore {
        AccountStore { client: self.client.clone(), tables: self.tables.clone() }
    }
}
