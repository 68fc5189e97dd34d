//! The leaderboards of two instances, on an embedded DynamoDB behind a proxy that counts calls, and with
//! a clock that the tests move.

use std::{collections::BTreeMap, time::UNIX_EPOCH};

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
};
use minigate_cache::{Cache, DynamoLevel, Work};
use minigate_domain::{
    BotId, LeaderboardName, Origin, Profile, ProfileChange, Session, SessionId,
    leaderboards::{IsoWeek, Lane, Period, Scope, ScopeLane},
    quizzes::QuizId,
};
use minigate_embedded_aws::{EmbeddedAws, Options};
use minigate_store::{OpenSession, Tables};
use minigate_testkit::{FakeClock, SeededEntropy, faults::FaultProxy};

use super::*;
use crate::Background;

struct Bed {
    boards: Leaderboards,
    store: Store,
    clock: FakeClock,
    entropy: SeededEntropy,
    faults: FaultProxy,
    background: Background,
    _aws: EmbeddedAws,
}

impl Bed {
    async fn start() -> Self {
        let aws = EmbeddedAws::start(Options::default()).await.unwrap();
        let faults = FaultProxy::start(&aws.endpoint_url()).await.unwrap();
        let [main, volatile, audit] = ["main", "volatile", "audit"].map(str::to_owned);
        let tables = Tables { main, volatile, audit };
        let template = include_str!("../../../../template.yaml");
        aws.create_tables(template, &tables.by_logical_id()).unwrap();
        let client = client(&faults.endpoint_url());
        let (clock, background) = (FakeClock::default(), Background::default());
        let store = Store::new(client.clone(), tables);
        let (now, spawner) = (clock.clone(), background.clone());
        let now = move || UNIX_EPOCH + Duration::from_millis(now.now().unix_millis());
        let level = DynamoLevel::new(client, "volatile").timeout(Duration::from_secs(5));
        let cache = Cache::builder(level, now)
            .spawner(move |work: Work| spawner.start(work))
            .level_timeout(Duration::from_secs(5))
            .build()
            .unwrap();
        let context = Context {
            cache,
            store: store.clone(),
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::new(2)),
            background: background.clone(),
        };
        let boards = Leaderboards::new(&context).unwrap();
        let entropy = SeededEntropy::new(1);
        Self { boards, store, clock, entropy, faults, background, _aws: aws }
    }

    /// A result of this user, a millisecond after the one before, counted at once.
    async fn result(&self, user: u64, score: u16) {
        self.enter(user, score).await;
        self.count().await;
    }

    async fn enter(&self, user: u64, score: u16) {
        self.clock.advance(Duration::from_millis(1));
        let cause = SessionId::random(&self.entropy).to_string();
        let (quiz, score) = (quiz(), score.try_into().unwrap());
        let entered = self.store.enter_result(id(user), &quiz, score, &cause, self.clock.now());
        entered.await.unwrap().expect("nobody else changes it");
    }

    /// Counts all that waits, and ends what is remembered.
    async fn count(&self) {
        for scope in [of_quiz(), Scope::Global] {
            for lane in Lane::all() {
                self.store.fold(&ScopeLane { scope: scope.clone(), lane }).await.unwrap();
            }
        }
        self.clock.advance(2 * FRESH);
    }

    async fn settle(&self) {
        assert!(self.background.settle(Duration::from_secs(20)).await);
    }

    /// Creates a user with this name, shown or not.
    async fn named(&self, user: u64, name: &str, choice: LeaderboardName) {
        let (accounts, now) = (self.store.accounts(), self.clock.now());
        let session =
            Session::open(BotId::new(1).unwrap(), Origin::default(), None, now, 2 * GRACE);
        let first_profile = Profile::first(id(user), name, None, None, now);
        let session_id = SessionId::random(&self.entropy);
        let request = OpenSession {
            user_id: id(user),
            id: session_id,
            session,
            first_profile,
            limit: 5,
            one_time_use: None,
        };
        let account = accounts.account(id(user)).await.unwrap();
        accounts.open_session(&request, account, now).await.unwrap();
        self.choose(user, choice).await;
    }

    async fn choose(&self, user: u64, choice: LeaderboardName) {
        let change = ProfileChange { leaderboard_name: Some(choice), ..ProfileChange::default() };
        let accounts = self.store.accounts();
        accounts.change_profile(id(user), &change, None, self.clock.now()).await.unwrap();
    }

    /// The calls on the product's table that `work` makes in the foreground and behind.
    async fn calls<T>(&self, work: impl Future<Output = T>) -> (T, BTreeMap<String, usize>) {
        self.settle().await;
        self.faults.reset_counts();
        let done = work.await;
        self.settle().await;
        let mut calls = BTreeMap::new();
        let of_product = minigate_testkit::faults::Target::Any.outside("CACHE#");
        for (call, count) in self.faults.calls_of(of_product) {
            *calls.entry(call.operation.clone()).or_default() += count;
        }
        (done, calls)
    }
}

fn id(user: u64) -> UserId {
    UserId::new(user).unwrap()
}

fn quiz() -> QuizId {
    "rust-basics".parse().unwrap()
}

fn of_quiz() -> Scope {
    Scope::Quiz(quiz())
}

fn all_time() -> Board {
    Board { scope: of_quiz(), period: Period::All }
}

fn client(endpoint_url: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint_url)
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .build();
    Client::from_conf(config)
}

fn ranks_and_scores(rows: &[Row]) -> Vec<(u64, u32)> {
    rows.iter().map(|row| (row.rank, row.score.get())).collect()
}

fn around(place: &OwnPlace) -> Vec<(u64, u32, bool)> {
    let neighbours = place.neighbours.iter();
    neighbours.map(|it| (it.row.rank, it.row.score.get(), it.is_self)).collect()
}

#[tokio::test]
async fn a_list_from_top_to_bottom() {
    let bed = Bed::start().await;
    // Groups of three with the same score, over several pages of entries.
    for user in 0..120_u64 {
        bed.enter(user + 1, u16::try_from(10_000 - user / 3 * 200).unwrap()).await;
    }
    for _ in 0..3 {
        bed.count().await;
    }
    let (mut spot, mut all, mut pages) = (None, Vec::new(), 0);
    loop {
        let list = bed.boards.list(&all_time(), spot).await.unwrap();
        assert_eq!(list.participants, 120);
        all.extend(ranks_and_scores(&list.rows));
        (spot, pages) = (list.next, pages + 1);
        if spot.is_none() {
            break;
        }
    }
    let expected: Vec<_> =
        (0..120_u32).map(|user| (u64::from(user / 3 * 3 + 1), 10_000 - user / 3 * 200)).collect();
    assert_eq!(pages, 3);
    assert_eq!(all, expected);
}

#[tokio::test]
async fn names_follow_the_choice_of_the_moment() {
    let bed = Bed::start().await;
    bed.named(1, "Ada", LeaderboardName::Shown).await;
    bed.named(2, "Grace", LeaderboardName::Hidden).await;
    for (user, score) in [(1, 9_000), (2, 8_000), (3, 7_000)] {
        bed.result(user, score).await;
    }
    let names = async || {
        let list = bed.boards.list(&all_time(), None).await.unwrap();
        let name = |row: &Row| row.name.as_ref().map(|name| name.as_str().to_owned());
        list.rows.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names().await, [Some("Ada".to_owned()), None, None]);
    bed.choose(1, LeaderboardName::Hidden).await;
    bed.choose(2, LeaderboardName::Shown).await;
    bed.clock.advance(FRESH);
    assert_eq!(names().await, [None, Some("Grace".to_owned()), None]);
}

#[tokio::test]
async fn a_list_costs_nothing_when_warm() {
    let bed = Bed::start().await;
    bed.result(1, 9_000).await;
    let board = all_time();
    let list = async || bed.boards.list(&board, None).await.unwrap();
    let (_, first) = bed.calls(list()).await;
    // The sweep of the eight lanes, and the page that has somebody.
    let expected =
        [("BatchGetItem", 2), ("Query", 8 + 1)].map(|(call, count)| (call.to_owned(), count));
    assert_eq!(first, expected.into());
    bed.clock.advance(FRESH - Duration::from_millis(1));
    let (_, warm) = bed.calls(list()).await;
    assert_eq!(warm, BTreeMap::new());
}

#[tokio::test]
async fn what_was_just_reached_shows_at_once() {
    let bed = Bed::start().await;
    for user in 1..=9 {
        bed.result(user, u16::try_from(user).unwrap() * 1_000).await;
    }
    let board = all_time();
    let own = async || bed.boards.own_place(&board, id(1)).await.unwrap();
    assert_eq!(around(&own().await)[3], (9, 1_000, true));
    bed.enter(1, 5_500).await;
    let place = own().await;
    let expected = [
        (2, 8_000, false),
        (3, 7_000, false),
        (4, 6_000, false),
        (5, 5_500, true),
        (6, 5_000, false),
        (7, 4_000, false),
        (8, 3_000, false),
    ];
    assert_eq!(around(&place), expected);
    assert_eq!(place.own().map(|row| row.rank), Some(5));
}

#[tokio::test]
async fn ties_share_a_rank_among_neighbours() {
    let bed = Bed::start().await;
    let scores = [9_500, 9_500, 9_400, 9_300, 9_300, 9_300, 9_300, 9_200, 9_200, 9_100];
    for (user, score) in (1..).zip(scores) {
        bed.result(user, score).await;
    }
    let place = bed.boards.own_place(&all_time(), id(5)).await.unwrap();
    assert_eq!(place.participants, 10);
    let expected = [
        (1, 9_500, false),
        (3, 9_400, false),
        (4, 9_300, false),
        (4, 9_300, true),
        (4, 9_300, false),
        (4, 9_300, false),
        (8, 9_200, false),
    ];
    assert_eq!(around(&place), expected);
}

/// Against counting: 60 users with random scores, everybody's place and neighbours.
#[tokio::test]
async fn places_are_exact() {
    let bed = Bed::start().await;
    let mut best: BTreeMap<u64, (u16, u64)> = BTreeMap::new();
    let mut random = 12_345_u64;
    for step in 0..90_u64 {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (user, score) = (1 + (random >> 33) % 60, ((random >> 40) % 11) as u16 * 1_000);
        bed.enter(user, score).await;
        let own = best.entry(user).or_insert((score, step));
        if score > own.0 {
            *own = (score, step);
        }
    }
    for _ in 0..2 {
        bed.count().await;
    }
    let mut order: Vec<_> =
        best.iter().map(|(user, (score, step))| (*score, *step, *user)).collect();
    order.sort_by_key(|(score, step, _)| (u16::MAX - score, *step));
    let rank = |score: u16| 1 + order.iter().filter(|(other, ..)| *other > score).count() as u64;
    for (index, (score, _, user)) in order.iter().enumerate() {
        let place = bed.boards.own_place(&all_time(), id(*user)).await.unwrap();
        assert_eq!(place.participants, order.len() as u64);
        assert_eq!(place.own().map(|row| row.rank), Some(rank(*score)));
        let own = place.neighbours.iter().position(|it| it.is_self).unwrap();
        for (offset, neighbour) in place.neighbours.iter().enumerate() {
            let (score, ..) = order[index + offset - own];
            let expected = (rank(score), u32::from(score));
            assert_eq!((neighbour.row.rank, neighbour.row.score.get()), expected, "near {user}");
        }
    }
}

#[tokio::test]
async fn a_place_is_four_calls_when_warm() {
    let bed = Bed::start().await;
    for user in 1..=20 {
        bed.enter(user, 9_300 + u16::try_from(user).unwrap()).await;
    }
    bed.count().await;
    let board = all_time();
    let own = async |user| bed.boards.own_place(&board, id(user)).await.unwrap();
    own(10).await;
    let (_, warm) = bed.calls(own(11)).await;
    let expected = [("BatchGetItem", 1), ("GetItem", 1), ("Query", 2)]
        .map(|(call, count)| (call.to_owned(), count));
    assert_eq!(warm, expected.into());
    bed.clock.advance(FRESH);
    let (_, cold) = bed.calls(own(10)).await;
    assert_eq!(cold.get("BatchGetItem"), Some(&2), "the counters: {cold:?}");
    assert_eq!(cold.values().sum::<usize>(), 5);
}

#[tokio::test]
async fn leaving_and_coming_back() {
    let bed = Bed::start().await;
    bed.named(1, "Ada", LeaderboardName::Shown).await;
    bed.result(1, 9_000).await;
    let board = all_time();
    for _ in 0..2 {
        bed.boards.leave(&board.scope, id(1)).await.unwrap();
        bed.settle().await;
        bed.clock.advance(FRESH);
        let place = bed.boards.own_place(&board, id(1)).await.unwrap();
        assert_eq!((place.own(), place.participants, place.has_left), (None, 0, true));
        assert_eq!(bed.boards.list(&board, None).await.unwrap().rows, []);
    }
    bed.result(1, 9_500).await;
    bed.boards.rejoin(&board.scope, id(1)).await.unwrap();
    bed.settle().await;
    bed.clock.advance(FRESH);
    let list = bed.boards.list(&board, None).await.unwrap();
    assert_eq!((ranks_and_scores(&list.rows), list.participants), (vec![(1, 9_500)], 1));
}

#[tokio::test]
async fn a_week_ends_and_the_next_begins_empty() {
    let bed = Bed::start().await;
    bed.result(1, 9_000).await;
    let week = |bed: &Bed| Period::Week(IsoWeek::of(bed.clock.now()));
    let former = Board { scope: Scope::Global, period: week(&bed) };
    bed.clock.advance(Duration::from_secs(7 * 24 * 3_600));
    let present = Board { scope: Scope::Global, period: week(&bed) };
    bed.result(2, 5_000).await;
    bed.result(1, 10_000).await;
    for (board, expected) in [
        (former, vec![(1, 900)]),
        (present, vec![(1, 500), (2, 100)]),
        (Board { scope: Scope::Global, period: Period::All }, vec![(1, 1_000), (2, 500)]),
    ] {
        let list = bed.boards.list(&board, None).await.unwrap();
        assert_eq!(ranks_and_scores(&list.rows), expected, "{board}");
    }
}

#[tokio::test]
async fn an_instance_folds_a_lane_once_a_second() {
    let bed = Bed::start().await;
    let lane = || ScopeLane { scope: of_quiz(), lane: Lane::of(id(1)) };
    bed.enter(1, 5_000).await;
    let fold = async || bed.boards.fold_beside([lane()]);
    let (_, first) = bed.calls(fold()).await;
    let of = |calls: &BTreeMap<String, usize>, call: &str| calls.get(call).copied().unwrap_or(0);
    assert_eq!((of(&first, "Query"), of(&first, "TransactWriteItems")), (1, 1));
    bed.enter(1, 6_000).await;
    let (_, second) = bed.calls(fold()).await;
    assert_eq!(second, BTreeMap::new(), "within the second");
    bed.clock.advance(Duration::from_secs(1));
    // Beside any other fold, what had to wait is counted as well.
    let (_, third) = bed.calls(async { bed.boards.fold_beside([]) }).await;
    assert_eq!((of(&third, "Query"), of(&third, "TransactWriteItems")), (1, 1));
    bed.clock.advance(FRESH);
    let list = bed.boards.list(&all_time(), None).await.unwrap();
    assert_eq!((ranks_and_scores(&list.rows), list.participants), (vec![(1, 6_000)], 1));
}

#[tokio::test]
async fn readers_have_counted_what_nobody_else_did() {
    let bed = Bed::start().await;
    bed.enter(1, 5_000).await;
    bed.boards.list(&all_time(), None).await.unwrap();
    bed.settle().await;
    bed.clock.advance(FRESH);
    let list = bed.boards.list(&all_time(), None).await.unwrap();
    assert_eq!(list.participants, 1);
}
