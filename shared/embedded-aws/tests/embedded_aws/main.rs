//! The embedded services, driven by the AWS SDK over HTTP, because that is how everything else in
//! the workspace reaches them. What these tests hold is what the workspace relies on.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod dynamodb;
mod endpoint;
mod secrets_manager;
mod sqs;
mod template;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use minigate_embedded_aws::{EmbeddedAws, Options};

/// An endpoint with clients for it.
struct Aws {
    embedded: EmbeddedAws,
    dynamodb: aws_sdk_dynamodb::Client,
    secrets_manager: aws_sdk_secretsmanager::Client,
}

impl Aws {
    async fn start() -> Self {
        let embedded = EmbeddedAws::start(Options::default()).await.expect("it starts");
        let (dynamodb, secrets_manager) = clients(&embedded.endpoint_url());
        Self { embedded, dynamodb, secrets_manager }
    }
}

/// Clients as any process would configure them for `endpoint_url`, with one connection pool.
fn clients(endpoint_url: &str) -> (aws_sdk_dynamodb::Client, aws_sdk_secretsmanager::Client) {
    let http: SharedHttpClient = aws_smithy_http_client::Builder::new().build_http();
    let credentials = Credentials::new("id", "secret", None, None, "test");
    let region = Region::new("eu-central-1");
    let dynamodb = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .credentials_provider(credentials.clone())
        .endpoint_url(endpoint_url)
        .http_client(http.clone())
        .region(region.clone())
        .build();
    let secrets_manager = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .credentials_provider(credentials)
        .endpoint_url(endpoint_url)
        .http_client(http)
        .region(region)
        .build();
    (
        aws_sdk_dynamodb::Client::from_conf(dynamodb),
        aws_sdk_secretsmanager::Client::from_conf(secrets_manager),
    )
}
