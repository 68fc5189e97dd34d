//! `cargo dev` compresses as API Gateway does.

use minigate_local::{DevServer, Options};
use reqwest::{Client, header};

/// The body of the answer, and whether it is compressed, for a client that accepts gzip or not.
async fn fetch(url: &str, accepts_gzip: bool) -> (Vec<u8>, bool) {
    let mut request = Client::new().get(url);
    if accepts_gzip {
        request = request.header(header::ACCEPT_ENCODING, "gzip");
    }
    let response = request.send().await.unwrap();
    let encoding = response.headers().get(header::CONTENT_ENCODING).cloned();
    let body = response.bytes().await.unwrap().to_vec();
    (body, encoding.is_some_and(|encoding| encoding == "gzip"))
}

#[tokio::test]
async fn a_large_body_is_compressed_for_who_accepts_it() {
    let server = DevServer::start(Options::default()).await.unwrap();
    let (reference, health) =
        (format!("{}/openapi.json", server.base_url()), format!("{}/health", server.base_url()));
    let (plain, is_compressed) = fetch(&reference, false).await;
    assert!(!is_compressed && plain.starts_with(b"{"));
    let (compressed, is_compressed) = fetch(&reference, true).await;
    assert!(is_compressed && compressed.starts_with(b"\x1f\x8b"), "the magic number of gzip");
    assert!(compressed.len() * 4 < plain.len(), "{} of {}", compressed.len(), plain.len());
    let (small, is_compressed) = fetch(&health, true).await;
    assert!(!is_compressed && small.starts_with(b"{"), "a small one would only grow");
    server.shutdown().await;
}

/// The threshold of `cargo dev` is the one of the deployment.
#[test]
fn the_threshold_is_that_of_the_template() {
    let template = include_str!("../../../../template.yaml");
    assert!(template.contains("\n      MinimumCompressionSize: 1024\n"));
    let api = include_str!("../../src/api.rs");
    assert!(api.contains("\nconst COMPRESSED_BYTES: u64 = 1024;\n"));
}
