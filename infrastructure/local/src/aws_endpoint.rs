//! A running emulator of AWS, such as LocalStack: its URL, and the tables and secrets of the development
//! deployment.
//!
//! It never touches a real account: AWS's own hosts are refused, the credentials are fake, and other machines
//! need an option.

mod tables;

use std::time::Duration;

use aws_sdk_dynamodb::{
    config::timeout::TimeoutConfig,
    error::{ProvideErrorMetadata, SdkError},
};
use axum::http::Uri;
use minigate_embedded_aws::{TableDefinition, loopback::is_loopback_host};
use minigate_platform::aws;

/// The domains of AWS's own hosts.
const AWS_DOMAINS: [&str; 4] = ["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "api.aws"];
/// The timeout of an attempt: an emulator may start a service on its first call.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(40);
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The URL of an emulator, such as `http://127.0.0.1:4566`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsEndpoint(String);

/// The accepted hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hosts {
    /// Loopback addresses and `localhost`.
    #[default]
    ThisMachine,
    /// Other hosts as well, by option. AWS's own are still refused.
    Any,
}

impl AwsEndpoint {
    /// The endpoint with this URL.
    ///
    /// # Errors
    /// Why the URL is invalid.
    pub fn parse(text: &str, hosts: Hosts) -> Result<Self, String> {
        const EXPECTED: &str = "must be a URL such as http://127.0.0.1:4566";
        let uri: Uri = text.parse().map_err(|_| EXPECTED.to_owned())?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err("must begin with http://, without TLS".to_owned()),
            _ => return Err(EXPECTED.to_owned()),
        }
        let authority = uri.authority().ok_or(EXPECTED)?;
        let host = authority.host();
        let after_host = authority.as_str().strip_prefix(host).ok_or(EXPECTED)?;
        let port = after_host.strip_prefix(':').map_or(Some(80), |port| port.parse::<u16>().ok());
        if host.is_empty() || port.is_none_or(|port| port == 0) {
            return Err(format!("{EXPECTED}, with a port from 1 to 65535"));
        }
        if uri.path() != "/" || uri.query().is_some() {
            return Err(format!("{EXPECTED}, without a path"));
        }
        let lower = host.trim_end_matches('.').to_ascii_lowercase();
        if AWS_DOMAINS.iter().any(|domain| lower.ends_with(domain)) {
            return Err(format!("must be an emulator, and {host} is AWS itself"));
        }
        if hosts == Hosts::ThisMachine && !is_loopback_host(host) {
            return Err(format!(
                "must be on this machine (127.0.0.1, [::1] or localhost), and {host} is not; \
                 --allow-remote-endpoint takes an emulator elsewhere"
            ));
        }
        Ok(Self(format!("http://{authority}")))
    }

    /// The URL, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.0
    }

    /// Creates missing tables.
    pub(crate) async fn create_tables(
        &self,
        tables: &[TableDefinition],
    ) -> Result<(), EndpointError> {
        let shared = aws::configuration_of_emulator(&self.0).await;
        let config = aws_sdk_dynamodb::config::Builder::from(&shared).timeout_config(patient());
        let client = aws_sdk_dynamodb::Client::from_conf(config.build());
        tables::create_missing(&client, &self.0, tables).await
    }
}

/// A client for the Secrets Manager of any endpoint, for start-up.
pub(crate) async fn secrets_manager(endpoint_url: &str) -> aws_sdk_secretsmanager::Client {
    let shared = aws::configuration_of_emulator(endpoint_url).await;
    let config = aws_sdk_secretsmanager::config::Builder::from(&shared).timeout_config(patient());
    aws_sdk_secretsmanager::Client::from_conf(config.build())
}

fn patient() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build()
}

/// Why an endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// It does not listen, or does not respond in time.
    #[error("nothing answers on {url}; start the emulator first")]
    Unreachable {
        /// The endpoint.
        url: String,
    },
    /// It responds with an error or something unexpected.
    #[error("{url} does not answer {call} as AWS does: {reason}")]
    Refused {
        /// The endpoint.
        url: String,
        /// The operation.
        call: &'static str,
        /// Its message.
        reason: String,
    },
    /// The name belongs to another table.
    #[error(
        "the table {table} on {url} has other keys than template.yaml defines; delete it, or \
         choose another name with MINIGATE_TABLE_MAIN and its like"
    )]
    OtherTable {
        /// The endpoint.
        url: String,
        /// Its name.
        table: String,
    },
    /// A table did not become active in time.
    #[error("the table {table} on {url} does not become active")]
    NotActive {
        /// The endpoint.
        url: String,
        /// Its name.
        table: String,
    },
}

impl EndpointError {
    pub(crate) fn of<E: ProvideErrorMetadata>(
        url: &str,
        call: &'static str,
        error: &SdkError<E>,
    ) -> Self {
        let url = url.to_owned();
        match error {
            SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => Self::Unreachable { url },
            _ => {
                let message = error.message().unwrap_or("no reason given");
                let reason = match (error.code(), error.raw_response()) {
                    (Some(code), _) => format!("{code}: {message}"),
                    (None, Some(response)) => format!("status {}", response.status()),
                    (None, None) => "no answer of AWS's protocol".to_owned(),
                };
                Self::Refused { url, call, reason }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AwsEndpoint, Hosts};

    #[test]
    fn emulators_on_this_machine_are_taken() {
        for (text, url) in [
            ("http://127.0.0.1:4566", "http://127.0.0.1:4566"),
            ("http://localhost:4566/", "http://localhost:4566"),
            ("http://[::1]:4566", "http://[::1]:4566"),
            ("http://127.1.2.3", "http://127.1.2.3"),
        ] {
            let endpoint = AwsEndpoint::parse(text, Hosts::ThisMachine);
            assert_eq!(endpoint.as_ref().map(AwsEndpoint::url), Ok(url));
        }
    }

    #[test]
    fn other_endpoints_are_refused() {
        for (text, expected) in [
            ("", "must be a URL"),
            ("4566", "must be a URL"),
            ("localhost:4566", "must be a URL"),
            ("ftp://localhost:4566", "must be a URL"),
            ("http://user@localhost:4566", "must be a URL"),
            ("https://localhost:4566", "without TLS"),
            ("http://localhost:0", "a port from 1"),
            ("http://localhost:70000", "a port from 1"),
            ("http://localhost:4566/path", "without a path"),
            ("http://localhost:4566/?a=b", "without a path"),
            ("http://0.0.0.0:4566", "must be on this machine"),
            ("http://emulator:4566", "--allow-remote-endpoint"),
            ("http://127.0.0.1.example:4566", "must be on this machine"),
            ("http://dynamodb.eu-central-1.amazonaws.com", "AWS itself"),
        ] {
            let error = AwsEndpoint::parse(text, Hosts::ThisMachine).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn aws_itself_is_refused_whatever_was_asked_for() {
        assert!(AwsEndpoint::parse("http://emulator:4566", Hosts::Any).is_ok());
        for host in [
            "dynamodb.eu-central-1.amazonaws.com",
            "DynamoDB.eu-central-1.AmazonAWS.com.",
            "dynamodb.cn-north-1.amazonaws.com.cn",
            "dynamodb.eu-central-1.api.aws",
        ] {
            let error = AwsEndpoint::parse(&format!("http://{host}"), Hosts::Any).unwrap_err();
            assert!(error.contains("AWS itself"), "{error}");
        }
    }
}
