//! Certificates: what everybody reads of them, from memory, and their revocation.
//!
//! | namespace | what | fresh | loads |
//! |---|---|---|---|
//! | `certificate-keys` | the public keys that have signed certificates | 15 s | 1 query |
//! | `certificate-lists` | the revoked certificates of a status list | 30 s | 1 query for each 500 of them, and 1 |
//!
//! Both are in memory only, and no stamp is read: each instance reads them by itself. A certificate is not in
//! memory: reading it is one call, which shows a revocation at once.
//!
//! A key is recorded before it signs ([`Certificates::record`]), and nobody deletes the record: what a key has
//! signed is verified long after it was rotated. Whoever can write the table can add a key; but they could also
//! write a certificate, which would be signed when it is read.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use minigate_cache::{
    BuildError, Cached, Levels, LoadError, MAX_TAG_WINDOW, NameError, Namespace, NamespaceBuilder,
};
use minigate_domain::{
    AuditEntry, CertificateId, Clock, Entropy, UserId,
    certificates::{Revocation, StatusList},
};
pub use minigate_store::{CertificateKey, RevokeCertificate};
use minigate_store::{Store, StoreError};

use crate::{Context, Service};

/// The namespaces of the cache.
pub const NAMESPACES: [&str; 2] = [KEYS, LISTS];
const KEYS: &str = "certificate-keys";
const LISTS: &str = "certificate-lists";

/// A key signs as soon as an instance has recorded it, and whoever verifies looks for it then.
const KEYS_FRESH: Duration = Duration::from_secs(15);
const LISTS_FRESH: Duration = Duration::from_secs(30);
const MINUTE: Duration = Duration::from_secs(60);

/// There is one list of keys.
const ALL: &str = "all";

/// The certificates. Clones share them.
#[derive(Clone)]
pub struct Certificates(Arc<Inner>);

struct Inner {
    keys: Namespace<Vec<CertificateKey>>,
    lists: Namespace<Vec<u32>>,
    /// The ids of the keys that this process knows to be recorded.
    recorded: Mutex<HashSet<String>>,
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Service for Certificates {
    fn new(context: &Context) -> Result<Self, BuildError> {
        let Context { cache, store, clock, entropy, .. } = context.clone();
        Ok(Self(Arc::new(Inner {
            keys: unasked(cache.namespace(KEYS, KEYS_FRESH)).build()?,
            lists: unasked(cache.namespace(LISTS, LISTS_FRESH)).build()?,
            recorded: Mutex::default(),
            store,
            clock,
            entropy,
        })))
    }
}

/// For what every instance reads itself after seconds: entries are always younger than the window in which
/// stamps are believed, so none is read.
fn unasked(namespace: NamespaceBuilder) -> NamespaceBuilder {
    let namespace = namespace.levels(Levels::Memory).jitter(0.0).tag_window(MAX_TAG_WINDOW);
    namespace.grace(MAX_TAG_WINDOW - MINUTE)
}

impl Certificates {
    /// The public keys that have signed certificates, read 15 seconds ago at most. 0 calls when warm.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keys(&self) -> BoxFuture<'_, Result<Cached<Vec<CertificateKey>>, StoreError>> {
        // As a trait object: the compiler has a limit on how deep futures may be nested.
        Box::pin(async move {
            let store = self.0.store.clone();
            let load = move || async move { store.certificate_keys().await };
            self.0.keys.at(ALL).map_err(unnamed)?.get_or_load(load).await.map_err(not_loaded)
        })
    }

    /// The same, read now: for a key that is not among those in memory. 1 call.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn newest_keys(&self) -> Result<Cached<Vec<CertificateKey>>, StoreError> {
        self.0.keys.at(ALL).map_err(unnamed)?.remove().await;
        self.keys().await
    }

    /// Records a public key before it signs: one write, the first time in a process.
    ///
    /// # Errors
    /// [`StoreError`]: it must not sign.
    pub async fn record(&self, id: String, x: String) -> Result<(), StoreError> {
        let recorded = || self.0.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        if recorded().contains(&id) {
            return Ok(());
        }
        let key = CertificateKey { id, x, recorded_at: self.0.clock.now() };
        self.0.store.record_certificate_key(&key).await?;
        self.0.keys.at(ALL).map_err(unnamed)?.remove().await;
        recorded().insert(key.id);
        Ok(())
    }

    /// The places of the revoked certificates of a list; `None` if there is no such list, which is not
    /// remembered. 0 calls when warm.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn revoked_in(
        &self,
        list: StatusList,
    ) -> BoxFuture<'_, Result<Option<Cached<Vec<u32>>>, StoreError>> {
        Box::pin(async move {
            if !list.has_begun(self.0.clock.now()) {
                return Ok(None);
            }
            let key = list.to_string();
            let store = self.0.store.clone();
            let load = move || async move { store.revoked_in(list).await };
            self.0.lists.at(&key).map_err(unnamed)?.get_or_find(load).await.map_err(not_loaded)
        })
    }

    /// Revokes a certificate and records who did it: one read and one transaction. The certificate and, in
    /// this instance, its status list say so at once; other instances have read the list within 30 seconds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke(
        &self,
        id: CertificateId,
        reason: String,
        admin: UserId,
    ) -> Result<RevokeCertificate, StoreError> {
        let at = self.0.clock.now();
        let subject = format!("certificate/{id}");
        let entry = AuditEntry::new(&*self.0.entropy, at, admin, "certificate.revoked", subject);
        let entry = entry.change(None, Some(format!("{reason:?}")));
        let revocation = Revocation { at, reason };
        let outcome = self.0.store.revoke_certificate(id, revocation, &entry).await?;
        if let RevokeCertificate::Revoked(certificate) = &outcome {
            let list = certificate.slot.list.to_string();
            self.0.lists.at(&list).map_err(unnamed)?.remove().await;
        }
        Ok(outcome)
    }
}

fn unnamed(error: NameError) -> StoreError {
    broken("name a certificate", error)
}

/// A load that failed, as the store said it.
fn not_loaded(error: LoadError) -> StoreError {
    const OPERATION: &str = "load of certificates";
    let found = error.downcast_ref();
    if matches!(found, Some(StoreError::Refused { .. } | StoreError::Corrupt { .. })) {
        return broken(OPERATION, error);
    }
    let reason = "the cache has no answer".to_owned();
    StoreError::Unavailable { operation: OPERATION, reason, source: error.into() }
}

fn broken(
    operation: &'static str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> StoreError {
    StoreError::Refused { operation, reason: "a fault of ours".to_owned(), source: error.into() }
}
