//! Whom a client trusts.

use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Whose certificates a client accepts.
#[derive(Clone, Copy, Debug, Default)]
pub enum Trust {
    /// Those of the system's authorities, as the AWS clients do that are not pinned to Amazon's;
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` name others. They are read once, at the first connection,
    /// in some milliseconds. A provider may change its authority without telling, so this is the
    /// default.
    #[default]
    System,
    /// Those of these authorities alone, in PEM.
    Only(&'static str),
}

/// The TLS configuration, made at the first connection: its cache of sessions makes a later handshake
/// shorter.
pub(super) struct Tls {
    trust: Trust,
    config: OnceLock<Option<Arc<ClientConfig>>>,
}

impl Tls {
    pub(super) const fn new(trust: Trust) -> Self {
        Self { trust, config: OnceLock::new() }
    }

    /// `None` if there is none to be had, which no build of ours has a reason for.
    pub(super) fn config(&self) -> Option<Arc<ClientConfig>> {
        self.config.get_or_init(|| config(self.trust)).clone()
    }
}

fn config(trust: Trust) -> Option<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    // A certificate that does not parse is left out: without its authority, handshakes fail.
    match trust {
        Trust::System => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Trust::Only(pem) => {
            let certificates = CertificateDer::pem_slice_iter(pem.as_bytes());
            roots.add_parsable_certificates(certificates.filter_map(Result::ok));
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(Arc::new(config))
}
