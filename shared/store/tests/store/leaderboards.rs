use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

use minigate_domain::{
    Timestamp, UserId,
    leaderboards::{Board, BoardScore, Census, IsoWeek, Lane, Period, Scope, ScopeLane, Standing},
    quizzes::QuizId,
};
use minigate_store::{
    StoreError,
    leaderboards::{
        Entry, EntryRange, FoldOutcome, RecountOutcome, RecountStep, Recounted, StandingOutcome,
    },
};
use minigate_testkit::faults::Fault;
use tokio::task::JoinSet;

use crate::bed::{Bed, user_id};

const SECOND: Duration = Duration::from_secs(1);

fn quiz() -> QuizId {
    "rust-basics".parse().unwrap()
}

fn of_quiz() -> Scope {
    Scope::Quiz(quiz())
}

fn score(number: u32) -> BoardScore {
    number.try_into().unwrap()
}

fn all_time(scope: Scope) -> Board {
    Board { scope, period: Period::All }
}

impl Bed {
    /// A result of this user now; the lanes in which moves wait.
    async fn result(&self, user: u64, score: u16) -> Option<Vec<ScopeLane>> {
        self.clock.advance(Duration::from_millis(1));
        let (cause, score) = (self.random_key().unwrap().to_string(), score.try_into().unwrap());
        let quiz = quiz();
        let entered = self.store.enter_result(user_id(user), &quiz, score, &cause, self.now());
        entered.await.unwrap()
    }

    async fn of(&self, user: u64, scope: &Scope) -> Standing {
        self.store.standing(user_id(user), scope).await.unwrap()
    }

    /// Counts all that waits.
    async fn fold_all(&self) -> usize {
        let mut sum = 0;
        for scope in [of_quiz(), Scope::Global] {
            for lane in Lane::all() {
                let lane = ScopeLane { scope: scope.clone(), lane };
                while let FoldOutcome::Counted(count) | FoldOutcome::CountedSome(count) =
                    self.store.fold(&lane).await.unwrap()
                {
                    sum += count;
                }
            }
        }
        sum
    }

    async fn census(&self, board: &Board, around: Option<u32>) -> Census {
        let around = around.map(score);
        let nodes = board.scope.nodes(around);
        let counts = self.store.board_counts(board, &nodes).await.unwrap();
        Census::new(&board.scope, &counts, around)
    }

    /// All entries of a board, the best first: user and score.
    async fn list(&self, board: &Board) -> Vec<(u64, u32)> {
        let mut list = Vec::new();
        for page in board.scope.pages() {
            let entries = self.store.entries(board, page, EntryRange::Top, 100).await.unwrap();
            list.extend(entries.iter().map(|entry| (entry.user_id.get(), entry.score.get())));
        }
        list
    }
}

/// Users of one lane.
fn users_of_lane(lane: Lane) -> impl Iterator<Item = u64> {
    (1..).filter(move |user| Lane::of(UserId::new(*user).unwrap()) == lane)
}

#[tokio::test]
async fn a_result_enters_four_boards_and_a_better_one_moves() {
    let bed = Bed::start().await;
    let waiting = bed.result(1, 8_000).await.unwrap();
    assert_eq!(waiting.len(), 2);
    assert_eq!(bed.result(1, 7_000).await, Some(Vec::new()));
    bed.result(1, 9_500).await.unwrap();
    let week = Period::Week(IsoWeek::of(bed.now()));
    for (scope, score) in [(of_quiz(), 9_500), (Scope::Global, 950)] {
        for period in [Period::All, week] {
            let board = Board { scope: scope.clone(), period };
            assert_eq!(bed.list(&board).await, [(1, score)], "{board}");
            assert_eq!(bed.census(&board, Some(score)).await.participants(), 0);
        }
    }
    assert_eq!(bed.fold_all().await, 4);
    for (scope, score) in [(of_quiz(), 9_500), (Scope::Global, 950)] {
        let census = bed.census(&Board { scope, period: week }, Some(score)).await;
        assert_eq!(census.participants(), 1);
        assert_eq!(census.rank(self::score(score)), Some(1));
    }
    assert_eq!(bed.fold_all().await, 0);
}

#[tokio::test]
async fn only_weekly_boards_end() {
    let bed = Bed::start().await;
    bed.result(1, 8_000).await.unwrap();
    bed.fold_all().await;
    let kept_until = IsoWeek::of(bed.now()).kept_until().unix_seconds().to_string();
    #[expect(clippy::disallowed_methods, reason = "a test that looks at every item")]
    let items = bed.client.scan().table_name("main").send().await.unwrap().items.unwrap();
    assert!(items.len() > 10);
    for item in items {
        let is_weekly = item["PK"].as_s().unwrap().contains("-W");
        let until = item.get("ttl").map(|until| until.as_n().unwrap().as_str());
        assert_eq!(until, is_weekly.then_some(kept_until.as_str()), "{item:?}");
    }
}

#[tokio::test]
async fn of_two_results_made_from_one_standing_the_second_is_refused() {
    let bed = Bed::start().await;
    let results = (0..8).map(|index| {
        let (store, now) = (bed.store.clone(), bed.now());
        async move {
            let score = (1_000 * (index + 1)).try_into().unwrap();
            store.enter_result(user_id(1), &quiz(), score, &format!("c{index}"), now).await.unwrap()
        }
    });
    let outcomes = results.collect::<JoinSet<_>>().join_all().await;
    assert!(outcomes.iter().any(Option::is_some));
    bed.fold_all().await;
    let board = all_time(of_quiz());
    let list = bed.list(&board).await;
    assert_eq!(list.len(), 1, "one entry of one user: {list:?}");
    assert_eq!(bed.census(&board, None).await.participants(), 1);
}

#[tokio::test]
async fn equal_scores_share_a_rank_and_the_earlier_is_listed_first() {
    let bed = Bed::start().await;
    for (user, score) in [(3, 5_000), (1, 9_000), (2, 9_000), (4, 1_000)] {
        bed.result(user, score).await.unwrap();
    }
    bed.fold_all().await;
    let board = all_time(of_quiz());
    assert_eq!(bed.list(&board).await, [(1, 9_000), (2, 9_000), (3, 5_000), (4, 1_000)]);
    for (score, rank) in [(9_000, 1), (5_000, 3), (1_000, 4)] {
        let census = bed.census(&board, Some(score)).await;
        assert_eq!(census.rank(self::score(score)), Some(rank));
    }
}

#[tokio::test]
async fn entries_around_an_entry() {
    let bed = Bed::start().await;
    for user in 1..=6 {
        bed.result(user, 9_000 + u16::try_from(user).unwrap()).await.unwrap();
    }
    let board = all_time(of_quiz());
    let place = bed.of(4, &of_quiz()).await.all.unwrap();
    let own = Entry { user_id: user_id(4), score: place.score, at: place.at };
    let page = of_quiz().page_of(place.score);
    for (range, users) in [
        (EntryRange::Top, [6, 5]),
        (EntryRange::After(own), [3, 2]),
        (EntryRange::Before(own), [5, 6]),
        (EntryRange::Bottom, [1, 2]),
    ] {
        let entries = bed.store.entries(&board, page, range, 2).await.unwrap();
        let found: Vec<u64> = entries.iter().map(|entry| entry.user_id.get()).collect();
        assert_eq!(found, users, "{range:?}");
    }
}

#[tokio::test]
async fn racing_folds_count_each_change_once() {
    let bed = Bed::start().await;
    let lane = Lane::all().next().unwrap();
    let users: Vec<u64> = users_of_lane(lane).take(120).collect();
    for (index, user) in users.iter().enumerate() {
        bed.result(*user, u16::try_from(index * 83).unwrap()).await.unwrap();
    }
    let folds = (0..6).map(|_| {
        let (store, lane) = (bed.store.clone(), ScopeLane { scope: of_quiz(), lane });
        async move {
            let mut counted = 0;
            loop {
                match store.fold(&lane).await.unwrap() {
                    FoldOutcome::Idle => return counted,
                    FoldOutcome::Counted(some) | FoldOutcome::CountedSome(some) => counted += some,
                    FoldOutcome::Raced => {}
                }
            }
        }
    });
    let counted: usize = folds.collect::<JoinSet<_>>().join_all().await.into_iter().sum();
    assert_eq!(counted, users.len());
    let census = bed.census(&all_time(of_quiz()), Some(83 * 60)).await;
    assert_eq!(census.participants(), users.len() as u64);
    assert_eq!(census.rank(score(83 * 60)), Some(60));
}

#[tokio::test]
async fn a_fold_whose_answer_was_lost_has_counted_once() {
    let bed = Bed::start().await;
    bed.result(1, 8_000).await.unwrap();
    let lane = ScopeLane { scope: of_quiz(), lane: Lane::of(user_id(1)) };
    let lost = bed.faults.inject_times(3, "TransactWriteItems", Fault::SwallowAnswer);
    let outcome = bed.store.fold(&lane).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
    assert_eq!(lost.hits(), 3);
    assert_eq!(bed.store.fold(&lane).await.unwrap(), FoldOutcome::Idle);
    assert_eq!(bed.census(&all_time(of_quiz()), None).await.participants(), 1);
}

#[tokio::test]
async fn leaving_and_coming_back() {
    let bed = Bed::start().await;
    bed.result(1, 8_000).await.unwrap();
    bed.fold_all().await;
    let board = all_time(of_quiz());
    let standing = bed.of(1, &of_quiz()).await;
    let change = standing.leave(bed.now()).unwrap();
    for (cause, outcome) in [("a", StandingOutcome::Changed), ("b", StandingOutcome::Stale)] {
        let changed = bed.store.change_standing(user_id(1), &of_quiz(), &change, cause).await;
        assert_eq!(changed.unwrap(), outcome);
    }
    assert_eq!(bed.list(&board).await, []);
    bed.result(1, 9_000).await.unwrap();
    bed.fold_all().await;
    assert_eq!(bed.census(&board, None).await.participants(), 0);
    assert_eq!(bed.list(&all_time(Scope::Global)).await, [(1, 900)]);
    let back = bed.of(1, &of_quiz()).await.rejoin(bed.now()).unwrap();
    bed.store.change_standing(user_id(1), &of_quiz(), &back, "c").await.unwrap();
    bed.fold_all().await;
    assert_eq!(bed.list(&board).await, [(1, 9_000)]);
    assert_eq!(bed.census(&board, None).await.participants(), 1);
}

#[tokio::test]
async fn erasing_leaves_nothing_of_a_user() {
    let bed = Bed::start().await;
    bed.result(1, 8_000).await.unwrap();
    bed.clock.advance(8 * 24 * 3_600 * SECOND);
    bed.result(1, 9_000).await.unwrap();
    let standings = bed.store.standings(user_id(1), None).await.unwrap();
    let scopes: Vec<Scope> = standings.iter().map(|(scope, _)| scope.clone()).collect();
    assert_eq!(scopes, [Scope::Global, of_quiz()]);
    for (scope, standing) in &standings {
        let change = standing.erase(bed.now()).unwrap();
        bed.store.change_standing(user_id(1), scope, &change, "e").await.unwrap();
    }
    bed.fold_all().await;
    #[expect(clippy::disallowed_methods, reason = "a test that looks at every item")]
    let items = bed.client.scan().table_name("main").send().await.unwrap().items.unwrap();
    for item in items {
        let partition = item["PK"].as_s().unwrap();
        assert!(partition.contains("#C#"), "{item:?}");
        let counters = item.iter().filter(|(name, _)| name.starts_with('d'));
        assert!(counters.into_iter().all(|(_, count)| count.as_n().unwrap() == "0"), "{item:?}");
    }
    assert_eq!(bed.store.standings(user_id(1), Some(&of_quiz())).await.unwrap(), []);
}

impl Bed {
    async fn recount(&self, board: &Board, repairs: bool) -> Recounted {
        let mut sum = Recounted::default();
        let pages = board.scope.pages().map(RecountStep::Page);
        for step in pages.chain([RecountStep::Sums]) {
            let outcome = self.store.recount(board, step, repairs).await.unwrap();
            let RecountOutcome::Done(step) = outcome else { panic!("{outcome:?}") };
            sum.entries += step.entries;
            sum.differences.extend(step.differences);
        }
        sum
    }

    async fn break_counter(&self, partition: &str, node: &str, digit: &str, count: i64) {
        let update = self.client.update_item().table_name("main");
        update
            .key("PK", AttributeValue::S(partition.to_owned()))
            .key("SK", AttributeValue::S(node.to_owned()))
            .update_expression(format!("SET {digit} = :count"))
            .expression_attribute_values(":count", AttributeValue::N(count.to_string()))
            .send()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_recount_finds_and_repairs_what_is_wrong() {
    let bed = Bed::start().await;
    for user in 1..=40 {
        bed.result(user, u16::try_from(user * 247).unwrap()).await.unwrap();
        if user == 30 {
            bed.fold_all().await;
        }
    }
    // Ten results are waiting, and that is no difference.
    let board = all_time(of_quiz());
    for board in [board.clone(), all_time(Scope::Global)] {
        let found = bed.recount(&board, true).await;
        assert_eq!((found.entries, found.differences), (40, vec![]), "{board}");
    }
    let lane = Lane::of(user_id(20)).get();
    let counters = format!("BOARD#rust-basics#C#{lane}");
    // The score 4,940 is the digit 12 of the leaf 77, which is the digit 13 of the node 1.
    bed.break_counter(&counters, "2#00004d", "d12", 7).await;
    bed.break_counter(&counters, "1#000001", "d60", 3).await;
    let found = bed.recount(&board, false).await;
    assert_eq!(found.differences.iter().filter(|it| it.is_repaired).count(), 0);
    assert!(found.differences.iter().any(|it| (it.counted, it.expected) == (7, 1)), "{found:?}");
    bed.recount(&board, true).await;
    assert_eq!(bed.recount(&board, true).await.differences, []);
    bed.fold_all().await;
    assert_eq!(bed.recount(&board, true).await.differences, []);
    let census = bed.census(&board, Some(4_940)).await;
    assert_eq!((census.participants(), census.rank(score(4_940))), (40, Some(21)));
}

/// The time of a user's last change is their version, so that what was read of an erased standing changes
/// no later one.
#[tokio::test]
async fn what_was_read_before_an_erasure_changes_nothing() {
    let bed = Bed::start().await;
    bed.result(1, 5_000).await.unwrap();
    let read = bed.of(1, &of_quiz()).await;
    let stale = read.leave(Timestamp::from_unix_millis(bed.now().unix_millis() + 50)).unwrap();
    let erased = read.erase(bed.now()).unwrap();
    bed.store.change_standing(user_id(1), &of_quiz(), &erased, "e").await.unwrap();
    bed.result(1, 6_000).await.unwrap();
    let outcome = bed.store.change_standing(user_id(1), &of_quiz(), &stale, "s").await.unwrap();
    assert_eq!(outcome, StandingOutcome::Stale);
}
