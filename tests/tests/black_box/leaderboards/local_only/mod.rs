//! Boards with results in them, which are written into a DynamoDB of the test's own.

use minigate_domain::{Timestamp, UserId, leaderboards::Lane};
use minigate_store::{Store, Tables};
use minigate_testkit::faults::Target;
use minigate_tests::{Cloud, Deployment, OpenSession, eventually, now};
use serde_json::{Value, json};

use super::CACHEABLE;
use crate::quizzes::{Author, draft};

struct Boards {
    cloud: Cloud,
    api: Deployment,
    store: Store,
}

impl Boards {
    async fn start() -> Self {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        let author = Author::new(&api).await;
        assert_eq!(author.put("chess", &draft()).await.status / 100, 2);
        assert_eq!(author.post("chess", "publish").await.status / 100, 2);
        let [main, volatile, audit] =
            ["minigate-Main", "minigate-Volatile", "minigate-Audit"].map(str::to_owned);
        let store = Store::new(cloud.dynamodb().await, Tables { main, volatile, audit });
        Self { cloud, api, store }
    }

    /// A result in the quiz `chess`, as of so many seconds ago; counted at once.
    async fn result(&self, user_id: u64, score: u16, seconds_ago: u64) {
        let user_id = UserId::new(user_id).unwrap();
        let at = Timestamp::from_unix_millis((now() - seconds_ago) * 1000);
        let (quiz, score) = ("chess".parse().unwrap(), score.try_into().unwrap());
        let cause = format!("{user_id}-{seconds_ago}");
        let waiting = self.store.enter_result(user_id, &quiz, score, &cause, at).await.unwrap();
        for lane in waiting.unwrap() {
            assert_eq!(lane.lane, Lane::of(user_id));
            // Unless a reader's instance was faster.
            self.store.fold(&lane).await.unwrap();
        }
    }

    async fn named(&self, name: &str, is_shown: bool) -> OpenSession {
        let session = self.api.new_session().await;
        let choice = if is_shown { "shown" } else { "hidden" };
        let change = json!({ "display_name": name, "leaderboard_name": choice });
        let patch = self.api.patch("/v1/me").bearer(&session.tokens.access).json(&change);
        assert_eq!(patch.send().await.status, 200);
        session
    }

    async fn list(&self, query: &str) -> Value {
        let answer = self.api.get(&format!("/v1/leaderboards/{query}")).send().await;
        answer.assert_success(200, &CACHEABLE)
    }

    async fn own(&self, session: &OpenSession, query: &str) -> Value {
        let read = self.api.get(&format!("/v1/me/leaderboards/{query}"));
        read.bearer(&session.tokens.access).send().await.assert_success(200, &[])
    }
}

#[tokio::test]
async fn a_board_from_all_sides() {
    let boards = Boards::start().await;
    let (ada, grace) = (boards.named("Ada", true).await, boards.named("Grace", false).await);
    boards.result(ada.user_id, 9_000, 30).await;
    boards.result(grace.user_id, 9_500, 20).await;
    boards.result(7, 9_000, 10).await;
    let page = boards.list("chess").await;
    let entry = |rank: u64, score: u64, ago: u64| {
        let reached = page["entries"].as_array().unwrap().iter();
        let reached = reached.filter(|it| it["score"] == score && it["rank"] == rank);
        let times: Vec<u64> = reached.map(|it| it["reached_at"].as_u64().unwrap()).collect();
        times.iter().any(|time| time.abs_diff(now() - ago) <= 30)
    };
    assert!(entry(1, 9_500, 20) && entry(2, 9_000, 30) && entry(2, 9_000, 10), "{page}");
    let names: Vec<_> = page["entries"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, [&Value::Null, &json!("Ada"), &Value::Null]);
    let text = page.to_string();
    assert!(!text.contains(&ada.user_id.to_string()), "a user id in {text}");
    assert_eq!(page["participants"], 3);

    let place = boards.own(&ada, "chess").await;
    assert_eq!((&place["own"]["rank"], &place["participants"]), (&json!(2), &json!(3)));
    let is_self: Vec<_> =
        place["neighbours"].as_array().unwrap().iter().map(|it| &it["is_self"]).collect();
    assert_eq!(is_self, [&json!(false), &json!(true), &json!(false)]);
    let global = boards.list("global?period=week").await;
    let scores: Vec<_> =
        global["entries"].as_array().unwrap().iter().map(|it| &it["score"]).collect();
    // On a Monday at midnight, some results are of the week before.
    assert!(scores.len() <= 3 && scores.iter().all(|score| **score == 950 || **score == 900));
}

#[tokio::test]
async fn pages_follow_each_other() {
    let boards = Boards::start().await;
    for user in 1..=60_u64 {
        boards.result(user, 5_000 + u16::try_from(user % 4).unwrap(), 100 - user).await;
    }
    let first = boards.list("chess").await;
    let next = first["next"].as_str().unwrap();
    let second = boards.list(&format!("chess?cursor={next}")).await;
    assert_eq!(second.get("next"), None);
    let of = |page: &Value| {
        let entries = page["entries"].as_array().unwrap().iter();
        entries
            .map(|it| (it["rank"].as_u64().unwrap(), it["score"].as_u64().unwrap()))
            .collect::<Vec<_>>()
    };
    let all = [of(&first), of(&second)].concat();
    let expected: Vec<_> = (0..60).map(|place| (place / 15 * 15 + 1, 5_003 - place / 15)).collect();
    assert_eq!(all, expected);
    // Of another period, or altered.
    for query in
        [format!("chess?period=week&cursor={next}"), format!("chess?cursor=B{}", &next[1..])]
    {
        let answer = boards.api.get(&format!("/v1/leaderboards/{query}")).send().await;
        answer.assert_problem(400, "board_cursor_invalid", &["cursor"]);
    }
}

#[tokio::test]
async fn a_better_result_shows_at_once_and_leaving_as_well() {
    let boards = Boards::start().await;
    let ada = boards.named("Ada", true).await;
    for (user, score) in [(1, 6_000), (2, 7_000), (3, 8_000)] {
        boards.result(user, score, 60).await;
    }
    boards.result(ada.user_id, 5_000, 50).await;
    assert_eq!(boards.own(&ada, "chess").await["own"]["rank"], 4);
    boards.result(ada.user_id, 7_500, 40).await;
    let own = &boards.own(&ada, "chess").await["own"];
    assert_eq!(
        (&own["rank"], &own["score"], &own["name"]),
        (&json!(2), &json!(7_500), &json!("Ada"))
    );

    let path = "/v1/me/leaderboards/chess";
    for _ in 0..2 {
        let left = boards.api.delete(path).bearer(&ada.tokens.access).send().await;
        assert_eq!(left.status, 204, "{}", left.body);
    }
    let place = boards.own(&ada, "chess").await;
    assert_eq!((place.get("own"), &place["has_left"]), (None, &json!(true)));
    assert_eq!(boards.own(&ada, "global").await["own"]["rank"], 2, "the other scope stays");
    eventually("a list without her", async || {
        let page = boards.list("chess").await;
        (page["participants"] == 3 && !page.to_string().contains("Ada")).then_some(())
    })
    .await;
    let back = boards.api.put(path).bearer(&ada.tokens.access).send().await;
    assert_eq!(back.status, 204, "{}", back.body);
    assert_eq!(boards.own(&ada, "chess").await["own"]["rank"], 2);
}

#[tokio::test]
async fn calls() {
    let boards = Boards::start().await;
    let ada = boards.named("Ada", true).await;
    for user in 1..=20 {
        boards.result(user, 9_000 + u16::try_from(user).unwrap(), 60).await;
    }
    boards.result(ada.user_id, 9_010, 50).await;
    // Both are loaded, and the lanes are swept.
    boards.list("chess").await;
    boards.own(&ada, "chess").await;
    let of_product = || Target::Any.outside("LIMIT").outside("CACHE#");
    // The quiz was published a moment ago, and what is loaded within a second of that is not kept.
    eventually("warm", async || {
        boards.cloud.reset_counts();
        boards.list("chess").await;
        (boards.cloud.proxy().count(of_product()) == 0).then_some(())
    })
    .await;
    boards.cloud.reset_counts();
    let started = std::time::Instant::now();
    for _ in 0..5 {
        boards.list("chess").await;
    }
    let of_lists = boards.cloud.proxy().count(of_product());
    // On a machine that is busy with tests, five seconds pass.
    assert!(of_lists == 0 || started.elapsed().as_secs() >= 2, "{:?}", boards.cloud.calls());
    boards.own(&ada, "chess").await;
    boards.cloud.reset_counts();
    boards.own(&ada, "chess").await;
    let calls = boards.cloud.proxy().count(of_product().outside("LIMITS"));
    assert!(
        calls <= 5,
        "a read, two queries, names, and perhaps counters: {:?}",
        boards.cloud.calls()
    );
}

#[tokio::test]
async fn a_recount_goes_through_the_whole_board() {
    let boards = Boards::start().await;
    for user in 1..=5 {
        boards.result(user, u16::try_from(user * 1_900).unwrap(), 60).await;
    }
    let api = &boards.api;
    let (mut step, mut entries, mut steps) = (String::new(), 0, 0);
    loop {
        let path = format!("/v1/leaderboards/chess/recount?repair=true{step}");
        let answer = api.post(&path).tma(&api.bot.init_data(api.admin_id)).send().await;
        let found = answer.assert_success(200, &[]);
        assert_eq!(found["differences"], json!([]));
        (entries, steps) = (entries + found["entries"].as_u64().unwrap(), steps + 1);
        let Some(next) = found["next"].as_str() else { break };
        step = format!("&step={next}");
    }
    assert_eq!((entries, steps), (5, 11));
}
