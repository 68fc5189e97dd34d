//! The AWS clients: tight timeouts, few retries, one connection pool.
//!
//! A Lambda instance serves one request at a time and its neighbours are in the same region, where
//! DynamoDB answers in single-digit milliseconds. A call that takes a second is lost; its client is
//! better off with a 503 and a `Retry-After` than with a connection that hangs.
//!
//! What Lambda tells a function stands in its environment, so credentials and region come from there
//! only: there is no metadata service on an instance, and the default chain of `aws-config`, which
//! looks for more, is not built. docs/performance.md has what the rest of its loader costs.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, ConfigLoader, Region, SdkConfig,
    environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider},
    retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_sdk_dynamodb::config::{Credentials, SharedHttpClient};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
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

/// What AWS's endpoints descend from. A function talks to AWS only, so it trusts nobody else, and
/// reading the system's 140 authorities would take longer than the rest of the TLS configuration.
///
/// Sources: <https://www.amazontrust.com/repository/>,
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ats-certs.html>
const AMAZON_ROOTS: &[u8] = include_bytes!("aws/amazon-roots.pem");
/// The regions in China are a partition of their own, of which that does not have to be so.
const OTHER_PARTITION: &str = "cn-";
/// Whoever puts a proxy with certificates of its own before AWS names them here, as for OpenSSL.
const OTHER_ROOTS: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// What all clients share, from the environment that the AWS SDK defines. `variables` is the same
/// environment, for what the SDK does not know: `SSL_CERT_FILE` and `SSL_CERT_DIR` name whom to trust
/// in the place of Amazon's certificate authorities.
///
/// What is missing is missed by the first call, which fails and says so.
pub(crate) async fn configuration_from_environment(
    variables: impl IntoIterator<Item = (String, String)>,
) -> SdkConfig {
    loader(https_client(trusts_others(variables)))
        .region(EnvironmentVariableRegionProvider::new())
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .load()
        .await
}

/// What all clients of an emulator on this machine share. Everything but the endpoint, the
/// credentials and the missing TLS is as on AWS.
pub async fn configuration_of_emulator(endpoint_url: &str) -> SdkConfig {
    loader(Builder::new().build_http())
        .endpoint_url(endpoint_url)
        .region(Region::new(EMULATOR_REGION))
        .credentials_provider(Credentials::new(
            EMULATOR_CREDENTIAL,
            EMULATOR_CREDENTIAL,
            None,
            None,
            "fixed",
        ))
        .load()
        .await
}

/// Whether the system's certificate authorities are trusted, and not only Amazon's.
fn trusts_others(variables: impl IntoIterator<Item = (String, String)>) -> bool {
    variables.into_iter().any(|(name, value)| match name.as_str() {
        "AWS_REGION" => value.starts_with(OTHER_PARTITION),
        name => OTHER_ROOTS.contains(&name) && !value.is_empty(),
    })
}

/// TLS by ring: see the decisions in docs/architecture.md.
fn https_client(trusts_others: bool) -> SharedHttpClient {
    let roots = if trusts_others {
        TrustStore::default()
    } else {
        TrustStore::empty().with_pem_certificate(AMAZON_ROOTS)
    };
    let builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    match TlsContext::builder().with_trust_store(roots).build() {
        Ok(context) => builder.tls_context(context).build_https(),
        // It has no reason to fail. With the system's authorities, calls work as well.
        Err(_) => builder.build_https(),
    }
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

/// The region used with emulators. Some keep the regions apart.
pub const EMULATOR_REGION: &str = "eu-central-1";
/// Access key and secret key of emulators: the one that all of them know.
pub const EMULATOR_CREDENTIAL: &str = "test";

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::error::SdkError;
    use base64::{Engine, engine::general_purpose::STANDARD};
    use sha2::{Digest, Sha256};

    use super::*;

    /// The client panics on a certificate that is none, when it makes its first connection.
    #[tokio::test]
    async fn amazon_s_roots_make_a_client() {
        let shared = loader(https_client(false))
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .endpoint_url("https://127.0.0.1:9");
        let called = aws_sdk_dynamodb::Client::new(&shared.load().await).list_tables().send().await;
        assert!(matches!(called, Err(SdkError::DispatchFailure(_))), "{called:?}");
    }

    #[test]
    fn others_are_trusted_where_somebody_says_so_and_in_china() {
        for (name, value, expected) in [
            ("AWS_REGION", "eu-west-1", false),
            ("AWS_REGION", "cn-north-1", true),
            ("SSL_CERT_FILE", "/etc/ssl/proxy.pem", true),
            ("SSL_CERT_DIR", "/etc/ssl/certs", true),
            ("SSL_CERT_FILE", "", false),
        ] {
            let variables = [(name.to_owned(), value.to_owned())];
            assert_eq!(trusts_others(variables), expected, "{name}={value}");
        }
    }

    /// Source: <https://www.amazontrust.com/repository/>, the column of SHA-256 fingerprints.
    #[test]
    fn the_roots_are_those_that_amazon_publishes() {
        const FINGERPRINTS: [&str; 5] = [
            "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
            "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
            "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
            "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
            "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
        ];
        let text = str::from_utf8(AMAZON_ROOTS).unwrap();
        let certificates = text.split("-----BEGIN CERTIFICATE-----\n").skip(1);
        let fingerprints = certificates.map(|certificate| {
            let (body, _) = certificate.split_once("-----END").unwrap();
            let der = STANDARD.decode(body.replace('\n', "")).unwrap();
            Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        });
        assert_eq!(fingerprints.collect::<Vec<_>>(), FINGERPRINTS);
    }
}
