//! The AWS clients: tight timeouts, few retries, one connection pool.
//!
//! A Lambda instance serves one request at a time and its neighbours are in the same region, where
//! DynamoDB answers in single-digit milliseconds. A call that takes a second is lost; its client is
//! better off with a 503 and a `Retry-After` than with a connection that hangs.
//!
//! What Lambda tells a function stands in its environment, so that is all that is read: there are
//! no profile files on an instance, and no metadata service. The loader of `aws-config`, which looks
//! for all of them, takes a third of a cold start; docs/performance.md has the figures.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, Region, SharedCredentialsProvider, SharedHttpClient,
    retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_types::{
    SdkConfig,
    origin::Origin,
    sdk_config,
    service_config::{LoadServiceConfig, ServiceConfigKey},
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

/// What all clients share, from these variables:
///
/// | variable | meaning |
/// |---|---|
/// | `AWS_REGION` | the region |
/// | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` | the role's credentials |
/// | `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_DYNAMODB`, `AWS_ENDPOINT_URL_SECRETS_MANAGER` | an emulator |
/// | `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT` | `true`: other endpoints of AWS |
/// | `SSL_CERT_FILE`, `SSL_CERT_DIR` | whom to trust in the place of Amazon's certificate authorities |
///
/// What is missing is missed by the first call, which fails and says so.
pub(crate) fn configuration_from_variables(
    variables: impl IntoIterator<Item = (String, String)>,
) -> SdkConfig {
    let variables: BTreeMap<_, _> = variables
        .into_iter()
        .filter(|(name, value)| {
            (name.starts_with("AWS_") || OTHER_ROOTS.contains(&name.as_str())) && !value.is_empty()
        })
        .collect();
    let text = |name: &str| variables.get(name).cloned();
    let switch = |name: &str| text(name).map(|value| value.eq_ignore_ascii_case("true"));
    let credentials =
        text("AWS_ACCESS_KEY_ID").zip(text("AWS_SECRET_ACCESS_KEY")).map(|(id, secret)| {
            let session_token = text("AWS_SESSION_TOKEN");
            // Lambda ends an instance before its credentials expire.
            SharedCredentialsProvider::new(Credentials::new(
                id,
                secret,
                session_token,
                None,
                "environment",
            ))
        });
    let mut builder = shared(https_client(trusts_others(&variables)));
    builder.set_region(text("AWS_REGION").map(Region::new));
    builder.set_credentials_provider(credentials);
    builder.set_endpoint_url(text("AWS_ENDPOINT_URL"));
    builder.set_use_fips(switch("AWS_USE_FIPS_ENDPOINT"));
    builder.set_use_dual_stack(switch("AWS_USE_DUALSTACK_ENDPOINT"));
    builder.service_config(OfServices(variables)).build()
}

/// What all clients of an emulator on this machine share. Everything but the endpoint, the
/// credentials and the missing TLS is as on AWS.
pub fn configuration_of_emulator(endpoint_url: &str) -> SdkConfig {
    let credentials = Credentials::new("development", "development", None, None, "fixed");
    let mut builder = shared(Builder::new().build_http());
    builder.insert_origin("endpoint_url", Origin::shared_config());
    builder
        .endpoint_url(endpoint_url)
        .region(Region::new(EMULATOR_REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// Whether the system's certificate authorities are trusted, and not only Amazon's.
fn trusts_others(variables: &BTreeMap<String, String>) -> bool {
    OTHER_ROOTS.iter().any(|name| variables.contains_key(*name))
        || variables.get("AWS_REGION").is_some_and(|region| region.starts_with(OTHER_PARTITION))
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

fn shared(http_client: SharedHttpClient) -> sdk_config::Builder {
    let retries =
        RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_BACKOFF);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client)
        .retry_config(retries)
        .timeout_config(timeouts);
    // Told apart from a default, in whose place a service may put its own.
    builder.insert_origin("retry_config", Origin::shared_config());
    builder
}

/// Variables that name a service, such as `AWS_ENDPOINT_URL_DYNAMODB`.
#[derive(Debug)]
struct OfServices(BTreeMap<String, String>);

impl LoadServiceConfig for OfServices {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().replace([' ', '-'], "_").to_uppercase();
        self.0.get(&format!("{}_{service}", key.env())).cloned()
    }
}

/// The region that emulators are told; they do not care.
pub const EMULATOR_REGION: &str = "eu-central-1";

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::{config::ProvideCredentials, error::SdkError};
    use base64::{Engine, engine::general_purpose::STANDARD};
    use sha2::{Digest, Sha256};

    use super::*;

    fn configuration(variables: &[(&str, &str)]) -> SdkConfig {
        let owned = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        configuration_from_variables(owned)
    }

    #[tokio::test]
    async fn lambda_s_environment_is_all_that_is_needed() {
        let shared = configuration(&[
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_SESSION_TOKEN", "token"),
            ("AWS_USE_FIPS_ENDPOINT", "true"),
            ("AWS_ENDPOINT_URL", ""),
        ]);
        assert_eq!(shared.region(), Some(&Region::new("eu-west-1")));
        assert_eq!((shared.use_fips(), shared.use_dual_stack()), (Some(true), None));
        assert_eq!(shared.endpoint_url(), None, "an empty variable is none");
        let provider = shared.credentials_provider().unwrap();
        let credentials = provider.provide_credentials().await.unwrap();
        assert_eq!(credentials.access_key_id(), "id");
        assert_eq!(credentials.secret_access_key(), "secret");
        assert_eq!(credentials.session_token(), Some("token"));
    }

    #[test]
    fn a_service_may_have_an_endpoint_of_its_own() {
        let shared = configuration(&[
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:2"),
        ]);
        assert_eq!(shared.endpoint_url(), Some("http://127.0.0.1:1"));
        let of = |service| {
            let key = ServiceConfigKey::builder()
                .service_id(service)
                .profile("endpoint_url")
                .env("AWS_ENDPOINT_URL");
            shared.service_config().unwrap().load_config(key.build().unwrap())
        };
        assert_eq!(of("Secrets Manager").as_deref(), Some("http://127.0.0.1:2"));
        assert_eq!(of("DynamoDB"), None);
    }

    /// Half a set of credentials, or none: a call says so at once, and looks nowhere else.
    #[tokio::test]
    async fn without_credentials_a_call_fails_and_does_not_hang() {
        for variables in [&[][..], &[("AWS_ACCESS_KEY_ID", "id")]] {
            let region = [("AWS_REGION", "eu-west-1"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:9")];
            let shared = configuration(&[variables, &region].concat());
            assert!(shared.credentials_provider().is_none());
            let called = aws_sdk_dynamodb::Client::new(&shared).list_tables().send().await;
            assert!(called.is_err());
        }
    }

    /// The client panics on a certificate that is none, when it makes its first connection.
    #[tokio::test]
    async fn amazon_s_roots_make_a_client() {
        let shared = configuration(&[
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_ENDPOINT_URL", "https://127.0.0.1:9"),
        ]);
        let called = aws_sdk_dynamodb::Client::new(&shared).list_tables().send().await;
        assert!(matches!(called, Err(SdkError::DispatchFailure(_))), "{called:?}");
    }

    #[test]
    fn others_are_trusted_where_somebody_says_so_and_in_china() {
        for (name, value, expected) in [
            ("AWS_REGION", "eu-west-1", false),
            ("AWS_REGION", "cn-north-1", true),
            ("SSL_CERT_FILE", "/etc/ssl/proxy.pem", true),
            ("SSL_CERT_DIR", "/etc/ssl/certs", true),
        ] {
            let variables = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            assert_eq!(trusts_others(&variables), expected, "{name}={value}");
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
