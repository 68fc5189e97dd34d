//! The accounts of two instances, on an embedded DynamoDB behind a proxy that injects faults, and with
//! a clock that the tests move.

mod erasure;

use std::{future::pending, sync::Arc, time::UNIX_EPOCH};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
};
use minigate_cache::{DynamoLevel, Work};
use minigate_domain::{BotId, Origin, ProfileChange, RefreshOutcome, Session};
use minigate_embedded_aws::{EmbeddedAws, Options, protocol::Service};
use minigate_store::Tables;
use minigate_testkit::{
    FakeClock, SeededEntropy,
    faults::{Fault, FaultProxy, Target},
};
use tokio::sync::oneshot;

use super::*;

const ACCESS_TOKENS: Duration = Duration::from_secs(300);

struct Bed {
    accounts: Accounts,
    store: AccountStore,
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
        Self {
            accounts: accounts(&client, &clock, &background),
            store: Store::new(client.clone(), tables()).accounts(),
            clock,
            faults,
            background,
            client,
            _aws: aws,
        }
    }

    /// The accounts of another instance, with the same clock.
    fn instance(&self) -> Accounts {
        accounts(&self.client, &self.clock, &self.background)
    }

    /// Lets the work that was started in the background finish.
    async fn settle(&self) {
        assert!(self.background.settle(MINUTE).await);
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

fn accounts(client: &Client, clock: &FakeClock, background: &Background) -> Accounts {
    let (for_cache, spawner) = (clock.clone(), background.clone());
    let now = move || UNIX_EPOCH + Duration::from_millis(for_cache.now().unix_millis());
    let patience = Duration::from_secs(5);
    let cache = Cache::builder(DynamoLevel::new(client.clone(), "volatile").timeout(patience), now)
        .spawner(move |work: Work| spawner.start(work))
        .level_timeout(patience)
        .max_clock_skew(CLOCK_SKEW)
        .build()
        .unwrap();
    let store = Store::new(client.clone(), tables());
    let entropy = Arc::new(SeededEntropy::new(1));
    let clock = Arc::new(clock.clone());
    Accounts::new(&cache, &store, clock, entropy, background.clone(), |_| ACCESS_TOKENS).unwrap()
}

fn user() -> UserId {
    UserId::new(42).unwrap()
}

async fn try_open(accounts: &Accounts, now: Timestamp) -> Result<OpenOutcome, AccountsError> {
    let bot = BotId::new(7).unwrap();
    let new = NewSession {
        session: Session::open(bot, Origin::default(), None, now, 60 * MINUTE),
        first_profile: Profile::first(user(), "Ada", None, None, now),
        limit: 2,
        one_time_use: None,
    };
    accounts.prepare_opening(user()).await?.open(new, now).await
}

async fn open(accounts: &Accounts, now: Timestamp) -> OpenedSession {
    let outcome = try_open(accounts, now).await.unwrap();
    let OpenOutcome::Opened(opened) = outcome else { panic!("{outcome:?}") };
    opened
}

/// A bed with a user who has a session.
async fn bed() -> Bed {
    let bed = Bed::start().await;
    open(&bed.accounts, bed.clock.now()).await;
    bed.faults.reset_counts();
    bed
}

/// Whether there is an account, or why not.
async fn read(bed: &Bed, is_tolerant: bool) -> &'static str {
    match bed.accounts.get(user(), is_tolerant).await {
        Ok(account) => account.map_or("none", |_| "ok"),
        Err(error) if error.is_passing() => "unavailable",
        Err(error) => panic!("{error}"),
    }
}

fn queries(bed: &Bed) -> usize {
    bed.faults.count("Query")
}

#[tokio::test]
async fn an_account_is_loaded_every_half_hour() {
    let bed = bed().await;
    for (minutes, loads) in [(0, 1), (1, 1), (27, 1), (3, 2), (28, 2), (2, 3)] {
        bed.clock.advance(MINUTE * minutes);
        assert_eq!((read(&bed, false).await, queries(&bed)), ("ok", loads), "{minutes}");
        bed.settle().await;
    }
}

#[tokio::test]
async fn an_account_that_cannot_be_checked_is_believed_for_an_hour_by_who_is_tolerant() {
    let bed = bed().await;
    assert_eq!(read(&bed, false).await, "ok");
    let _outage = bed.faults.inject(Service::DynamoDb, Fault::Refuse);
    for (minutes, tolerant) in [(0, "ok"), (20, "ok"), (39, "ok"), (2, "unavailable")] {
        bed.clock.advance(MINUTE * minutes);
        assert_eq!(read(&bed, true).await, tolerant, "{minutes}");
        assert_eq!(read(&bed, false).await, "unavailable", "{minutes}");
    }
}

#[tokio::test]
async fn who_has_no_account_is_asked_for_each_time() {
    let bed = Bed::start().await;
    assert_eq!([read(&bed, true).await, read(&bed, true).await], ["none", "none"]);
    assert_eq!(queries(&bed), 2);
}

/// Others are notified of a session that was evicted while it may have an access token, and not after.
#[tokio::test]
async fn others_are_notified_of_ended_sessions_while_these_may_have_access() {
    let bed = bed().await;
    let last_used = bed.clock.now();
    for (passed, told) in
        [(ACCESS_TOKENS, 1), (Duration::from_secs(2), 2), (Duration::from_millis(1), 2)]
    {
        bed.clock.advance(passed);
        bed.accounts.notify_of_ended_sessions(user(), last_used);
        bed.settle().await;
        assert_eq!(bed.faults.count("UpdateItem"), told, "{passed:?} later");
    }
}

fn to_french() -> ProfileChange {
    ProfileChange { language: Some("fr".parse().unwrap()), ..ProfileChange::default() }
}

async fn language(accounts: &Accounts) -> String {
    let account = accounts.get(user(), false).await.unwrap().unwrap();
    account.profile.language.as_str().to_owned()
}

/// An instance, and another one that knows the user.
async fn two_instances() -> (Bed, Accounts) {
    let bed = bed().await;
    let other = bed.instance();
    assert_eq!(language(&other).await, "en");
    bed.clock.advance(MINUTE);
    bed.faults.reset_counts();
    assert_eq!(language(&other).await, "en");
    assert_eq!(queries(&bed), 0, "it is remembered");
    (bed, other)
}

async fn remembers_french(bed: &Bed, other: &Accounts) {
    assert_eq!(language(other).await, "fr");
    bed.clock.advance(HOLD + Duration::from_secs(2));
    assert_eq!(language(other).await, "fr");
    bed.faults.reset_counts();
    assert_eq!((language(other).await.as_str(), queries(bed)), ("fr", 0));
}

#[tokio::test]
async fn an_instance_that_dies_after_its_write_leaves_nobody_behind() {
    let (bed, other) = two_instances().await;
    let (store, now) = (bed.store.clone(), bed.clock.now());
    let (written, is_written) = oneshot::channel();
    let write = async move {
        store.change_profile(user(), &to_french(), None, now).await?;
        written.send(()).unwrap();
        pending::<Result<(), StoreError>>().await
    };
    tokio::select! {
        _ = bed.accounts.change(user(), write) => panic!("it has died"),
        written = is_written => written.unwrap(),
    }
    remembers_french(&bed, &other).await;
}

/// Lambda has frozen it between the invalidation and the write, for longer than that holds.
#[tokio::test]
async fn a_write_that_comes_too_late_invalidates_again() {
    let (bed, other) = two_instances().await;
    let (store, clock, elsewhere) = (bed.store.clone(), bed.clock.clone(), other.clone());
    let write = async move {
        clock.advance(HOLD + Duration::from_secs(2));
        assert_eq!(language(&elsewhere).await, "en", "it keeps this");
        store.change_profile(user(), &to_french(), None, clock.now()).await
    };
    bed.accounts.change(user(), write).await.unwrap();
    remembers_french(&bed, &other).await;
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_leaves_nobody_behind() {
    let (bed, other) = two_instances().await;
    let writes = || Target::from("UpdateItem").within("USER#");
    let lost = bed.faults.inject(writes(), Fault::SwallowAnswer);
    let changed = bed.accounts.change_profile(user(), to_french(), None, bed.clock.now()).await;
    assert!(matches!(changed, Err(AccountsError::Store(StoreError::Unavailable { .. }))));
    assert!(lost.hits() > 0);
    drop(lost);
    remembers_french(&bed, &other).await;
}

#[tokio::test]
async fn nothing_is_written_that_others_cannot_be_told_of() {
    let (bed, other) = two_instances().await;
    let writes = || Target::from("UpdateItem").within("USER#");
    let stamps = Target::from("UpdateItem").within("CACHE#");
    let failing = bed.faults.inject(stamps, Fault::ServerError);
    let change =
        async || bed.accounts.change_profile(user(), to_french(), Some(1), bed.clock.now()).await;
    assert!(matches!(change().await, Err(AccountsError::NotInvalidated(_))));
    assert_eq!((failing.hits(), bed.faults.count(writes())), (3, 0));
    assert_eq!(language(&other).await, "en");
    drop(failing);
    assert!(matches!(change().await, Ok(ChangeOutcome::Changed(_))));
    remembers_french(&bed, &other).await;
}

/// The sessions that another instance sees, which knows the account from before.
async fn sessions(accounts: &Accounts) -> BTreeSet<SessionId> {
    accounts.get(user(), false).await.unwrap().unwrap().sessions.clone()
}

#[tokio::test]
async fn a_session_that_another_one_evicts_has_ended_on_every_instance() {
    let (bed, other) = two_instances().await;
    let second = open(&bed.accounts, bed.clock.now()).await.id;
    bed.settle().await;
    let known = sessions(&other).await;
    assert!(!known.contains(&second), "{known:?}: nobody had to know of one more");
    bed.clock.advance(MINUTE);
    let third = open(&bed.accounts, bed.clock.now()).await.id;
    bed.settle().await;
    assert_eq!(sessions(&other).await, BTreeSet::from([second, third]));
}

#[tokio::test]
async fn a_session_that_is_newer_than_the_account_is_found() {
    let (bed, other) = two_instances().await;
    let now = bed.clock.now();
    let second = open(&bed.accounts, now).await.id;
    assert!(other.of_session(user(), second, now, false).await.unwrap().is_some());
    let revoked = bed.accounts.revoke_session(user(), second, None).await.unwrap();
    assert_eq!(revoked, RevokeOutcome::Revoked);
    assert!(other.of_session(user(), second, now, false).await.unwrap().is_none());
}

#[tokio::test]
async fn a_refresh_token_that_is_used_twice_ends_its_session_on_every_instance() {
    let (bed, other) = two_instances().await;
    let known = sessions(&other).await;
    let [session_id] = known.iter().copied().collect::<Vec<_>>()[..] else { panic!("{known:?}") };
    let refresh = async || {
        let (origin, lifetime) = (Origin::default(), MINUTE);
        let refresh =
            Refresh { user_id: user(), session_id, generation: 0, origin, made_by: None, lifetime };
        bed.accounts.refresh_session(refresh, bed.clock.now()).await.unwrap()
    };
    assert!(matches!(refresh().await, RefreshOutcome::Refreshed(_)));
    assert_eq!(sessions(&other).await, known);
    assert_eq!(refresh().await, RefreshOutcome::Reused);
    assert!(sessions(&other).await.is_empty());
    assert_eq!(refresh().await, RefreshOutcome::Ended);
}

#[tokio::test]
async fn an_opening_goes_on_when_its_request_is_stopped() {
    let bed = bed().await;
    let writes = Target::from("UpdateItem").within("USER#");
    let slow = bed.faults.inject_times(1, writes, Fault::DelayRequest(Duration::from_millis(100)));
    let on_its_way = async {
        while slow.hits() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = try_open(&bed.accounts, bed.clock.now()) => panic!("it is slow"),
        () = on_its_way => {}
    }
    bed.settle().await;
    let ListOutcome::Listed(listed) = bed.accounts.list_sessions(user(), None).await.unwrap()
    else {
        panic!("nobody asks by a session")
    };
    assert_eq!(listed.by_id.len(), 2);
}

#[tokio::test]
async fn an_error_says_whether_it_passes() {
    let bed = bed().await;
    let refused = bed.faults.inject("Query", Fault::Refuse);
    let unavailable = bed.accounts.prepare_opening(user()).await.err().unwrap();
    assert!(unavailable.is_passing(), "{unavailable}");
    drop(refused);
    bed.client.delete_table().table_name("main").send().await.unwrap();
    for failed in [
        bed.accounts.prepare_opening(user()).await.err().unwrap(),
        bed.accounts.get(user(), true).await.err().unwrap(),
    ] {
        assert!(!failed.is_passing(), "{failed}");
    }
}
