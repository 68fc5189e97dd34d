//! What a client sees of each fault, and what is left behind, through the AWS SDK.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig},
    error::{ProvideErrorMetadata, SdkError},
    operation::update_item::{UpdateItemError, UpdateItemOutput},
    types::{
        AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
        ScalarAttributeType,
    },
};
use minigate_embedded_aws::{
    EmbeddedAws, Options,
    protocol::{Call, Service},
};
use minigate_testkit::faults::{Fault, FaultProxy, StartError, Target};

/// Far longer than a call takes, even on a busy machine.
const TIMEOUT: Duration = Duration::from_millis(500);
/// Longer than any test waits: only the timeout ends such a call.
const FOREVER: Duration = Duration::from_secs(600);

/// A table behind a proxy, and a client that goes through it.
struct Fixture {
    proxy: FaultProxy,
    client: Client,
    /// Goes around the proxy, to see what really happened.
    direct: Client,
    aws: EmbeddedAws,
}

fn client(endpoint_url: &str, attempts: u32) -> Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(TIMEOUT).build();
    let retries = RetryConfig::standard()
        .with_max_attempts(attempts)
        .with_initial_backoff(Duration::from_millis(1));
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .endpoint_url(endpoint_url)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::new("eu-central-1"))
        .retry_config(retries)
        .timeout_config(timeouts);
    Client::from_conf(config.build())
}

impl Fixture {
    /// With an SDK that makes `attempts` attempts.
    async fn start(attempts: u32) -> Self {
        let aws = EmbeddedAws::start(Options::default()).await.unwrap();
        let direct = client(&aws.endpoint_url(), 1);
        let id = AttributeDefinition::builder()
            .attribute_name("PK")
            .attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name("PK").key_type(KeyType::Hash);
        direct
            .create_table()
            .table_name("Counters")
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(id.build().unwrap())
            .key_schema(key.build().unwrap())
            .send()
            .await
            .unwrap();
        let proxy = FaultProxy::start(&aws.endpoint_url()).await.unwrap();
        let client = client(&proxy.endpoint_url(), attempts);
        Self { proxy, client, direct, aws }
    }

    async fn increment(&self) -> Result<UpdateItemOutput, SdkError<UpdateItemError>> {
        self.client
            .update_item()
            .table_name("Counters")
            .key("PK", AttributeValue::S("a".into()))
            .update_expression("ADD hits :one")
            .expression_attribute_values(":one", AttributeValue::N("1".into()))
            .send()
            .await
    }

    /// The counter's value, read around the proxy.
    async fn counter(&self) -> u32 {
        let get = self.direct.get_item().table_name("Counters").consistent_read(true);
        let read = get.key("PK", AttributeValue::S("a".into())).send().await.unwrap();
        read.item.map_or(0, |item| item["hits"].as_n().unwrap().parse().unwrap())
    }
}

#[tokio::test]
async fn throttling_and_failure_are_told_in_the_services_own_words() {
    let fixture = Fixture::start(1).await;
    let throttled = fixture.proxy.inject("UpdateItem", Fault::Throttle);
    let error = fixture.increment().await.unwrap_err();
    assert_eq!(error.raw_response().map(|answer| answer.status().as_u16()), Some(400));
    assert!(matches!(error.into_service_error(), UpdateItemError::ThrottlingException(_)));
    drop(throttled);

    let _failed = fixture.proxy.inject("UpdateItem", Fault::ServerError);
    let error = fixture.increment().await.unwrap_err();
    assert_eq!(error.raw_response().map(|answer| answer.status().as_u16()), Some(500));
    assert!(matches!(error.into_service_error(), UpdateItemError::InternalServerError(_)));
    assert_eq!(fixture.counter().await, 0);
}

#[tokio::test]
async fn secrets_manager_has_its_own_shapes() {
    let aws = EmbeddedAws::start(Options::default()).await.unwrap();
    let proxy = FaultProxy::start(&aws.endpoint_url()).await.unwrap();
    let config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .endpoint_url(proxy.endpoint_url())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::new("eu-central-1"))
        .retry_config(RetryConfig::disabled());
    let client = aws_sdk_secretsmanager::Client::from_conf(config.build());
    for (fault, code) in
        [(Fault::Throttle, "ThrottlingException"), (Fault::ServerError, "InternalServiceError")]
    {
        let _fault = proxy.inject(Service::SecretsManager, fault);
        let error = client.list_secrets().send().await.unwrap_err().into_service_error();
        assert_eq!(error.code(), Some(code));
        assert!(error.message().is_some(), "{error:?}");
    }
    client.list_secrets().send().await.unwrap();
}

#[tokio::test]
async fn an_unanswered_call_is_applied_if_swallowed_and_not_if_refused() {
    let fixture = Fixture::start(1).await;
    for (fault, applied) in [(Fault::Refuse, 0), (Fault::SwallowAnswer, 1)] {
        let injected = fixture.proxy.inject("UpdateItem", fault);
        let error = fixture.increment().await.unwrap_err();
        assert!(matches!(error, SdkError::DispatchFailure(_)), "{fault:?}: {error:?}");
        assert_eq!(fixture.counter().await, applied, "{fault:?}");
        assert_eq!(injected.hits(), 1);
    }
    // The connections that were cut do not come back to haunt the calls that follow.
    for expected in 2..5 {
        fixture.increment().await.unwrap();
        assert_eq!(fixture.counter().await, expected);
    }
}

#[tokio::test]
async fn a_late_call_or_answer_trips_the_timeout() {
    let fixture = Fixture::start(1).await;
    for (fault, applied) in [(Fault::DelayRequest(FOREVER), 0), (Fault::DelayAnswer(FOREVER), 1)] {
        let _slow = fixture.proxy.inject("UpdateItem", fault);
        let error = fixture.increment().await.unwrap_err();
        assert!(matches!(error, SdkError::TimeoutError(_)), "{fault:?}: {error:?}");
        assert_eq!(fixture.counter().await, applied, "{fault:?}");
    }
    let _late = fixture.proxy.inject("UpdateItem", Fault::DelayRequest(Duration::from_millis(1)));
    fixture.increment().await.unwrap();
}

#[tokio::test]
async fn the_sdk_rides_out_a_fault_that_passes() {
    for (fault, applied) in [
        (Fault::Throttle, 1),
        (Fault::ServerError, 1),
        (Fault::Refuse, 1),
        // A blind retry counts twice: why writes that a client may retry need a condition.
        (Fault::SwallowAnswer, 3),
        (Fault::DelayAnswer(FOREVER), 3),
    ] {
        let fixture = Fixture::start(3).await;
        let injected = fixture.proxy.inject_times(2, "UpdateItem", fault);
        fixture.increment().await.unwrap();
        assert_eq!(injected.hits(), 2, "{fault:?}");
        assert_eq!(fixture.proxy.count("UpdateItem"), 3, "{fault:?}");
        assert_eq!(fixture.counter().await, applied, "{fault:?}");
    }
}

#[tokio::test]
async fn a_fault_strikes_its_target_until_its_guard_is_dropped() {
    let fixture = Fixture::start(1).await;
    let everything = fixture.proxy.inject(Target::Any, Fault::ServerError);
    let writes = fixture.proxy.inject("UpdateItem", Fault::Throttle);
    let error = fixture.increment().await.unwrap_err();
    assert_eq!(error.code(), Some("ThrottlingException"), "the newest strikes");
    let error = fixture.client.list_tables().send().await.unwrap_err();
    assert_eq!(error.code(), Some("InternalServerError"));
    drop(writes);
    assert_eq!(fixture.increment().await.unwrap_err().code(), Some("InternalServerError"));
    assert_eq!(everything.hits(), 2);
    drop(everything);
    fixture.increment().await.unwrap();

    let _secrets = fixture.proxy.inject(Service::SecretsManager, Fault::Refuse);
    fixture.increment().await.unwrap();
}

#[tokio::test]
async fn calls_are_told_apart_by_their_partition_key() {
    let fixture = Fixture::start(1).await;
    let update = |key: &str| {
        let update = fixture.client.update_item().table_name("Counters");
        update.key("PK", AttributeValue::S(key.to_owned())).send()
    };
    let struck = fixture.proxy.inject(Target::from("UpdateItem").within("A#"), Fault::Throttle);
    update("A#1").await.unwrap_err();
    update("B#1").await.unwrap();
    assert_eq!(struck.hits(), 1);
    drop(struck);
    let _others = fixture.proxy.inject(Target::Any.outside("A#"), Fault::Throttle);
    update("A#1").await.unwrap();
    update("B#1").await.unwrap_err();
    fixture.client.list_tables().send().await.unwrap_err();
    assert_eq!(fixture.proxy.count(Target::Any.within("A#")), 2);
    assert_eq!(fixture.proxy.count(Target::from("UpdateItem").outside("A#")), 2);
    assert_eq!(fixture.proxy.count(Target::Any.outside("A#")), 3);
    assert_eq!(fixture.proxy.calls_of(Target::Any.outside("A#")).len(), 2);
}

#[tokio::test]
async fn every_call_is_counted_once() {
    let fixture = Fixture::start(1).await;
    fixture.increment().await.unwrap();
    fixture.client.list_tables().send().await.unwrap();
    let refused = fixture.proxy.inject_times(1, "UpdateItem", Fault::Refuse);
    fixture.increment().await.unwrap_err();
    assert_eq!(refused.hits(), 1);
    let call =
        |operation: &str| Call { service: Service::DynamoDb, operation: operation.to_owned() };
    let expected = BTreeMap::from([(call("ListTables"), 1), (call("UpdateItem"), 2)]);
    assert_eq!(fixture.proxy.calls(), expected);
    assert_eq!(fixture.proxy.count(Target::Any), 3);
    assert_eq!(fixture.proxy.count(Service::SecretsManager), 0);
    fixture.proxy.reset_counts();
    assert_eq!(fixture.proxy.calls(), BTreeMap::new());
}

#[tokio::test]
async fn an_endpoint_that_is_no_http_url_is_refused() {
    for url in ["", "127.0.0.1:4566", "https://127.0.0.1:4566", "http://"] {
        let error = FaultProxy::start(url).await.unwrap_err();
        assert!(matches!(error, StartError::Endpoint(_)), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn a_service_that_is_gone_closes_the_connection() {
    let Fixture { proxy, client, aws, .. } = Fixture::start(1).await;
    aws.shutdown().await;
    let error = client.list_tables().send().await.unwrap_err();
    assert!(matches!(error, SdkError::DispatchFailure(_)), "{error:?}");
    assert_eq!(proxy.count(Target::Any), 1);
}
