//! `PATCH /v1/me`: what each field takes.

use minigate_tests::Deployment;
use serde_json::json;

#[tokio::test]
async fn every_wrong_field_is_named_and_nothing_changes() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let before = api.profile(session.user_id).await;
    let long = "x".repeat(65);
    let names = ["", " ", " Ada", "Ada ", "A\nda", "A\u{0}da", "A\u{202e}da", "A\u{200f}da", &long];
    let languages = ["", "e", "english", "en_US", "en-", "-en", "en-us-posix", "e1", "é", " en"];
    let mut cases: Vec<(_, &[&str])> = Vec::new();
    cases.extend(names.map(|name| (json!({ "display_name": name }), &["display_name"][..])));
    cases.extend(languages.map(|tag| (json!({ "language": tag }), &["language"][..])));
    cases.extend([
        (json!({ "notifications": "loud" }), &["notifications"][..]),
        (json!({ "notifications": "All" }), &["notifications"]),
        (json!({ "notifications": "" }), &["notifications"]),
        (json!({ "leaderboard_name": "yes" }), &["leaderboard_name"]),
        (json!({ "display_name": null }), &["display_name"]),
        (json!({ "language": null }), &["language"]),
        (json!({ "display_name": 1 }), &["display_name"]),
        (json!({ "language": ["en"] }), &["language"]),
        (json!({ "display_name": "", "language": "" }), &["display_name", "language"]),
        (json!({ "display_name": "", "language": "de" }), &["display_name"]),
        (json!({ "display_name": "Ada", "name": "Ada" }), &["name"]),
        (json!({ "id": 1 }), &["id"]),
        (json!({ "version": 7 }), &["version"]),
        (json!({}), &["."]),
        (json!([]), &["."]),
        (json!(null), &["."]),
        (json!("Ada"), &["."]),
    ]);
    for (body, fields) in cases {
        println!("{body}");
        let request = api.patch("/v1/me").bearer(&session.tokens.access).json(&body);
        request.send().await.assert_problem(422, "body_invalid", fields);
    }
    assert_eq!(api.profile(session.user_id).await, before);
}

/// A value of the wrong type is JSON all the same, and the field can be named.
#[tokio::test]
async fn a_choice_that_is_no_text() {
    let api = Deployment::shared();
    let access = api.new_session().await.tokens.access;
    for value in [
        json!(null),
        json!(true),
        json!(1),
        json!(["all"]),
        json!({ "all": null, "none": 1 }),
        json!({ "all": null }),
    ] {
        let body = json!({ "notifications": value });
        let answer = api.patch("/v1/me").bearer(&access).json(&body).send().await;
        answer.assert_problem(422, "body_invalid", &["notifications"]);
    }
}

/// Two readers of such a body could disagree about what it says.
#[tokio::test]
async fn a_field_that_stands_twice_is_refused() {
    let api = Deployment::shared();
    let access = api.new_session().await.tokens.access;
    let body = r#"{"language":"de","language":"fr"}"#;
    let answer = api.patch("/v1/me").bearer(&access).body("application/json", body).send().await;
    answer.assert_problem(422, "body_invalid", &["language"]);
}
