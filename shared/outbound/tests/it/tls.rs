//! TLS: whom the client trusts.

use std::{net::SocketAddr, sync::Arc};

use minigate_outbound::{Cause, Client, Effect, Outcome, Trust};
use minigate_testkit::{FakeTimer, provider::FakeProvider};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use crate::bed::{Bed, Told, client_of, once, policy};

/// A port that speaks TLS in front of a provider, with a certificate that signs itself.
struct Front {
    port: u16,
    certificate: &'static str,
    /// Each connection listens to it.
    closing: Arc<watch::Sender<()>>,
    _task: JoinSet<()>,
}

impl Front {
    /// With a certificate for this name.
    async fn start(name: &str, provider: &FakeProvider) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut task = JoinSet::new();
        let closing = Arc::new(watch::Sender::new(()));
        task.spawn(accept(listener, acceptor, provider.address(), Arc::clone(&closing)));
        Self { port, certificate: cert.pem().leak(), closing, _task: task }
    }

    /// Closes the connections, and waits until they are.
    async fn close_connections(&self) {
        self.closing.send_replace(());
        self.closing.closed().await;
    }

    fn client(&self, name: &str, trust: Trust, timer: &FakeTimer) -> Client {
        let origin = format!("https://{name}:{}", self.port);
        client_of(&origin, trust, timer, policy(), Told::default())
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    provider: SocketAddr,
    closing: Arc<watch::Sender<()>>,
) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (acceptor, mut closing) = (acceptor.clone(), closing.subscribe());
        connections.spawn(async move {
            if let Ok(mut client) = acceptor.accept(client).await {
                let mut upstream = TcpStream::connect(provider).await.unwrap();
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut upstream) => {}
                    _ = closing.changed() => {}
                }
            }
        });
    }
}

#[tokio::test]
async fn only_a_trusted_certificate_for_the_name_is_accepted() {
    let bed = Bed::start().await;
    let front = Front::start("localhost", &bed.provider).await;
    let stranger = Front::start("localhost", &bed.provider).await;
    let elsewhere = Front::start("elsewhere.example", &bed.provider).await;
    for (case, client) in [
        ("the system", front.client("localhost", Trust::System, &bed.timer)),
        ("another", front.client("localhost", Trust::Only(stranger.certificate), &bed.timer)),
        ("a name", elsewhere.client("localhost", Trust::Only(elsewhere.certificate), &bed.timer)),
        ("no authority", front.client("localhost", Trust::Only("nonsense"), &bed.timer)),
    ] {
        let Outcome::NotSent(refused) = client.call(&once()).await else { panic!("{case}: sent") };
        assert_eq!((refused.cause, refused.attempts), (Cause::Certificate, 1), "{case}");
    }
    assert_eq!(bed.provider.requests().len(), 0);

    let trusted = front.client("localhost", Trust::Only(front.certificate), &bed.timer);
    assert_eq!(trusted.call(&once()).await.effect(), Effect::Done);
}

#[tokio::test]
async fn a_connection_with_tls_is_kept_and_its_end_is_noticed() {
    let bed = Bed::start().await;
    let front = Front::start("localhost", &bed.provider).await;
    let client = front.client("localhost", Trust::Only(front.certificate), &bed.timer);
    for _ in 0..3 {
        assert_eq!(client.call(&once()).await.effect(), Effect::Done);
    }
    assert_eq!(bed.provider.connections(), 1);
    front.close_connections().await;
    let outcome = client.call(&once()).await;
    assert_eq!(outcome.answer().unwrap().attempts(), 1);
    assert_eq!(bed.provider.connections(), 2);
}
