//! The state that every handler shares.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aws_config::SdkConfig;
use minigate_domain::{Clock, Entropy, Timestamp};
use minigate_service::{Context, accounts::Accounts};
use minigate_store::Store;
use tokio::time::timeout;

use crate::{
    Background, Config, Metrics, SystemClock, SystemEntropy, aws,
    caches::Caches,
    environment,
    layers::AddressLimit,
    limits::Limits,
    metrics::Origin,
    secrets::{Bots, SecretsManager, SigningSecret, Surroundings},
    services::Services,
    settings::{Adopted, Live, Settings},
    workers::{self, EffectOutbox, Marks},
};

/// How long a start waits for the secrets. A Secrets Manager that is down must not keep a function
/// from starting: it then answers with 503 until the secrets come.
const WARM_TIMEOUT: Duration = Duration::from_secs(3);

/// The shared state of a process: made once, at start. Cloning is cheap.
#[derive(Clone)]
pub struct Platform(Arc<Parts>);

/// What a [`Platform`] consists of.
pub struct Parts {
    /// What the deployment sets.
    pub config: Config,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// The product's data.
    pub store: Store,
    /// Who may have signed init data.
    pub bots: Bots,
    /// What signs tokens.
    pub signing: SigningSecret,
    /// The limit per client address.
    pub address_limit: AddressLimit,
    /// The limits that hold over all instances.
    pub limits: Limits,
    /// The users' accounts.
    pub accounts: Accounts,
    /// What is in memory and has no service: policies, and the keys that are published.
    pub caches: Caches,
    /// Where events are counted.
    pub metrics: Metrics,
    /// Work that requests leave running.
    pub background: Background,
    pub(crate) live: Live,
    pub(crate) services: Services,
    /// Effects outside DynamoDB, which are written in the transaction of their cause.
    pub outbox: EffectOutbox,
    /// Marks of what was done, and the client that writes them.
    pub(crate) marks: Marks,
    /// What clients of AWS share. A heavy client is made of it by the function that needs one.
    pub aws: SdkConfig,
    is_cold: AtomicBool,
}

impl Deref for Platform {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Platform {
    /// The platform on AWS as the environment describes it: region, credentials, endpoint.
    pub async fn from_environment(config: Config) -> Self {
        let aws = aws::configuration_from_environment(environment()).await;
        Self::new(config, &aws, Arc::new(SystemClock), Arc::new(SystemEntropy))
    }

    /// The platform on this AWS configuration. Makes no call.
    #[expect(clippy::expect_used, reason = "the namespaces are constants, which a test builds")]
    pub fn new(
        config: Config,
        aws: &SdkConfig,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let dynamodb = aws_sdk_dynamodb::Client::new(aws);
        let store = Store::new(dynamodb.clone(), config.tables.clone());
        let outbox = workers::outbox(&dynamodb, &config.tables.main, &clock, &*entropy);
        let marks = Marks::new(dynamodb.clone(), &config.tables.main);
        let source = SecretsManager::new(aws_sdk_secretsmanager::Client::new(aws));
        let origin = Origin {
            function: config.function_name.clone(),
            version: config.function_version.clone(),
            deployment: config.tables.main.clone(),
        };
        let metrics = Metrics::new(Arc::clone(&clock), origin);
        let background = Background::default();
        let surroundings = Surroundings {
            clock: Arc::clone(&clock),
            background: background.clone(),
            metrics: metrics.clone(),
        };
        let signing = SigningSecret::new(&config, &source, &surroundings);
        let caches =
            Caches::new(&config, dynamodb.clone(), &store, &signing, &*entropy, &surroundings)
                .expect("the namespaces of the cache");
        let changed = caches.policies.clone();
        let live = Live::new(&config, store.clone(), changed, &surroundings);
        let settings = live.clone();
        let longest_access_token = move |now| settings.settings().longest_access_token(now);
        let accounts = Accounts::new(
            caches.cache(),
            &store,
            Arc::clone(&clock),
            Arc::clone(&entropy),
            background.clone(),
            longest_access_token,
        );
        let services = Services::new(Context {
            cache: caches.cache().clone(),
            store: store.clone(),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            background: background.clone(),
        });
        let limits = Limits::new(&config, dynamodb, live.clone(), &*entropy, &surroundings);
        Self(Arc::new(Parts {
            bots: Bots::new(&config, &source, &surroundings),
            signing,
            address_limit: AddressLimit::new(config.address_limit_per_minute, Arc::clone(&clock)),
            limits,
            accounts: accounts.expect("the namespace of the accounts"),
            caches,
            services,
            outbox,
            marks,
            aws: aws.clone(),
            config,
            clock,
            entropy,
            store,
            metrics,
            background,
            live,
            is_cold: AtomicBool::new(true),
        }))
    }

    /// Fetches the secrets before the first request comes, all at once, and concurrently what
    /// administrators have changed of limits and settings, if the function needs them. The connection to DynamoDB, most of whose price is
    /// its TLS handshake, is then there for the first request.
    pub async fn warm(&self) {
        // Boxed: the SDK's types within each other are too deep for the compiler.
        let secrets = Box::pin(async { tokio::join!(self.bots.warm(), self.signing.warm()) });
        let documents = async {
            if self.config.needs.settings {
                self.prepare().await;
            }
        };
        let _ = tokio::join!(timeout(WARM_TIMEOUT, secrets), documents);
    }

    /// Reads what administrators have changed, so that the first request need not wait for it. Takes
    /// 500 ms at most, and does not fail: without it, what the deployment has is in force.
    pub async fn prepare(&self) {
        self.live.ready().await;
    }

    /// The settings of the moment.
    pub fn settings(&self) -> Arc<Settings> {
        self.live.settings()
    }

    /// Applies what an administrator has just changed. Other instances read it within seconds.
    pub async fn adopt(&self, adopted: Adopted) {
        self.live.adopt(adopted).await;
    }

    /// Gives back what is held in advance, for `limit` at most. To be called before the process
    /// ends.
    pub async fn stop(&self, limit: Duration) {
        tokio::join!(self.limits.shutdown(limit), self.caches.shutdown(limit));
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether this is the first request of the process. True once.
    pub(crate) fn take_cold_start(&self) -> bool {
        self.is_cold.swap(false, Ordering::Relaxed)
    }
}
