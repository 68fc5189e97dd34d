//! `POST /v1/verify`.

use minigate_tests::{Deployment, now};
use serde_json::{Value, json};

async fn verdicts(api: &Deployment, items: Value) -> Vec<Value> {
    let answer = api.post("/v1/verify").json(&json!({ "items": items })).send().await;
    answer.assert_success(200, &[])["verdicts"].as_array().unwrap().clone()
}

#[tokio::test]
async fn genuine_init_data_is_told_apart_from_every_other() {
    let api = Deployment::shared();
    let init_data = api.bot.init_data(4_242);
    let expired = api.bot.init_data_at(4_242, now() - 8 * 24 * 60 * 60);
    let forged = init_data.replace("4242", "4243");
    let items = json!([
        { "init_data": init_data },
        { "init_data": init_data, "bot_id": api.bot.id },
        { "init_data": init_data, "bot_id": api.bot.id + 1 },
        { "init_data": forged },
        { "init_data": expired },
        { "init_data": "nonsense" },
        { "init_data": init_data, "method": "ed25519", "bot_id": api.bot.id },
    ]);
    let verdicts = verdicts(&api, items).await;
    let codes: Vec<_> = verdicts.iter().map(|verdict| verdict["code"].as_str()).collect();
    assert_eq!(
        codes,
        [
            None,
            None,
            Some("unknown_bot"),
            Some("hash_mismatch"),
            Some("expired"),
            Some("hash_missing"),
            Some("signature_missing"),
        ]
    );
    for verdict in &verdicts[..2] {
        assert_eq!(verdict["valid"], true);
        assert_eq!(verdict["init_data"]["user"]["id"], 4_242);
        assert_eq!(verdict["init_data"]["bot_id"], api.bot.id);
        assert!(verdict["init_data"]["auth_date"].as_u64().is_some_and(|date| date <= now()));
    }
    for verdict in &verdicts[2..] {
        assert_eq!(verdict["valid"], false);
        assert!(verdict["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{verdict}");
        assert!(verdict["init_data"].is_null(), "{verdict}");
    }
}

/// Signed with Telegram's own key, for a bot of the documentation: the vector that
/// <https://docs.telegram-mini-apps.com> and several libraries share. It has long expired, which is
/// told only of what is genuine.
#[tokio::test]
async fn telegrams_signature_is_verified_for_any_bot() {
    let api = Deployment::shared();
    let init_data = include_str!("../../data/signed-by-telegram.txt").trim();
    let items = json!([
        { "init_data": init_data, "method": "ed25519", "bot_id": 7_342_037_359_u64 },
        { "init_data": init_data, "method": "ed25519", "bot_id": 7_342_037_360_u64 },
        { "init_data": init_data, "method": "ed25519", "bot_id": 7_342_037_359_u64, "environment": "test" },
    ]);
    let verdicts = verdicts(&api, items).await;
    let codes: Vec<_> = verdicts.iter().map(|verdict| verdict["code"].as_str()).collect();
    assert_eq!(codes, [Some("expired"), Some("signature_invalid"), Some("signature_invalid")]);
}

#[tokio::test]
async fn a_request_has_one_to_a_hundred_entries() {
    let api = Deployment::shared();
    let init_data = api.bot.init_data(1);
    let items = |count: usize| json!({ "items": vec![json!({ "init_data": init_data }); count] });
    let hundred = api.post("/v1/verify").json(&items(100)).send().await.assert_success(200, &[]);
    let verdicts = hundred["verdicts"].as_array().unwrap();
    assert!(verdicts.len() == 100 && verdicts.iter().all(|verdict| verdict["valid"] == true));
    for count in [0, 101] {
        let answer = api.post("/v1/verify").json(&items(count)).send().await;
        answer.assert_problem(422, "body_invalid", &["items"]);
    }
}

#[tokio::test]
async fn wrong_entries_are_named() {
    let api = Deployment::shared();
    for (item, field) in [
        (json!({}), "items[0].init_data"),
        (json!({ "init_data": 1 }), "items[0].init_data"),
        (json!({ "init_data": "", "metod": "hmac" }), "items[0].metod"),
        (json!({ "init_data": "", "method": "md5" }), "items[0].method"),
        (json!({ "init_data": "", "method": "ed25519" }), "items[0].bot_id"),
        (json!({ "init_data": "", "method": "ed25519", "bot_id": 0 }), "items[0].bot_id"),
    ] {
        let answer = api.post("/v1/verify").json(&json!({ "items": [item] })).send().await;
        answer.assert_problem(422, "body_invalid", &[field]);
    }
}
