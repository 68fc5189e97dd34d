//! Caches on one embedded DynamoDB, behind a proxy that counts calls and injects faults.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType},
};
use minigate_cache::{Cache, DynamoLevel};
use minigate_embedded_aws::{EmbeddedAws, Options};
use minigate_testkit::faults::FaultProxy;

pub(crate) const TABLE: &str = "volatile";
/// That a loaded machine keeps.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Bed {
    pub(crate) faults: FaultProxy,
    pub(crate) client: Client,
    pub(crate) clock: FakeClock,
    _aws: EmbeddedAws,
}

/// A clock in milliseconds that a test moves.
#[derive(Clone)]
pub(crate) struct FakeClock(Arc<AtomicU64>);

impl FakeClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_760_000_000_000)))
    }

    pub(crate) fn advance(&self, duration: Duration) {
        self.0.fetch_add(duration.as_millis() as u64, Ordering::Relaxed);
    }

    pub(crate) fn reader(&self) -> impl Fn() -> SystemTime + Send + Sync + 'static {
        let now = Arc::clone(&self.0);
        move || UNIX_EPOCH + Duration::from_millis(now.load(Ordering::Relaxed))
    }
}

impl Bed {
    pub(crate) async fn start() -> Self {
        let aws = EmbeddedAws::start(Options::default()).await.unwrap();
        let faults = FaultProxy::start(&aws.endpoint_url()).await.unwrap();
        let client = client(&faults.endpoint_url());
        create_table(&client).await;
        faults.reset_counts();
        Self { faults, client, clock: FakeClock::new(), _aws: aws }
    }

    pub(crate) fn level(&self) -> DynamoLevel {
        DynamoLevel::new(self.client.clone(), TABLE).timeout(PATIENCE)
    }

    /// An instance of its own.
    pub(crate) fn cache(&self) -> Cache {
        let builder = Cache::builder(self.level(), self.clock.reader());
        builder.level_timeout(PATIENCE).build().unwrap()
    }

    pub(crate) fn calls(&self) -> usize {
        self.faults.calls().values().sum()
    }

    /// The operations since the last reset, by name, and forgets them.
    pub(crate) fn take_calls(&self) -> Vec<(String, usize)> {
        let calls = self.faults.calls();
        self.faults.reset_counts();
        calls.into_iter().map(|(call, count)| (call.operation, count)).collect()
    }
}

async fn create_table(client: &Client) {
    let key = AttributeDefinition::builder()
        .attribute_name("PK")
        .attribute_type(ScalarAttributeType::S)
        .build()
        .unwrap();
    let schema =
        KeySchemaElement::builder().attribute_name("PK").key_type(KeyType::Hash).build().unwrap();
    client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(key)
        .key_schema(schema)
        .send()
        .await
        .unwrap();
}

pub(crate) fn client(endpoint_url: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint_url)
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .build();
    Client::from_conf(config)
}
