//! `GET /v1/sessions`.

use minigate_tests::{Deployment, now, random_user};
use serde_json::json;

#[tokio::test]
async fn each_session_is_shown_with_whence_and_when() {
    let api = Deployment::shared();
    let user = random_user();
    let mut sessions = Vec::new();
    for device in ["first", "second"] {
        let request = api.post("/v1/sessions").tma(&api.bot.init_data(user));
        // The address is the connection's: anybody can write this header.
        let request = request.header("x-forwarded-for", "192.0.2.7");
        let opened = request.json(&json!({ "device": device })).send().await;
        sessions.push(opened.assert_success(201, &["location"]));
    }
    let access = sessions[0]["access_token"].as_str().unwrap();
    let listed = api.get("/v1/sessions").bearer(access).send().await.assert_success(200, &[]);
    let shown = |index: usize, device: &str, is_current: bool| {
        let session = &listed["sessions"][1 - index];
        let opened_at = session["opened_at"].as_u64().unwrap();
        assert!(opened_at.abs_diff(now()) <= 60);
        let address = session["address"].as_str().unwrap();
        assert_ne!(address, "192.0.2.7");
        assert!(address.parse::<std::net::IpAddr>().is_ok(), "{address}");
        json!({
            "id": sessions[index]["session_id"],
            "bot_id": api.bot.id,
            "opened_at": opened_at,
            "refreshed_at": opened_at,
            "expires_at": opened_at + 2_592_000,
            "device": device,
            "address": address,
            "is_current": is_current,
        })
    };
    let expected = json!({ "sessions": [shown(1, "second", false), shown(0, "first", true)] });
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn init_data_shows_them_too_and_none_is_current() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let listed = api.sessions_of(session.user_id).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["is_current"], false);
}

#[tokio::test]
async fn a_user_without_sessions_has_an_empty_list() {
    let api = Deployment::shared();
    let init_data = api.bot.init_data(random_user());
    let listed = api.get("/v1/sessions").tma(&init_data).send().await;
    assert_eq!(listed.assert_success(200, &[]), json!({ "sessions": [] }));
}
