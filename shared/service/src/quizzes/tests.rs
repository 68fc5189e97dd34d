//! The quizzes of two instances, on an embedded DynamoDB behind a proxy that counts calls and injects faults, and
//! with a clock that the tests move.

use std::{sync::Arc, time::UNIX_EPOCH};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
};
use futures_util::future::join_all;
use minigate_cache::{DynamoLevel, Work};
use minigate_embedded_aws::{EmbeddedAws, Options};
use minigate_store::Tables;
use minigate_testkit::{
    FakeClock, SeededEntropy,
    faults::{Fault, FaultProxy},
};

use super::*;

const AUTHOR: Author = Author { id: user(7), may_change_all: false };

const fn user(id: u64) -> UserId {
    match UserId::new(id) {
        Ok(id) => id,
        Err(_) => panic!("no id"),
    }
}

struct Bed {
    quizzes: Quizzes,
    clock: FakeClock,
    faults: FaultProxy,
    background: Background,
    client: Client,
    _aws: EmbeddedAws,
}

impl Bed {
    async fn start() -> Self {
        let aws = EmbeddedAws::start(Options::default()).await.unwrap();
        let faults = FaultProxy::start(&aws.endpoint_url()).await.unwrap();
        let template = include_str!("../../../../template.yaml");
        aws.create_tables(template, &tables().by_logical_id()).unwrap();
        let client = client(&faults.endpoint_url());
        let (clock, background) = (FakeClock::default(), Background::default());
        let quizzes = quizzes(&client, &clock, &background);
        Self { quizzes, clock, faults, background, client, _aws: aws }
    }

    /// The quizzes of another instance, with the same clock.
    fn instance(&self) -> Quizzes {
        quizzes(&self.client, &self.clock, &self.background)
    }

    /// A published quiz, some time ago.
    async fn published(&self, title: &str) {
        let put = self.quizzes.put_draft(&id(), &titled(title), AUTHOR, KnownDraft::Nothing).await;
        assert!(matches!(put, Ok(PutDraftOutcome::Created(_) | PutDraftOutcome::Saved(_))));
        let published = self.quizzes.publish(&id(), AUTHOR, None).await;
        assert!(matches!(published, Ok(PublishOutcome::Published(_))), "{published:?}");
    }

    fn calls(&self) -> usize {
        ["GetItem", "BatchGetItem", "Query"].map(|name| self.faults.count(name)).iter().sum()
    }
}

fn tables() -> Tables {
    let [main, volatile, audit] = ["main", "volatile", "audit"].map(str::to_owned);
    Tables { main, volatile, audit }
}

fn client(endpoint_url: &str) -> Client {
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
        );
    Client::from_conf(config.build())
}

fn quizzes(client: &Client, clock: &FakeClock, background: &Background) -> Quizzes {
    let (for_cache, spawner) = (clock.clone(), background.clone());
    let now = move || UNIX_EPOCH + Duration::from_millis(for_cache.now().unix_millis());
    let patience = Duration::from_secs(5);
    let cache = Cache::builder(DynamoLevel::new(client.clone(), "volatile").timeout(patience), now)
        .spawner(move |work: Work| spawner.start(work))
        .level_timeout(patience)
        .max_clock_skew(Duration::from_secs(1))
        .build()
        .unwrap();
    Quizzes::new(&Context {
        cache,
        store: Store::new(client.clone(), tables()),
        clock: Arc::new(clock.clone()),
        entropy: Arc::new(SeededEntropy::new(5)),
        background: background.clone(),
    })
    .unwrap()
}

fn id() -> QuizId {
    "first".parse().unwrap()
}

fn titled(title: &str) -> QuizDraft {
    let mut json: serde_json::Value =
        serde_json::from_str(include_str!("../../../domain/src/quizzes/example.json")).unwrap();
    json["title"]["en"] = title.into();
    serde_json::from_value(json).unwrap()
}

async fn title(quizzes: &Quizzes, freshest: Freshest) -> Option<String> {
    let face = quizzes.face(&id(), freshest).await.unwrap()?;
    let english = "en".parse().unwrap();
    Some(face.card.title.get(&english, &english).to_owned())
}

async fn titles(quizzes: &Quizzes) -> Vec<String> {
    let page = quizzes.page(QuizList::default(), None, 20, Freshest::Cached).await.unwrap();
    page.quizzes.iter().map(|quiz| quiz.title.clone()).collect()
}

#[tokio::test]
async fn two_thousand_readers_of_a_quiz_cost_one_load() {
    let bed = Bed::start().await;
    bed.published("A").await;
    let other = bed.instance();
    bed.faults.reset_counts();
    let readers = (0..2_000).map(|_| title(&other, Freshest::Cached));
    let read = join_all(readers).await;
    assert!(read.iter().all(|title| title.as_deref() == Some("A")));
    assert_eq!(bed.calls(), 1);
    let lists = join_all((0..2_000).map(|_| titles(&other))).await;
    assert!(lists.iter().all(|titles| titles == &["A"]));
    assert_eq!(bed.calls(), 2);
    let versions = join_all((0..2_000).map(|_| async {
        let id = id();
        other.version(&id, Version::FIRST).await.unwrap().is_some()
    }));
    assert!(versions.await.into_iter().all(|is_there| is_there));
    assert_eq!(bed.calls(), 3);
}

#[tokio::test]
async fn what_is_warm_costs_nothing_for_four_minutes_and_is_never_older_than_five() {
    let bed = Bed::start().await;
    bed.published("A").await;
    bed.clock.advance(Duration::from_secs(10));
    let other = bed.instance();
    let read = async || (title(&other, Freshest::Cached).await.unwrap(), titles(&other).await);
    assert_eq!(read().await, ("A".to_owned(), vec!["A".to_owned()]));
    bed.published("B").await;
    bed.faults.reset_counts();
    bed.clock.advance(Duration::from_secs(3 * 60));
    assert_eq!(read().await.0, "A", "it trusts the stamps that it knows");
    assert_eq!(bed.calls(), 0);
    assert_eq!(title(&other, Freshest::Required).await.unwrap(), "B", "an author's page asks");
    bed.clock.advance(Duration::from_secs(2 * 60));
    assert_eq!(read().await.1, ["B"]);
}

#[tokio::test]
async fn a_change_is_seen_at_once_where_it_was_made() {
    let bed = Bed::start().await;
    let quizzes = &bed.quizzes;
    assert_eq!(title(quizzes, Freshest::Cached).await, None);
    assert!(titles(quizzes).await.is_empty());
    for name in ["A", "B"] {
        bed.published(name).await;
        assert_eq!(title(quizzes, Freshest::Cached).await.unwrap(), name);
        assert_eq!(titles(quizzes).await, [name]);
        bed.clock.advance(Duration::from_secs(10));
        assert_eq!(titles(quizzes).await, [name]);
    }
    quizzes.archive(&id(), AUTHOR, None).await.unwrap();
    assert!(titles(quizzes).await.is_empty());
    let face = quizzes.face(&id(), Freshest::Cached).await.unwrap().unwrap();
    assert_eq!(face.status, QuizStatus::Archived);
}

/// A publication whose invalidation fails is an error, although it was written; a retry completes it.
#[tokio::test]
async fn a_publication_whose_invalidation_fails_is_repeated() {
    let bed = Bed::start().await;
    bed.published("A").await;
    bed.clock.advance(Duration::from_secs(10));
    let other = bed.instance();
    assert_eq!(title(&other, Freshest::Cached).await.unwrap(), "A");
    let put = bed.quizzes.put_draft(&id(), &titled("B"), AUTHOR, KnownDraft::Nothing).await;
    assert!(put.is_ok());
    let stamps = bed.faults.inject("UpdateItem", Fault::Refuse);
    let failed = bed.quizzes.publish(&id(), AUTHOR, None).await;
    assert!(matches!(failed, Err(StoreError::Unavailable { .. })), "{failed:?}");
    drop(stamps);
    let again = bed.quizzes.publish(&id(), AUTHOR, None).await;
    assert!(matches!(again, Ok(PublishOutcome::Unchanged(_))), "{again:?}");
    assert_eq!(title(&other, Freshest::Required).await.unwrap(), "B");
}

#[tokio::test]
async fn while_dynamodb_is_down_what_was_known_is_served() {
    let bed = Bed::start().await;
    bed.published("A").await;
    bed.clock.advance(Duration::from_secs(10));
    assert_eq!(title(&bed.quizzes, Freshest::Cached).await.unwrap(), "A");
    bed.clock.advance(Duration::from_secs(30 * 60));
    let _down = bed.faults.inject("GetItem", Fault::Refuse);
    let face = bed.quizzes.face(&id(), Freshest::Cached).await;
    let known = face.is_ok_and(|face| face.is_some());
    let unknown = bed.instance().face(&id(), Freshest::Cached).await;
    assert!(matches!(unknown, Err(StoreError::Unavailable { .. })), "{unknown:?}");
    assert!(known);
}
