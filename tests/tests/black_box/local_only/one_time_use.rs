//! Deployments where init data is exchanged once, and taken nowhere else.

use std::{collections::BTreeSet, sync::Arc};

use minigate_tests::{Cloud, Deployment, Tokens, random_user};
use serde_json::json;
use tokio::task::JoinSet;

async fn strict(cloud: &Cloud) -> Deployment {
    cloud.serve(&[("MINIGATE_INIT_DATA_ONE_TIME_USE", "true")]).await
}

#[tokio::test]
async fn a_second_exchange_is_refused() {
    let cloud = Cloud::start().await;
    let api = strict(&cloud).await;
    let user = random_user();
    let init_data = api.bot.init_data(user);
    let first = api.post("/v1/sessions").tma(&init_data).send().await;
    let tokens = Tokens::of(&first.assert_success(201, &["location"]));
    let in_header = api.post("/v1/sessions").tma(&init_data);
    let in_body = api.post("/v1/sessions").json(&json!({ "init_data": init_data }));
    for request in [in_header, in_body] {
        request.send().await.assert_problem(401, "init_data_used", &["init_data"]);
    }
    assert_eq!(api.sessions(&tokens).await.len(), 1);
    // Other init data of the same user is another matter.
    api.open_session(user).await;
    assert_eq!(api.sessions(&tokens).await.len(), 2);
}

#[tokio::test]
async fn a_repetition_with_the_same_key_is_no_second_exchange() {
    let cloud = Cloud::start().await;
    let api = strict(&cloud).await;
    let init_data = api.bot.init_data(random_user());
    let exchange = async |key: &str| {
        api.post("/v1/sessions").tma(&init_data).idempotency_key(key).send().await
    };
    let first = Tokens::of(&exchange("k").await.assert_success(201, &["location"]));
    let again = Tokens::of(&exchange("k").await.assert_success(201, &["location"]));
    assert_eq!((again.session_id, again.refresh), (first.session_id, first.refresh));
    exchange("other").await.assert_problem(401, "init_data_used", &["init_data"]);
}

#[tokio::test]
async fn of_concurrent_exchanges_one_wins() {
    let cloud = Cloud::start().await;
    let api = Arc::new(strict(&cloud).await);
    for is_known_user in [false, true] {
        let user = random_user();
        if is_known_user {
            api.open_session(user).await;
        }
        let init_data = Arc::new(api.bot.init_data(user));
        let mut requests = JoinSet::new();
        for _ in 0..8 {
            let (api, init_data) = (Arc::clone(&api), Arc::clone(&init_data));
            requests.spawn(async move { api.post("/v1/sessions").tma(&init_data).send().await });
        }
        let (won, lost): (Vec<_>, Vec<_>) =
            requests.join_all().await.into_iter().partition(|answer| answer.status == 201);
        assert_eq!(won.len(), 1);
        for answer in lost {
            answer.assert_problem(401, "init_data_used", &["init_data"]);
        }
        let tokens = Tokens::of(&won[0].assert_success(201, &["location"]));
        assert_eq!(api.sessions(&tokens).await.len(), 1 + usize::from(is_known_user));
    }
}

#[tokio::test]
async fn init_data_is_taken_nowhere_else() {
    let cloud = Cloud::start().await;
    let api = strict(&cloud).await;
    let session = api.new_session().await;
    let init_data = api.bot.init_data(session.user_id);
    for request in [
        api.get("/v1/me"),
        api.patch("/v1/me").json(&json!({ "language": "de" })),
        api.get("/v1/sessions"),
        api.delete("/v1/sessions"),
        api.delete(&format!("/v1/sessions/{}", session.tokens.session_id)),
        api.get("/health/detailed"),
    ] {
        let answer = request.tma(&init_data).send().await;
        answer.assert_problem(401, "init_data_not_accepted", &[]);
    }
    // None of them has used it up, and tokens are good everywhere.
    let opened = api.post("/v1/sessions").tma(&init_data).send().await;
    opened.assert_success(201, &["location"]);
    api.assert_alive(&session.tokens).await;
}

/// A client that gets no answer and asks again, before the first request is done.
#[tokio::test]
async fn concurrent_repetitions_get_the_one_session() {
    let cloud = Cloud::start().await;
    let api = Arc::new(strict(&cloud).await);
    for round in 0..20 {
        let user = random_user();
        if round % 2 == 0 {
            api.open_session(user).await;
        }
        let init_data = Arc::new(api.bot.init_data(user));
        let mut requests = JoinSet::new();
        for _ in 0..3 {
            let (api, init_data) = (Arc::clone(&api), Arc::clone(&init_data));
            requests.spawn(async move {
                api.post("/v1/sessions").tma(&init_data).idempotency_key("k").send().await
            });
        }
        let answers = requests.join_all().await;
        let tokens = answers.iter().map(|answer| {
            let tokens = Tokens::of(&answer.assert_success(201, &["location"]));
            (tokens.session_id, tokens.refresh)
        });
        assert_eq!(tokens.collect::<BTreeSet<_>>().len(), 1);
    }
}

/// Fresh init data with a known key gets the session of that key, and is then used up like any other.
#[tokio::test]
async fn a_known_key_does_not_spare_init_data() {
    let cloud = Cloud::start().await;
    let api = strict(&cloud).await;
    let user = random_user();
    let exchange = async |init_data: &str, key: &str| {
        api.post("/v1/sessions").tma(init_data).idempotency_key(key).send().await
    };
    let (first, fresh) = (api.bot.init_data(user), api.bot.init_data(user));
    let opened = Tokens::of(&exchange(&first, "k").await.assert_success(201, &["location"]));
    let again = Tokens::of(&exchange(&fresh, "k").await.assert_success(201, &["location"]));
    assert_eq!(again.session_id, opened.session_id);
    for key in ["l", "m"] {
        let used = exchange(&fresh, key).await;
        used.assert_problem(401, "init_data_used", &["init_data"]);
    }
    assert_eq!(api.sessions(&opened).await.len(), 1);
}

/// A verdict is about the signature: whoever takes init data as a login remembers what they took.
#[tokio::test]
async fn what_was_used_is_still_genuine() {
    let cloud = Cloud::start().await;
    let api = strict(&cloud).await;
    let init_data = api.bot.init_data(random_user());
    for _ in 0..2 {
        let items = json!({ "items": [{ "init_data": init_data }] });
        let verdicts = api.post("/v1/verify").json(&items).send().await.assert_success(200, &[]);
        assert_eq!(verdicts["verdicts"][0]["valid"], true);
        api.post("/v1/sessions").tma(&init_data).send().await;
    }
}
