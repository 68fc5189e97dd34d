//! Limiters on one embedded DynamoDB, behind a proxy that counts calls and injects faults.

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
use minigate_embedded_aws::{EmbeddedAws, Options};
use minigate_limiter::{DynamoTable, Limiter};
use minigate_testkit::faults::FaultProxy;

pub(crate) struct Bed {
    pub(crate) faults: FaultProxy,
    pub(crate) client: Client,
    pub(crate) clock: FakeClock,
    _aws: EmbeddedAws,
}

/// A clock in microseconds that a test moves.
#[derive(Clone)]
pub(crate) struct FakeClock(Arc<AtomicU64>);

impl FakeClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_760_000_000_000_000)))
    }

    pub(crate) fn advance(&self, duration: Duration) {
        self.0.fetch_add(duration.as_micros() as u64, Ordering::Relaxed);
    }

    pub(crate) fn reader(&self) -> impl Fn() -> SystemTime + Send + Sync + 'static {
        let now = Arc::clone(&self.0);
        move || UNIX_EPOCH + Duration::from_micros(now.load(Ordering::Relaxed))
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

    /// With a timeout that a loaded machine keeps.
    pub(crate) fn table(&self) -> DynamoTable {
        DynamoTable::new(self.client.clone(), "limits").timeout(Duration::from_secs(20))
    }

    /// An instance of its own, with its own connections.
    pub(crate) fn limiter(&self) -> Limiter<DynamoTable> {
        self.limiter_on(self.table())
    }

    pub(crate) fn limiter_on(&self, table: DynamoTable) -> Limiter<DynamoTable> {
        Limiter::builder(table, self.clock.reader()).build()
    }

    pub(crate) fn calls(&self) -> usize {
        self.faults.calls().values().sum()
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
        .table_name("limits")
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
