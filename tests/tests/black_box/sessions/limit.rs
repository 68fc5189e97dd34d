//! A user has five sessions at most; the oldest gives way.

use std::{sync::Arc, time::Instant};

use minigate_tests::{Cloud, Deployment, Tokens, random_user};
use serde_json::json;
use tokio::task::JoinSet;

#[tokio::test]
async fn the_sixth_ends_the_oldest() {
    let api = Deployment::shared();
    let user = random_user();
    let mut sessions = Vec::new();
    for _ in 0..5 {
        sessions.push(api.open_session(user).await.tokens);
    }
    // A refresh does not make a session younger.
    let refreshed = api.refresh(&sessions[0].refresh).await.assert_success(200, &[]);
    sessions[0] = Tokens::of(&refreshed);
    assert_eq!(api.sessions_of(user).await.len(), 5);

    let sixth = api.open_session(user).await.tokens;

    api.assert_ended(&sessions[0]).await;
    for session in sessions[1..].iter().chain([&sixth]) {
        api.assert_alive(session).await;
    }
    let newest_first: Vec<_> = sessions[1..].iter().chain([&sixth]).rev().collect();
    let listed = api.sessions_of(user).await;
    let ids = listed.iter().map(|session| session["id"].as_str().unwrap());
    assert!(ids.eq(newest_first.iter().map(|tokens| tokens.session_id.as_str())), "{listed:?}");
}

/// The first sessions of a user, all at once: the moment at which a second profile or a sixth
/// session could slip in.
#[tokio::test]
async fn concurrent_first_sessions_make_one_user_and_five_sessions() {
    let api = Arc::new(Deployment::shared());
    let user = random_user();
    let mut requests = JoinSet::new();
    for _ in 0..12 {
        let api = Arc::clone(&api);
        requests.spawn(async move {
            api.post("/v1/sessions").tma(&api.bot.init_data(user)).send().await
        });
    }
    let mut alive = 0;
    for opened in requests.join_all().await {
        let document = opened.assert_success(201, &["location"]);
        assert_eq!(document["user"]["display_name"], "Ada Lovelace");
        let tokens = Tokens::of(&document);
        let listed = api.get("/v1/sessions").bearer(&tokens.access).send().await;
        match listed.status {
            200 => alive += 1,
            _ => listed.assert_problem(401, "session_revoked", &[]),
        }
    }
    assert_eq!(alive, 5);
    assert_eq!(api.sessions_of(user).await.len(), 5);
    assert_eq!(api.profile(user).await["version"], 1);
}

mod local_only {
    use super::*;

    #[tokio::test]
    async fn the_limit_is_configured() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[("MINIGATE_SESSIONS_PER_USER", "1")]).await;
        let user = random_user();
        let first = api.open_session(user).await.tokens;
        let second = api.open_session(user).await.tokens;
        api.assert_ended(&first).await;
        api.assert_alive(&second).await;
        let listed = api.sessions_of(user).await;
        assert_eq!(
            listed.iter().map(|session| &session["id"]).collect::<Vec<_>>(),
            [&json!(second.session_id)]
        );
    }

    /// Far more than a user has devices, over several instances, each of which would lose most of its races
    /// if it tried again at once.
    #[tokio::test]
    async fn many_concurrent_logins_of_one_user_end_well() {
        let cloud = Cloud::start().await;
        let mut apis = Vec::new();
        for _ in 0..4 {
            apis.push(Arc::new(cloud.serve(&[]).await));
        }
        for logins in [32, 64] {
            let (user, started) = (random_user(), Instant::now());
            let mut requests = JoinSet::new();
            for number in 0..logins {
                let api = Arc::clone(&apis[number % apis.len()]);
                requests.spawn(async move {
                    api.post("/v1/sessions").tma(&api.bot.init_data(user)).send().await
                });
            }
            let answers = requests.join_all().await;
            let (opened, busy): (Vec<_>, Vec<_>) =
                answers.into_iter().partition(|answer| answer.status == 201);
            for answer in &busy {
                // A machine that is busy with other tests may not answer the calls in time.
                let code = answer.code();
                assert!(["account_busy", "store_unavailable"].contains(&code.as_str()), "{code}");
                answer.assert_problem(503, &code, &[]);
            }
            println!("{} of {logins} after {:?}", opened.len(), started.elapsed());
            assert_eq!(apis[0].sessions_of(user).await.len(), 5);
        }
    }
}
