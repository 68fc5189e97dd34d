//! The worst of the faults: DynamoDB does the work and its answer is lost. Nothing may happen twice,
//! and a client that repeats its request must not be taken for a thief.

use minigate_testkit::faults::{Fault, Target};
use minigate_tests::{Cloud, Tokens, claims, random_user};
use serde_json::json;

/// More than the SDK tries.
const EVERY_ATTEMPT: usize = 100;

/// The updates of users' items, and not those that invalidate them.
fn of_accounts() -> Target {
    Target::from("UpdateItem").within("USER#")
}

#[tokio::test]
async fn a_lost_answer_opens_one_session() {
    let cloud = Cloud::start().await;
    for one_time_use in ["false", "true"] {
        let api = cloud.serve(&[("MINIGATE_INIT_DATA_ONE_TIME_USE", one_time_use)]).await;
        let user = random_user();
        let later = if one_time_use == "true" { "TransactWriteItems" } else { "UpdateItem" };
        for (expected, write) in (1..).zip(["TransactWriteItems", later]) {
            let lost = cloud.inject_times(1, write, Fault::SwallowAnswer);
            let session = api.open_session(user).await;
            assert_eq!(lost.hits(), 1);
            assert_eq!(api.sessions(&session.tokens).await.len(), expected, "{write}");
            api.refresh(&session.tokens.refresh).await.assert_success(200, &[]);
        }
    }
}

/// No answer at all comes through: the client gets a 503, repeats its request, and has one session.
#[tokio::test]
async fn a_client_that_repeats_its_opening_has_one_session() {
    let cloud = Cloud::start().await;
    for one_time_use in ["false", "true"] {
        let api = cloud.serve(&[("MINIGATE_INIT_DATA_ONE_TIME_USE", one_time_use)]).await;
        let user = random_user();
        let init_data = api.bot.init_data(user);
        let open =
            async || api.post("/v1/sessions").tma(&init_data).idempotency_key("k").send().await;
        let lost = cloud.inject_times(EVERY_ATTEMPT, "TransactWriteItems", Fault::SwallowAnswer);
        open().await.assert_problem(503, "store_unavailable", &[]);
        assert!(lost.hits() > 1, "{}", lost.hits());
        drop(lost);
        let tokens = Tokens::of(&open().await.assert_success(201, &["location"]));
        assert_eq!(api.sessions(&tokens).await.len(), 1);
    }
}

#[tokio::test]
async fn a_lost_answer_to_a_refresh_is_not_taken_for_reuse() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    for key in [None, Some("k")] {
        let first = api.new_session().await.tokens;
        let lost = cloud.inject_times(1, "UpdateItem", Fault::SwallowAnswer);
        let answer = api.refresh_with_key(&first.refresh, key).await;
        let second = Tokens::of(&answer.assert_success(200, &[]));
        assert_eq!(lost.hits(), 1);
        assert_eq!(claims(&second.refresh)["gen"], 1);
        api.assert_alive(&second).await;
        let third = Tokens::of(&api.refresh(&second.refresh).await.assert_success(200, &[]));
        assert_eq!(claims(&third.refresh)["gen"], 2);
    }
}

#[tokio::test]
async fn a_client_that_repeats_its_refresh_with_a_key_keeps_its_session() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    let first = api.new_session().await.tokens;
    let lost = cloud.inject_times(EVERY_ATTEMPT, "UpdateItem", Fault::SwallowAnswer);
    let answer = api.refresh_with_key(&first.refresh, Some("k")).await;
    answer.assert_problem(503, "store_unavailable", &[]);
    drop(lost);
    let answer = api.refresh_with_key(&first.refresh, Some("k")).await;
    let second = Tokens::of(&answer.assert_success(200, &[]));
    assert_eq!(claims(&second.refresh)["gen"], 1);
    api.refresh(&second.refresh).await.assert_success(200, &[]);
}

/// Without a key, the repetition cannot be told from a theft. This is why clients should send one.
#[tokio::test]
async fn a_client_that_repeats_its_refresh_without_a_key_loses_its_session() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    let first = api.new_session().await;
    let lost = cloud.inject_times(EVERY_ATTEMPT, "UpdateItem", Fault::SwallowAnswer);
    let answer = api.refresh(&first.tokens.refresh).await;
    answer.assert_problem(503, "store_unavailable", &[]);
    drop(lost);
    let answer = api.refresh(&first.tokens.refresh).await;
    answer.assert_problem(401, "refresh_token_reused", &["refresh_token"]);
    assert_eq!(api.sessions_of(first.user_id).await.len(), 0);
}

#[tokio::test]
async fn a_lost_answer_changes_a_profile_once() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    let session = api.new_session().await;
    let patch = || api.patch("/v1/me").bearer(&session.tokens.access);

    let lost = cloud.inject_times(1, of_accounts(), Fault::SwallowAnswer);
    let request = patch().header("if-match", "\"1\"").json(&json!({ "display_name": "Countess" }));
    let answer = request.send().await;
    let changed = answer.assert_success(200, &["etag"]);
    assert_eq!(lost.hits(), 1);
    assert_eq!((&changed["display_name"], &changed["version"]), (&json!("Countess"), &json!(2)));
    assert_eq!(api.profile(session.user_id).await, changed);
    drop(lost);

    // Without a version, the repetition counts as a change, and says the same.
    let lost = cloud.inject_times(1, of_accounts(), Fault::SwallowAnswer);
    let answer = patch().json(&json!({ "language": "de" })).send().await;
    let changed = answer.assert_success(200, &["etag"]);
    assert_eq!(lost.hits(), 1);
    assert_eq!(changed["language"], "de");
    assert_eq!(api.profile(session.user_id).await, changed);
}

#[tokio::test]
async fn a_client_that_repeats_its_change_is_not_told_that_it_is_stale() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    let session = api.new_session().await;
    let patch = async || {
        let request = api.patch("/v1/me").bearer(&session.tokens.access);
        let request = request.header("if-match", "\"1\"");
        request.json(&json!({ "display_name": "Countess" })).send().await
    };
    let lost = cloud.inject_times(EVERY_ATTEMPT, of_accounts(), Fault::SwallowAnswer);
    patch().await.assert_problem(503, "store_unavailable", &[]);
    drop(lost);
    assert_eq!(patch().await.assert_success(200, &["etag"])["version"], 2);
}

/// Ending is not repeated by itself: the client learns that it must look, and the session is gone.
#[tokio::test]
async fn a_lost_answer_ends_a_session_all_the_same() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    let session = api.new_session().await;
    let other = api.open_session(session.user_id).await.tokens;
    let end_other = async || {
        let path = format!("/v1/sessions/{}", other.session_id);
        api.delete(&path).bearer(&session.tokens.access).send().await
    };
    let lost = cloud.inject_times(1, of_accounts(), Fault::SwallowAnswer);
    end_other().await.assert_problem(503, "store_unavailable", &[]);
    assert_eq!(lost.hits(), 1);
    api.assert_ended(&other).await;
    api.assert_alive(&session.tokens).await;
    end_other().await.assert_problem(404, "session_not_found", &[]);

    let lost = cloud.inject_times(1, of_accounts(), Fault::SwallowAnswer);
    let answer = api.delete("/v1/sessions").bearer(&session.tokens.access).send().await;
    answer.assert_problem(503, "store_unavailable", &[]);
    assert_eq!(lost.hits(), 1);
    api.assert_ended(&session.tokens).await;
}

/// The other way round: a theft is not taken for a lost answer.
#[tokio::test]
async fn reuse_is_known_in_spite_of_a_lost_answer() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    let session = api.new_session().await;
    let first = &session.tokens.refresh;
    let second = Tokens::of(&api.refresh(first).await.assert_success(200, &[]));
    let lost = cloud.inject_times(1, of_accounts(), Fault::SwallowAnswer);
    let reused = api.refresh(first).await;
    assert_eq!(lost.hits(), 1);
    reused.assert_problem(401, "refresh_token_reused", &["refresh_token"]);
    api.assert_ended(&second).await;
}
