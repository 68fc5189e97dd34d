//! The issuer, its key, and certificates that are signed when they are first read.

use minigate_credentials::{Issuer, PublicKey, SigningKey};
use minigate_domain::{CertificateId, certificates::Certificate};
use minigate_platform::{Platform, Problem};
use minigate_service::certificates::{CertificateKey, Certificates};
use minigate_store::{KeepSignature, StoreError, StoredCertificate};

use crate::badge::badge;

/// A certificate may be changed between its read and its signature: its holder names it. Nobody does that
/// so often.
const MAX_ATTEMPTS: u32 = 3;

/// The issuer of the deployment at `base`.
pub(crate) fn issuer(platform: &Platform, base: &str) -> Result<Issuer, Problem> {
    #[derive(Debug)]
    struct NoAddress;
    impl std::fmt::Display for NoAddress {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("the public URL is no address that a did:web can be made of")
        }
    }
    impl std::error::Error for NoAddress {}
    Issuer::at(base, &platform.config.issuer_name).ok_or_else(|| Problem::internal(NoAddress))
}

/// The key that signs, which is recorded as one that has.
pub(crate) async fn key(
    platform: &Platform,
    certificates: &Certificates,
) -> Result<SigningKey, Problem> {
    let key = SigningKey::from_seed(platform.certificate_key.seeds().await?.current.reveal());
    let public = key.public();
    certificates.record(public.thumbprint(), public.x()).await?;
    Ok(key)
}

/// The public keys that verify: the one that signs, which verifiers that look at one only find first, and
/// those that have signed.
pub(crate) async fn public_keys(
    platform: &Platform,
    recorded: &[CertificateKey],
) -> Vec<PublicKey> {
    let recorded = recorded.iter().filter_map(|key| PublicKey::from_x(&key.x));
    // Without the secret, what was signed before is verified all the same; its failure is logged.
    let Ok(seeds) = platform.certificate_key.seeds().await else { return recorded.collect() };
    let current = SigningKey::from_seed(seeds.current.reveal()).public();
    let before = recorded.filter(|key| *key != current);
    std::iter::once(current).chain(before).collect()
}

/// A certificate and what was signed of it, which is nothing of a revoked one; `None` if there is no such
/// certificate. One read; the first time, one write more.
pub(crate) async fn signed(
    platform: &Platform,
    certificates: &Certificates,
    base: &str,
    id: CertificateId,
) -> Result<Option<(Certificate, String)>, Problem> {
    for _ in 0..MAX_ATTEMPTS {
        let Some(StoredCertificate { certificate, jws }) = platform.store.certificate(id).await?
        else {
            return Ok(None);
        };
        if certificate.revoked.is_some() {
            return Ok(Some((certificate, String::new())));
        }
        if let Some(jws) = jws {
            return Ok(Some((certificate, jws)));
        }
        let (issuer, key) = (issuer(platform, base)?, key(platform, certificates).await?);
        let now = platform.now().unix_seconds();
        let jws = badge(&certificate, base).sign(&issuer, &key, now).jwt;
        match platform.store.keep_signature(id, certificate.revision, &jws).await? {
            KeepSignature::Kept(jws) => return Ok(Some((certificate, jws))),
            KeepSignature::Changed => {}
        }
    }
    Err(StoreError::Contended { operation: "sign", attempts: MAX_ATTEMPTS }.into())
}
