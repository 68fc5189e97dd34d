//! TLS before the embedded AWS, as it is before AWS.
//!
//! The certificates are a root, an intermediate and a server's, as AWS's are, with keys on the curve
//! P-256. Many of AWS's have RSA keys, whose signatures are checked in less time.

use std::{fs, io, net::SocketAddr, path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// It has to be resolved, as AWS's names have to.
const NAME: &str = "localhost";

/// A port that speaks TLS and leads to a port that does not. Dropping it closes it.
pub(crate) struct TlsFront {
    port: u16,
    /// The file with the root, for `SSL_CERT_FILE`.
    pub(crate) root: PathBuf,
    task: JoinHandle<()>,
}

impl TlsFront {
    /// Before this address. The functions trust the `others`, in PEM, besides.
    pub(crate) async fn start(upstream: SocketAddr, others: &str) -> Result<Self, String> {
        let (root_pem, config) = certified().map_err(|error| error.to_string())?;
        let root_pem = root_pem + others;
        let root = std::env::temp_dir().join(format!("minigate-bench-{}.pem", std::process::id()));
        fs::write(&root, root_pem).map_err(|error| format!("{}: {error}", root.display()))?;
        Self::listen(upstream, root, config).await.map_err(|error| error.to_string())
    }

    async fn listen(upstream: SocketAddr, root: PathBuf, config: ServerConfig) -> io::Result<Self> {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(acceptor.clone(), client, upstream));
            }
        });
        Ok(Self { port, root, task })
    }

    /// The URL for `AWS_ENDPOINT_URL`.
    pub(crate) fn endpoint_url(&self) -> String {
        format!("https://{NAME}:{}", self.port)
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.task.abort();
        let _ = fs::remove_file(&self.root);
    }
}

/// An error is the client's end: each measured process is killed.
async fn carry(acceptor: TlsAcceptor, client: TcpStream, upstream: SocketAddr) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut client = acceptor.accept(client).await?;
    let mut server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// A new root, and a server's side of TLS that it vouches for.
fn certified() -> Result<(String, ServerConfig), Box<dyn std::error::Error>> {
    let (root_parameters, root_key) = (authority("root")?, KeyPair::generate()?);
    let root = root_parameters.self_signed(&root_key)?;
    let root_issuer = Issuer::new(root_parameters, root_key);
    let (parameters, key) = (authority("intermediate")?, KeyPair::generate()?);
    let intermediate = parameters.signed_by(&key, &root_issuer)?;
    let issuer = Issuer::new(parameters, key);
    let server_key = KeyPair::generate()?;
    let server = CertificateParams::new([NAME.to_owned()])?.signed_by(&server_key, &issuer)?;

    let chain = vec![server.der().clone(), intermediate.der().clone()];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok((root.pem(), config))
}

fn authority(name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::new([])?;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    Ok(parameters)
}
