//! `GET /v1/quizzes`.

use minigate_tests::{Deployment, random_user};

#[tokio::test]
async fn a_user_is_answered() {
    let api = Deployment::shared();
    let user = random_user();
    let answer = api.get("/v1/quizzes").tma(&api.bot.init_data(user)).send().await;
    assert_eq!(answer.assert_success(200, &[])["user_id"], user);
}

#[tokio::test]
async fn without_credentials_it_is_refused() {
    let api = Deployment::shared();
    api.get("/v1/quizzes").send().await.assert_problem(
        401,
        "authorization_missing",
        &["authorization"],
    );
}
