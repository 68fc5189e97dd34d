//! `DELETE /v1/sessions/{id}` and `DELETE /v1/sessions`.

use minigate_tests::{Answer, Deployment, Tokens, random_user};

async fn revoke(api: &Deployment, by: &Tokens, id: &str) -> Answer {
    api.delete(&format!("/v1/sessions/{id}")).bearer(&by.access).send().await
}

#[tokio::test]
async fn one_of_several() {
    let api = Deployment::shared();
    let user = random_user();
    let (first, second) =
        (api.open_session(user).await.tokens, api.open_session(user).await.tokens);
    revoke(&api, &first, &second.session_id).await.assert_success(204, &[]);
    api.assert_ended(&second).await;
    api.assert_alive(&first).await;
    api.refresh(&first.refresh).await.assert_success(200, &[]);

    let again = revoke(&api, &first, &second.session_id).await;
    again.assert_problem(404, "session_not_found", &[]);
}

#[tokio::test]
async fn ones_own() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    revoke(&api, &session.tokens, &session.tokens.session_id).await.assert_success(204, &[]);
    api.assert_ended(&session.tokens).await;
    assert_eq!(api.sessions_of(session.user_id).await.len(), 0);
}

#[tokio::test]
async fn all_of_them() {
    let api = Deployment::shared();
    let user = random_user();
    let bystander = api.new_session().await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(api.open_session(user).await.tokens);
    }
    let revoked = api.delete("/v1/sessions").bearer(&sessions[1].access).send().await;
    revoked.assert_success(204, &[]);
    for session in &sessions {
        api.assert_ended(session).await;
    }
    assert_eq!(api.sessions_of(user).await.len(), 0);
    api.assert_alive(&bystander.tokens).await;

    let new = api.open_session(user).await.tokens;
    api.assert_alive(&new).await;
    assert_eq!(api.profile(user).await["version"], 1, "the profile outlives the sessions");
}

#[tokio::test]
async fn with_init_data() {
    let api = Deployment::shared();
    let user = random_user();
    let session = api.open_session(user).await.tokens;
    let path = format!("/v1/sessions/{}", session.session_id);
    let revoked = api.delete(&path).tma(&api.bot.init_data(user)).send().await;
    revoked.assert_success(204, &[]);
    api.assert_ended(&session).await;
    let again = api.delete(&path).tma(&api.bot.init_data(user)).send().await;
    again.assert_problem(404, "session_not_found", &[]);
    // Nothing is left to end, which is what was asked for.
    for user in [user, random_user()] {
        let all = api.delete("/v1/sessions").tma(&api.bot.init_data(user)).send().await;
        all.assert_success(204, &[]);
    }
}

#[tokio::test]
async fn ids_that_name_no_session_of_the_user() {
    let api = Deployment::shared();
    let session = api.new_session().await.tokens;
    let of_another_user = api.new_session().await.tokens;
    for id in [&of_another_user.session_id, "00000000000000000000000000000000"] {
        let answer = revoke(&api, &session, id).await;
        answer.assert_problem(404, "session_not_found", &[]);
    }
    api.assert_alive(&of_another_user).await;
    api.refresh(&of_another_user.refresh).await.assert_success(200, &[]);
}

#[tokio::test]
async fn ids_that_are_none() {
    let api = Deployment::shared();
    let session = api.new_session().await.tokens;
    let upper = session.session_id.to_uppercase().replace(|char: char| char.is_ascii_digit(), "A");
    for id in ["1", "current", &upper, &format!("{}0", session.session_id), "%20"] {
        revoke(&api, &session, id).await.assert_problem(400, "path_invalid", &["id"]);
    }
    // Who asks is looked at before what they ask for.
    let anonymous = api.delete("/v1/sessions/1").send().await;
    anonymous.assert_problem(401, "authorization_missing", &["authorization"]);
    api.assert_alive(&session).await;
}

#[tokio::test]
async fn an_id_that_is_no_text() {
    let api = Deployment::shared();
    let session = api.new_session().await.tokens;
    let answer = revoke(&api, &session, "%FF").await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "path_invalid"), "{}", answer.body);
}

#[tokio::test]
async fn of_two_that_end_each_other_one_is_left() {
    let api = Deployment::shared();
    let user = random_user();
    let (first, second) =
        (api.open_session(user).await.tokens, api.open_session(user).await.tokens);
    let (by_first, by_second) = tokio::join!(
        revoke(&api, &first, &second.session_id),
        revoke(&api, &second, &first.session_id)
    );
    let mut statuses = [by_first.status, by_second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 401], "{} {}", by_first.body, by_second.body);
    assert_eq!(api.sessions_of(user).await.len(), 1);
}
