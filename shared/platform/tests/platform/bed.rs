//! A platform on its own Secrets Manager behind a proxy that injects faults and counts calls.

use std::{sync::Arc, time::Duration};

use aws_sdk_secretsmanager::Client;
use minigate_embedded_aws::{EmbeddedAws, Options};
use minigate_init_data::Signer;
use minigate_platform::{Clock, Config, Needs, Platform, aws};
use minigate_testkit::{FakeClock, SeededEntropy, faults::FaultProxy};

pub(crate) const OLD_TOKEN: &str = "7:old-token-of-no-bot";
pub(crate) const NEW_TOKEN: &str = "7:new-token-of-no-bot";

pub(crate) struct Bed {
    pub(crate) platform: Platform,
    pub(crate) clock: FakeClock,
    pub(crate) faults: FaultProxy,
    pub(crate) secrets: Client,
    aws: EmbeddedAws,
}

impl Bed {
    /// With a bot and a signing key in place, and nothing fetched yet.
    pub(crate) async fn start() -> Self {
        Self::of(Needs::ALL).await
    }

    /// The same for a function that needs these of them.
    pub(crate) async fn of(needs: Needs) -> Self {
        let bed = Self::empty(needs).await;
        bed.create("bot", &bot(OLD_TOKEN)).await;
        bed.create("signing", &signing_key("first", 1)).await;
        bed
    }

    pub(crate) async fn without_secrets() -> Self {
        Self::empty(Needs::ALL).await
    }

    async fn empty(needs: Needs) -> Self {
        let aws = EmbeddedAws::start(Options::default()).await.unwrap();
        let template = include_str!("../../../../template.yaml");
        let tables = [("Main", "main"), ("Volatile", "volatile"), ("Audit", "audit")];
        aws.create_tables(template, &tables).unwrap();
        let faults = FaultProxy::start(&aws.endpoint_url()).await.unwrap();
        let direct = aws::configuration_of_emulator(&aws.endpoint_url()).await;
        let clock = FakeClock::default();
        Self {
            platform: platform(&faults.endpoint_url(), &clock, needs).await,
            clock,
            faults,
            secrets: Client::new(&direct),
            aws,
        }
    }

    /// Another instance of the same deployment.
    pub(crate) async fn instance(&self) -> Platform {
        platform(&self.faults.endpoint_url(), &self.clock, Needs::ALL).await
    }

    /// A platform whose AWS does not answer, because nothing is there.
    pub(crate) async fn without_server() -> Platform {
        platform("http://127.0.0.1:9", &FakeClock::default(), Needs::ALL).await
    }

    pub(crate) async fn create(&self, name: &str, text: &str) {
        self.secrets.create_secret().name(name).secret_string(text).send().await.unwrap();
    }

    /// DynamoDB, past the proxy.
    pub(crate) async fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let direct = aws::configuration_of_emulator(&self.aws.endpoint_url()).await;
        aws_sdk_dynamodb::Client::new(&direct)
    }

    pub(crate) async fn rotate(&self, name: &str, text: &str) {
        self.secrets.put_secret_value().secret_id(name).secret_string(text).send().await.unwrap();
    }

    /// Verifies init data signed with this token at this moment; the answer's code, or `ok`.
    pub(crate) async fn verify(&self, token: &str) -> &'static str {
        let now = self.clock.now().unix_seconds();
        let user = ("user", r#"{"id":1,"first_name":"Ada"}"#);
        let init_data = Signer::from_bot_token(token).unwrap().sign(&[user], now).unwrap();
        let max_age = Duration::from_secs(86_400);
        match self.platform.bots.verify(&init_data, None, max_age, now).await {
            Ok(_) => "ok",
            Err(problem) => problem.code().as_str(),
        }
    }

    /// Lets the work that was started beside a request finish.
    pub(crate) async fn settle(&self) {
        self.platform.background.settle(Duration::from_secs(10)).await;
    }

    pub(crate) fn fetches(&self) -> usize {
        self.faults.count("GetSecretValue")
    }
}

async fn platform(endpoint_url: &str, clock: &FakeClock, needs: Needs) -> Platform {
    let variables = [
        ("MINIGATE_TABLE_MAIN", "main"),
        ("MINIGATE_TABLE_VOLATILE", "volatile"),
        ("MINIGATE_TABLE_AUDIT", "audit"),
        ("MINIGATE_BOT_SECRETS", "bot"),
        ("MINIGATE_SIGNING_SECRET", "signing"),
        ("MINIGATE_REQUEST_SECONDS", "1"),
        ("MINIGATE_CACHE_MILLISECONDS", "5000"),
    ];
    let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let aws = aws::configuration_of_emulator(endpoint_url).await;
    let entropy = Arc::new(SeededEntropy::new(1));
    let config = Config::from_variables(owned, needs).unwrap();
    Platform::new(config, &aws, Arc::new(clock.clone()), entropy)
}

pub(crate) fn bot(token: &str) -> String {
    format!(r#"{{"bot_id":7,"token":"{token}","webhook_secret":"x"}}"#)
}

/// A key whose seed is 32 times the same letter, in base64url.
pub(crate) fn signing_key(key_id: &str, seed: u8) -> String {
    let triple = ["AAAA", "AQEB", "AgIC"][usize::from(seed)];
    let seed = format!("{}{}", triple.repeat(10), ["AAA", "AQE", "AgI"][usize::from(seed)]);
    format!(r#"{{"key_id":"{key_id}","seed":"{seed}"}}"#)
}
