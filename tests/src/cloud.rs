//! An AWS of a test's own, with a proxy in front that makes calls fail and counts them.

use std::{collections::BTreeMap, ops::Deref};

use aws_sdk_dynamodb::{Client as DynamoDb, types::AttributeValue};
use aws_sdk_secretsmanager::Client as SecretsManager;
use minigate_embedded_aws::EmbeddedAws;
use minigate_embedded_aws::protocol::Call;
use minigate_local::{Api, Options, development, start_aws};
use minigate_platform::aws::configuration_of_emulator;
use minigate_testkit::faults::{Fault, FaultGuard, FaultProxy, Target};

use crate::{Deployment, deployment::variables};

/// What the partition keys of the limiter's items begin with, and those of its policies.
const OF_LIMITS: &str = "LIMIT";

/// An embedded AWS behind a [`FaultProxy`], with the tables and secrets of development. It derefs
/// to the proxy, whose faults and counts here leave out what the limits call; that has a target of
/// its own.
pub struct Cloud {
    faults: FaultProxy,
    aws: EmbeddedAws,
}

impl Deref for Cloud {
    type Target = FaultProxy;

    fn deref(&self) -> &FaultProxy {
        &self.faults
    }
}

impl Cloud {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// When the tests run against a deployment, which they cannot configure and whose AWS they cannot
    /// make fail: such a test must not count as passed there.
    pub async fn start() -> Self {
        assert!(
            Deployment::of_environment().is_none(),
            "MINIGATE_BASE_URL names a deployment, and this test needs an AWS of its own: \
             move it to a module `local_only`, and run with `--skip local_only::`"
        );
        let aws = start_aws(&Options::default()).await.unwrap();
        let faults = FaultProxy::start(&aws.endpoint_url()).await.unwrap();
        Self { faults, aws }
    }

    /// Serves the API on this AWS, with these variables on top of those of development.
    pub async fn serve(&self, more: &[(&str, &str)]) -> Deployment {
        let api = Api::start(0, &self.faults.endpoint_url(), variables(more)).await.unwrap();
        Deployment::local(api.base_url(), Some(api))
    }

    /// Like [`FaultProxy::inject`], for the product's calls.
    pub fn inject(&self, target: impl Into<Target>, fault: Fault) -> FaultGuard {
        self.faults.inject(target.into().outside(OF_LIMITS), fault)
    }

    /// Like [`FaultProxy::inject_times`], for the product's calls.
    pub fn inject_times(
        &self,
        times: usize,
        target: impl Into<Target>,
        fault: Fault,
    ) -> FaultGuard {
        self.faults.inject_times(times, target.into().outside(OF_LIMITS), fault)
    }

    /// How many of the product's calls of `target` were received.
    pub fn count(&self, target: impl Into<Target>) -> usize {
        self.faults.count(target.into().outside(OF_LIMITS))
    }

    /// How often each of the product's calls was received.
    pub fn calls(&self) -> BTreeMap<Call, usize> {
        self.faults.calls_of(Target::Any.outside(OF_LIMITS))
    }

    /// The calls of the limiter, all of them on the table `Volatile`.
    pub fn limiter() -> Target {
        Target::Any.within("LIMIT#")
    }

    /// The calls of the cache, which ask whether something was invalidated or say so.
    pub fn cache() -> Target {
        Target::Any.within("CACHE#")
    }

    /// The reads of the changed limits and settings, in the background of requests.
    pub fn policies() -> Target {
        Target::from("Query").within("LIMITS")
    }

    /// The proxy itself, for faults that strike everything and counts of any target.
    pub fn proxy(&self) -> &FaultProxy {
        &self.faults
    }

    /// Secrets Manager, past the proxy.
    pub async fn secrets(&self) -> SecretsManager {
        SecretsManager::new(&configuration_of_emulator(&self.aws.endpoint_url()).await)
    }

    /// DynamoDB, past the proxy.
    pub async fn dynamodb(&self) -> DynamoDb {
        DynamoDb::new(&configuration_of_emulator(&self.aws.endpoint_url()).await)
    }

    /// Has a session end at this moment, in Unix milliseconds.
    pub async fn age_session(&self, user_id: u64, session_id: &str, expires_at: u64) {
        let update = self.dynamodb().await.update_item().table_name("minigate-Main");
        let text = |text: String| AttributeValue::S(text);
        update
            .key("PK", text(format!("USER#{user_id}")))
            .key("SK", text("ACCOUNT#SESSIONS".to_owned()))
            .update_expression("SET #sessions.#session.#expires_at = :end")
            .expression_attribute_names("#sessions", "sessions")
            .expression_attribute_names("#session", session_id)
            .expression_attribute_names("#expires_at", "expires_at")
            .expression_attribute_values(":end", AttributeValue::N(expires_at.to_string()))
            .send()
            .await
            .expect("the session is there");
    }

    /// Puts a new version of a secret in its place, as a rotation does, or creates it.
    pub async fn put_secret(&self, name: &str, text: &str) {
        let secrets = self.secrets().await;
        let put = secrets.put_secret_value().secret_id(name).secret_string(text).send().await;
        if put.is_err() {
            secrets.create_secret().name(name).secret_string(text).send().await.unwrap();
        }
    }

    /// Rotates the token of the bot of development.
    pub async fn put_bot_secret(&self, text: &str) {
        self.put_secret(development::BOT_SECRET, text).await;
    }

    /// Rotates the key that signs tokens.
    pub async fn put_signing_secret(&self, text: &str) {
        self.put_secret(development::SIGNING_SECRET, text).await;
    }
}
