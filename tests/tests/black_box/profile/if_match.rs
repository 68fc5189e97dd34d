//! `PATCH /v1/me` with `If-Match`: of two devices, the second one learns of the first one's change.

use std::sync::Arc;

use minigate_tests::{Answer, Deployment};
use serde_json::{Value, json};
use tokio::task::JoinSet;

async fn patch(api: &Deployment, access: &str, if_match: &str, change: &Value) -> Answer {
    let request = api.patch("/v1/me").bearer(access).header("if-match", if_match);
    request.json(change).send().await
}

#[tokio::test]
async fn a_stale_version_changes_nothing() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let access = &session.tokens.access;
    let first = patch(&api, access, "\"1\"", &json!({ "language": "de" })).await;
    first.assert_success(200, &["etag"]);
    let before = api.profile(session.user_id).await;
    for tag in ["\"1\"", "\"3\"", "\"0\"", "\"02\"", "\"\"", "\"abc\"", "W/\"2\"", "\"2\", \"3\""] {
        println!("{tag}");
        let stale = patch(&api, access, tag, &json!({ "language": "fr" })).await;
        stale.assert_problem(412, "version_mismatch", &["if-match"]);
        assert_eq!(api.profile(session.user_id).await, before);
    }
    let fresh = patch(&api, access, "\"2\"", &json!({ "language": "fr" })).await;
    assert_eq!(fresh.assert_success(200, &["etag"])["version"], 3);
}

#[tokio::test]
async fn the_tag_of_an_answer_is_good_for_the_next_change() {
    let api = Deployment::shared();
    let access = api.new_session().await.tokens.access;
    let mut tag = api.get("/v1/me").bearer(&access).send().await.header("etag").unwrap().to_owned();
    for language in ["de", "fr", "it"] {
        let changed = patch(&api, &access, &tag, &json!({ "language": language })).await;
        assert_eq!(changed.assert_success(200, &["etag"])["language"], language);
        tag = changed.header("etag").unwrap().to_owned();
    }
}

#[tokio::test]
async fn any_version_will_do_for_a_star() {
    let api = Deployment::shared();
    let access = api.new_session().await.tokens.access;
    for language in ["de", "fr"] {
        let changed = patch(&api, &access, "*", &json!({ "language": language })).await;
        assert_eq!(changed.assert_success(200, &["etag"])["language"], language);
    }
}

#[tokio::test]
async fn what_is_no_tag_is_refused() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    for value in ["1", "", "\"", "\"1", "1\"", "'1'", "**", "\"1\",", "W/1", "*, \"1\""] {
        println!("{value}");
        let change = json!({ "language": "de" });
        let refused = patch(&api, &session.tokens.access, value, &change).await;
        refused.assert_problem(400, "header_invalid", &["if-match"]);
    }
    assert_eq!(api.profile(session.user_id).await["version"], 1);
}

/// What a client does whose answer was lost: it must not be told that somebody else was faster.
#[tokio::test]
async fn a_repetition_is_answered_like_the_first() {
    let api = Deployment::shared();
    let access = api.new_session().await.tokens.access;
    let change = json!({ "display_name": "Countess", "notifications": "all" });
    let first = patch(&api, &access, "\"1\"", &change).await.assert_success(200, &["etag"]);
    let again = patch(&api, &access, "\"1\"", &change).await.assert_success(200, &["etag"]);
    assert_eq!(again, first);
    let other = patch(&api, &access, "\"1\"", &json!({ "notifications": "none" })).await;
    other.assert_problem(412, "version_mismatch", &["if-match"]);
    // Two versions later, it cannot be known any more what made the profile what it is.
    patch(&api, &access, "*", &json!({ "language": "de" })).await.assert_success(200, &["etag"]);
    let late = patch(&api, &access, "\"1\"", &change).await;
    late.assert_problem(412, "version_mismatch", &["if-match"]);
}

#[tokio::test]
async fn of_concurrent_changes_of_one_version_one_wins() {
    let api = Arc::new(Deployment::shared());
    let session = api.new_session().await;
    let mut requests = JoinSet::new();
    for number in 0..8 {
        let (api, access) = (Arc::clone(&api), session.tokens.access.clone());
        requests.spawn(async move {
            let change = json!({ "display_name": format!("Ada {number}") });
            patch(&api, &access, "\"1\"", &change).await
        });
    }
    let (won, lost): (Vec<_>, Vec<_>) =
        requests.join_all().await.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1);
    for answer in lost {
        answer.assert_problem(412, "version_mismatch", &["if-match"]);
    }
    assert_eq!(api.profile(session.user_id).await, won[0].assert_success(200, &["etag"]));
}
