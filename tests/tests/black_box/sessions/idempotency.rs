//! `Idempotency-Key` on both `POST` routes: what a client does whose answer was lost.

use std::{collections::BTreeSet, sync::Arc};

use minigate_tests::{Answer, Cloud, Deployment, Tokens, claims, now, random_user};
use serde_json::json;
use tokio::task::JoinSet;

async fn open(api: &Deployment, user_id: u64, key: &str) -> Answer {
    let request = api.post("/v1/sessions").tma(&api.bot.init_data(user_id));
    request.idempotency_key(key).send().await
}

#[tokio::test]
async fn a_repeated_opening_gets_the_same_session() {
    let api = Deployment::shared();
    let user = random_user();
    let first = Tokens::of(&open(&api, user, "k-1").await.assert_success(201, &["location"]));
    // The draft of the header quotes the key, and most clients do not.
    for key in ["k-1", "\"k-1\""] {
        let repeated = open(&api, user, key).await;
        let tokens = Tokens::of(&repeated.assert_success(201, &["location"]));
        assert_eq!(tokens.session_id, first.session_id);
        assert_eq!(tokens.refresh, first.refresh);
        api.assert_alive(&tokens).await;
    }
    assert_eq!(api.sessions(&first).await.len(), 1);
    api.refresh(&first.refresh).await.assert_success(200, &[]);
}

#[tokio::test]
async fn another_key_or_another_user_is_another_request() {
    let api = Deployment::shared();
    let (user, stranger) = (random_user(), random_user());
    let mut sessions = BTreeSet::new();
    for (user, key) in [(user, "a"), (user, "b"), (stranger, "a")] {
        let opened = open(&api, user, key).await.assert_success(201, &["location"]);
        sessions.insert(Tokens::of(&opened).session_id);
    }
    assert_eq!(sessions.len(), 3);
    assert_eq!(api.sessions_of(user).await.len(), 2);
    assert_eq!(api.sessions_of(stranger).await.len(), 1);
}

#[tokio::test]
async fn concurrent_repetitions_open_one_session() {
    let api = Arc::new(Deployment::shared());
    let user = random_user();
    let mut requests = JoinSet::new();
    for _ in 0..8 {
        let api = Arc::clone(&api);
        requests.spawn(async move { open(&api, user, "same").await });
    }
    let answers = requests.join_all().await;
    let tokens = answers.iter().map(|answer| {
        let tokens = Tokens::of(&answer.assert_success(201, &["location"]));
        (tokens.session_id, tokens.refresh)
    });
    assert_eq!(tokens.collect::<BTreeSet<_>>().len(), 1);
    assert_eq!(api.sessions_of(user).await.len(), 1);
}

#[tokio::test]
async fn a_repeated_refresh_gets_the_same_refresh_token() {
    let api = Deployment::shared();
    let first = api.new_session().await.tokens;
    let answer = api.refresh_with_key(&first.refresh, Some("k")).await;
    let second = Tokens::of(&answer.assert_success(200, &[]));
    let repeated = api.refresh_with_key(&first.refresh, Some("k")).await;
    let repeated = Tokens::of(&repeated.assert_success(200, &[]));
    assert_eq!(repeated.refresh, second.refresh);
    assert_eq!(claims(&repeated.refresh)["gen"], 1);
    api.assert_alive(&repeated).await;
    api.refresh(&second.refresh).await.assert_success(200, &[]);
}

#[tokio::test]
async fn concurrent_repetitions_make_one_generation() {
    let api = Arc::new(Deployment::shared());
    let first = api.new_session().await.tokens;
    let mut requests = JoinSet::new();
    for _ in 0..8 {
        let (api, token) = (Arc::clone(&api), first.refresh.clone());
        requests.spawn(async move { api.refresh_with_key(&token, Some("same")).await });
    }
    let answers = requests.join_all().await;
    let tokens = answers.iter().map(|answer| Tokens::of(&answer.assert_success(200, &[])).refresh);
    let tokens: BTreeSet<_> = tokens.collect();
    assert_eq!(tokens.len(), 1);
    let only = tokens.first().unwrap();
    assert_eq!(claims(only)["gen"], 1);
    api.refresh(only).await.assert_success(200, &[]);
}

/// A thief has the token and not the key that its owner's request was named with.
#[tokio::test]
async fn without_that_key_it_is_reuse() {
    let api = Deployment::shared();
    for other in [Some("other"), None] {
        let first = api.new_session().await.tokens;
        let answer = api.refresh_with_key(&first.refresh, Some("k")).await;
        let second = Tokens::of(&answer.assert_success(200, &[]));
        let reused = api.refresh_with_key(&first.refresh, other).await;
        reused.assert_problem(401, "refresh_token_reused", &["refresh_token"]);
        api.assert_ended(&second).await;
    }
}

/// A key does not make an old token good for ever: only the answer that may have been lost, the
/// newest, is given again.
#[tokio::test]
async fn the_key_helps_with_the_newest_generation_only() {
    let api = Deployment::shared();
    let first = api.new_session().await.tokens;
    let answer = api.refresh_with_key(&first.refresh, Some("k")).await;
    let second = Tokens::of(&answer.assert_success(200, &[]));
    let answer = api.refresh_with_key(&second.refresh, Some("k")).await;
    let third = Tokens::of(&answer.assert_success(200, &[]));
    let reused = api.refresh_with_key(&first.refresh, Some("k")).await;
    reused.assert_problem(401, "refresh_token_reused", &["refresh_token"]);
    api.assert_ended(&third).await;
}

#[tokio::test]
async fn keys_that_are_refused_change_nothing() {
    let api = Deployment::shared();
    let user = random_user();
    let long = "k".repeat(65);
    let session = api.open_session(user).await.tokens;
    for key in ["", "\"\"", "a b", "a;b", &long, "ключ"] {
        println!("{key}");
        let opened = open(&api, user, key).await;
        opened.assert_problem(400, "header_invalid", &["idempotency-key"]);
        let refreshed = api.refresh_with_key(&session.refresh, Some(key)).await;
        refreshed.assert_problem(400, "header_invalid", &["idempotency-key"]);
    }
    assert_eq!(api.sessions_of(user).await.len(), 1);
    let longest = "k".repeat(64);
    let body = json!({ "init_data": api.bot.init_data(user) });
    let request = api.post("/v1/sessions").json(&body).idempotency_key(&longest);
    request.send().await.assert_success(201, &["location"]);
}

mod local_only {
    use super::*;

    /// Nor does it revive a session that has ended.
    #[tokio::test]
    async fn an_expired_session_is_not_revived() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        let user = random_user();
        let opened = open(&api, user, "k").await.assert_success(201, &["location"]);
        let first = Tokens::of(&opened);
        cloud.age_session(user, &first.session_id, 1_000).await;
        let again = open(&api, user, "k").await.assert_success(201, &["location"]);
        assert!(again["refresh_expires_in"].as_u64().unwrap() > 2_591_000, "{again}");
        assert_ne!(Tokens::of(&again).session_id, first.session_id);
        assert_eq!(api.sessions_of(user).await.len(), 1);
    }

    /// No access token outlives the session that it is of.
    #[tokio::test]
    async fn a_repetition_shortly_before_the_end_has_a_short_access_token() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        let user = random_user();
        let opened = open(&api, user, "k").await.assert_success(201, &["location"]);
        let first = Tokens::of(&opened);
        let end = (now() + 100) * 1_000;
        cloud.age_session(user, &first.session_id, end).await;
        let again = open(&api, user, "k").await.assert_success(201, &["location"]);
        let tokens = Tokens::of(&again);
        assert_eq!(tokens.session_id, first.session_id);
        assert_eq!(claims(&tokens.access)["exp"], end / 1_000);
        assert!(again["expires_in"].as_u64().unwrap() <= 100, "{again}");
    }
}
