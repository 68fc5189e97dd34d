//! The keys that are published for whoever verifies tokens offline, rendered once in fifteen seconds.
//!
//! They are kept where no other instance can put anything, so no table becomes a root of trust, and
//! they are there while DynamoDB is down. Who publishes them needs no permission for it.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use minigate_cache::{Cached, Entry, LoadError, Namespace};
use minigate_domain::Clock;

use crate::{
    Code, Problem,
    public::Document,
    secrets::{SecretError, SigningSecret},
};

/// How old the published keys may be. A new key signs as soon as some instance has fetched it, and
/// whoever verifies offline looks here for a key that it does not know.
pub(super) const KEYS_AT_MOST: Duration = Duration::from_secs(15);

/// There is one document.
const KEY: &str = "jwks";

/// The published keys. Clones share them.
#[derive(Clone)]
pub struct PublishedKeys {
    namespace: Namespace<Document>,
    signing: SigningSecret,
    clock: Arc<dyn Clock>,
}

impl PublishedKeys {
    pub(super) fn new(
        namespace: Namespace<Document>,
        signing: SigningSecret,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { namespace, signing, clock }
    }

    /// The JWK set, fetched 15 seconds ago at most; the last good one if it cannot be fetched.
    ///
    /// # Errors
    /// [`Code::SECRETS_UNAVAILABLE`] if there has never been a good one, or [`Code::INTERNAL_ERROR`] if
    /// the function does not declare that it needs the signing key.
    pub fn get(&self) -> BoxFuture<'_, Result<Cached<Document>, Problem>> {
        // As a trait object: the compiler has a limit on how deep futures may be nested.
        Box::pin(async move {
            let keys = self.clone();
            let lookup = self.namespace.at(KEY).map_err(Problem::internal)?;
            lookup.get_or_load(move || keys.render()).await.map_err(unavailable)
        })
    }

    async fn render(self) -> Result<Entry<Document>, SecretError> {
        let began = self.clock.now();
        let keys = self.signing.keys_within(KEYS_AT_MOST).await?;
        // The time that the keys have had counts too. None is left while they cannot be fetched.
        let age = began.since(keys.fetched_at());
        let entry = Entry::new(Document::new(keys.jwks().to_string()));
        Ok(entry.ttl(KEYS_AT_MOST.saturating_sub(age)))
    }
}

fn unavailable(error: LoadError) -> Problem {
    match error.downcast_ref::<SecretError>() {
        Some(error) => error.clone().into(),
        None => Problem::new(Code::SECRETS_UNAVAILABLE)
            .retry_after(Duration::from_secs(1))
            .caused_by(error),
    }
}
