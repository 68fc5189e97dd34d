//! The AWS clients: tight timeouts, few retries, one connection pool.
//!
//! A Lambda instance serves one request at a time and its neighbours are in the same region, where
//! DynamoDB answers in single-digit milliseconds. A call that takes a second is lost; its client is
//! better off with a 503 and a `Retry-After` than with a connection that hangs.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, ConfigLoader, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::config::{Credentials, SharedHttpClient};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};

/// Time to connect, TLS handshake included.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_000);
/// Time for one attempt of a call.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1_500);
/// Time for a call with all its attempts.
const CALL_TIMEOUT: Duration = Duration::from_millis(4_000);
/// Attempts of a call: the first and two more, the wait between them random and growing from
/// [`FIRST_BACKOFF`].
const ATTEMPTS: u32 = 3;
const FIRST_BACKOFF: Duration = Duration::from_millis(50);

/// What all clients share, from the environment that the AWS SDK defines.
pub(crate) async fn configuration_from_environment() -> SdkConfig {
    // TLS by ring: see the decisions in docs/architecture.md.
    let http_client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    loader(http_client).load().await
}

/// What all clients of an emulator on this machine share. Everything but the endpoint, the
/// credentials and the missing TLS is as on AWS.
pub async fn configuration_of_emulator(endpoint_url: &str) -> SdkConfig {
    loader(Builder::new().build_http())
        .endpoint_url(endpoint_url)
        .region(Region::new(EMULATOR_REGION))
        .credentials_provider(Credentials::new("development", "development", None, None, "fixed"))
        .load()
        .await
}

fn loader(http_client: SharedHttpClient) -> ConfigLoader {
    let retries =
        RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_BACKOFF);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client)
        .retry_config(retries)
        .timeout_config(timeouts)
}

/// The region that emulators are told; they do not care.
pub const EMULATOR_REGION: &str = "eu-central-1";
