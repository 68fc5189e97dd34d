//! A store on its own DynamoDB behind a proxy that injects faults and counts calls.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig},
    types::AttributeValue,
};
use minigate_domain::{
    AuditEntry, BotId, Clock, Entropy, IdempotencyKey, Origin, Profile, RefreshOutcome, Rotated,
    Session, SessionId, Tier, Timestamp, UserId,
};
use minigate_embedded_aws::{EmbeddedAws, Options};
use minigate_store::{
    AccountStore, OpenOutcome, OpenSession, OpenedSession, Store, StoreError, Tables,
};
use minigate_testkit::{FakeClock, SeededEntropy, faults::FaultProxy};

pub(crate) const LIFETIME: Duration = Duration::from_secs(3_600);
pub(crate) const LIMIT: usize = 5;

pub(crate) struct Bed {
    pub(crate) store: Store,
    pub(crate) accounts: AccountStore,
    pub(crate) faults: FaultProxy,
    pub(crate) clock: FakeClock,
    pub(crate) client: Client,
    entropy: SeededEntropy,
    _aws: EmbeddedAws,
}

impl Bed {
    pub(crate) async fn start() -> Self {
        let aws = EmbeddedAws::start(Options::default()).await.unwrap();
        let faults = FaultProxy::start(&aws.endpoint_url()).await.unwrap();
        let client = client(&faults.endpoint_url());
        let tables = tables();
        let template = include_str!("../../../../template.yaml");
        aws.create_tables(template, &tables.by_logical_id()).unwrap();
        let store = Store::new(client.clone(), tables);
        Self {
            accounts: store.accounts(),
            store,
            faults,
            clock: FakeClock::default(),
            client,
            entropy: SeededEntropy::new(1),
            _aws: aws,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn request(&self, user: u64) -> OpenSession {
        let bot = BotId::new(1).unwrap();
        let now = self.now();
        OpenSession {
            id: SessionId::random(&self.entropy),
            user_id: user_id(user),
            session: Session::open(bot, Origin::default(), None, now, LIFETIME),
            first_profile: Profile::first(user_id(user), "Ada", None, Some("en"), now),
            limit: LIMIT,
            one_time_use: None,
        }
    }

    /// Opens a session, a moment after the one before.
    pub(crate) async fn open(&self, user: u64) -> OpenedSession {
        self.clock.advance(Duration::from_millis(10));
        opened(self.try_open(&self.request(user)).await.unwrap())
    }

    /// Reads the account and opens the session.
    pub(crate) async fn try_open(&self, request: &OpenSession) -> Result<OpenOutcome, StoreError> {
        let account = self.accounts.account(request.user_id).await?;
        self.accounts.open_session(request, account, self.now()).await
    }

    /// Deletes the sessions item of a user.
    pub(crate) async fn forget_sessions(&self, user: u64) {
        let deletion = self.client.delete_item().table_name("main");
        deletion
            .set_key(Some(sessions_key(user)))
            .condition_expression("attribute_exists(PK)")
            .send()
            .await
            .unwrap();
    }

    /// When DynamoDB may delete the sessions item of a user, in Unix seconds.
    pub(crate) async fn time_to_live(&self, user: u64) -> u64 {
        let read = self.client.get_item().table_name("main").set_key(Some(sessions_key(user)));
        let item = read.consistent_read(true).send().await.unwrap().item.unwrap();
        item["ttl"].as_n().unwrap().parse().unwrap()
    }

    /// What an administrator does now.
    pub(crate) fn entry(&self, action: &str) -> AuditEntry {
        AuditEntry::new(&self.entropy, self.now(), user_id(99), action, "subject".to_owned())
    }

    pub(crate) async fn set_tier(&self, user: u64, tier: Tier) {
        let entry = self.entry("tier.changed");
        self.accounts.set_tier(user_id(user), tier, &entry).await.unwrap();
    }

    pub(crate) fn random_key(&self) -> Option<IdempotencyKey> {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes);
        Some(format!("{:x}", u64::from_le_bytes(bytes)).parse().unwrap())
    }
}

/// The session that must be open.
pub(crate) fn opened(outcome: OpenOutcome) -> OpenedSession {
    let OpenOutcome::Opened(session) = outcome else { panic!("{outcome:?}") };
    session
}

/// The generation that a refresh must have made.
pub(crate) fn refreshed(outcome: RefreshOutcome) -> Rotated {
    let RefreshOutcome::Refreshed(newest) = outcome else { panic!("{outcome:?}") };
    newest
}

fn sessions_key(user: u64) -> HashMap<String, AttributeValue> {
    [("PK", format!("USER#{user}")), ("SK", "ACCOUNT#SESSIONS".to_owned())]
        .map(|(name, value)| (name.to_owned(), AttributeValue::S(value)))
        .into()
}

fn tables() -> Tables {
    let [main, volatile, audit] = ["main", "volatile", "audit"].map(str::to_owned);
    Tables { main, volatile, audit }
}

pub(crate) fn user_id(number: u64) -> UserId {
    UserId::new(number).unwrap()
}

pub(crate) fn client(endpoint_url: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint_url)
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(3)
                .with_initial_backoff(Duration::from_millis(1)),
        )
        .timeout_config(
            TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(5)).build(),
        )
        .build();
    Client::from_conf(config)
}
