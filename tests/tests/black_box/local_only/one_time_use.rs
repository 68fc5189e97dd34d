//! Deployments where init data is exchanged once, and taken nowhere else.

use std::sync::Arc;

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
