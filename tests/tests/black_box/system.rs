//! What administrators see and change.

use minigate_tests::{Cloud, Deployment, Request, claims, random_user};
use serde_json::{Value, json};

fn as_admin(api: &Deployment, request: Request) -> Request {
    request.tma(&api.bot.init_data(api.admin_id))
}

#[tokio::test]
async fn all_of_it_is_for_administrators() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let (limit, settings) = (json!({ "limit": 100 }), json!({ "sessions_per_user": 3 }));
    let requests = || {
        [
            api.get("/v1/system/limits"),
            api.delete("/v1/system/limits"),
            api.put("/v1/system/limits/api").json(&limit),
            api.delete("/v1/system/limits/api"),
            api.get("/v1/system/settings"),
            api.put("/v1/system/settings").json(&settings),
            api.delete("/v1/system/settings"),
            api.get("/v1/system/limits/keys/user/1"),
            api.delete("/v1/system/limits/keys/user/1"),
            api.put("/v1/system/users/1/tier").json(&json!({ "tier": "pro" })),
            api.get("/v1/system/users/1/roles"),
            api.put("/v1/system/users/1/roles/admin").json(&json!({})),
            api.delete("/v1/system/users/1/roles/admin"),
            api.get("/v1/system/audit"),
            api.get("/v1/system/cache"),
            api.delete("/v1/system/cache?tag=user%231"),
        ]
    };
    for request in requests() {
        request.send().await.assert_problem(401, "authorization_missing", &["authorization"]);
    }
    for request in requests() {
        let answer = request.bearer(&session.tokens.access).send().await;
        answer.assert_problem(403, "admin_required", &[]);
    }
}

#[tokio::test]
async fn keys_have_one_form() {
    let api = Deployment::shared();
    for (path, field) in [
        ("user/0", "id"),
        ("user/007", "id"),
        ("user/ada", "id"),
        ("address/localhost", "id"),
        ("address/1.2.3", "id"),
        ("session/1", "id"),
        ("device/1", "kind"),
        (&*format!("api-key/{}", "x".repeat(129)), "id"),
    ] {
        let request = api.get(&format!("/v1/system/limits/keys/{path}"));
        as_admin(&api, request).send().await.assert_problem(400, "path_invalid", &[field]);
    }
    let session = format!("session/{}", "0".repeat(32));
    for path in ["address/192.0.2.7", "address/2001:db8::1", "api-key/abc", &session] {
        let request = api.get(&format!("/v1/system/limits/keys/{path}"));
        let document = as_admin(&api, request).send().await.assert_success(200, &[]);
        let limits = document["limits"].as_array().unwrap();
        assert_eq!(limits.len(), if path.starts_with("address") { 2 } else { 1 }, "{document}");
    }
}

mod local_only {
    use super::*;

    #[tokio::test]
    async fn a_stolen_token_changes_nothing_once_its_session_has_ended() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        let session = api.open_session(api.admin_id).await;
        let bearer = |request: Request| request.bearer(&session.tokens.access);
        bearer(api.delete("/v1/sessions")).send().await.assert_success(204, &[]);
        for request in [
            api.delete("/v1/system/limits"),
            api.put("/v1/system/limits/api").json(&json!({ "limit": 1 })),
            api.put("/v1/system/settings").json(&json!({ "sessions_per_user": 3 })),
            api.delete("/v1/system/settings"),
            api.delete("/v1/system/limits/keys/user/1"),
            api.put("/v1/system/users/1/tier").json(&json!({ "tier": "pro" })),
            api.put("/v1/system/users/1/roles/admin").json(&json!({})),
            api.delete("/v1/system/users/1/roles/admin"),
            api.delete("/v1/system/cache?tag=user%231"),
        ] {
            bearer(request).send().await.assert_problem(401, "session_revoked", &[]);
        }
        let trail = as_admin(&api, api.get("/v1/system/audit")).send().await;
        assert_eq!(trail.assert_success(200, &[]), json!({ "entries": [] }));
    }

    #[tokio::test]
    async fn the_limits_are_listed() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[("MINIGATE_LIMITS", "login=7")]).await;
        let change = json!({ "burst": 3 });
        let put = as_admin(&api, api.put("/v1/system/limits/login")).json(&change).send().await;
        put.assert_success(200, &["etag"]);
        let list = as_admin(&api, api.get("/v1/system/limits")).send().await;
        let list = list.assert_success(200, &["etag"]);
        let named: Vec<&str> = list["limits"]
            .as_array()
            .unwrap()
            .iter()
            .map(|limit| limit["policy"].as_str().unwrap())
            .collect();
        assert_eq!(
            named,
            [
                "api",
                "admin",
                "attempt-start",
                "verify-certificate",
                "name-certificate",
                "login",
                "login-address",
                "refresh",
                "verify",
            ]
        );
        let login = &list["limits"][5];
        assert_eq!(
            login,
            &json!({
                "policy": "login",
                "per": "user",
                "in_force": {
                    "limit": 7, "period_seconds": 60, "burst": 3,
                    "mode": "enforce", "without_store": "closed",
                },
                "deployed": {
                    "limit": 7, "period_seconds": 60, "burst": 7,
                    "mode": "enforce", "without_store": "closed",
                },
                "change": change,
                "tiers": { "free": 7, "pro": 7, "enterprise": 7, "internal": 7 },
            })
        );
        assert_eq!(list["limits"][0]["tiers"]["pro"], 500);
    }

    #[tokio::test]
    async fn where_a_user_stands_is_read_without_taking_anything_and_can_be_reset() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[("MINIGATE_LIMITS", "api=3/3600")]).await;
        let session = api.new_session().await;
        let path = format!("/v1/system/limits/keys/user/{}", session.user_id);
        let remaining = async || {
            let answer = as_admin(&api, api.get(&path)).send().await;
            let document = answer.assert_success(200, &[]);
            assert_eq!(document["tier"], "free");
            let limits: Vec<Value> = document["limits"].as_array().unwrap().clone();
            limits.iter().find(|limit| limit["policy"] == "api").unwrap()["remaining"].clone()
        };
        let read = async || api.get("/v1/me").bearer(&session.tokens.access).send().await.status;
        assert_eq!([read().await, read().await], [200, 200]);
        assert_eq!([remaining().await, remaining().await], [1, 1]);
        assert_eq!([read().await, read().await], [200, 429]);
        as_admin(&api, api.delete(&path)).send().await.assert_success(204, &[]);
        assert_eq!(remaining().await, 3);
        assert_eq!(read().await, 200);
        let trail = as_admin(&api, api.get("/v1/system/audit")).send().await.json();
        assert_eq!(trail["entries"][0]["action"], "limits.key.reset");
        assert_eq!(trail["entries"][0]["subject"], format!("user/{}", session.user_id));
    }

    #[tokio::test]
    async fn a_tier_is_given_and_raises_the_limit() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[("MINIGATE_LIMITS", "api=7/3600,login=50,login-address=50")]).await;
        let user_id = random_user();
        let path = format!("/v1/system/users/{user_id}/tier");
        let put = |tier: &str| as_admin(&api, api.put(&path)).json(&json!({ "tier": tier })).send();
        let told = async |access: &str| {
            let answer = api.get("/v1/me").bearer(access).send().await;
            answer.header("ratelimit-policy").unwrap().to_owned()
        };
        let session = api.open_session(user_id).await;
        assert_eq!(told(&session.tokens.access).await, r#""api";q=7;w=3600"#);
        put("pro").await.assert_success(204, &[]);
        let session = api.open_session(user_id).await;
        assert_eq!(claims(&session.tokens.access)["tier"], "pro");
        assert_eq!(told(&session.tokens.access).await, r#""api";q=35;w=3600"#);
        put("gold").await.assert_problem(422, "body_invalid", &["tier"]);
        let wrong = api.put("/v1/system/users/0/tier").json(&json!({ "tier": "pro" }));
        as_admin(&api, wrong).send().await.assert_problem(400, "path_invalid", &["id"]);
        let trail = as_admin(&api, api.get("/v1/system/audit")).send().await.json();
        let entry = &trail["entries"][0];
        assert_eq!((&entry["from"], &entry["to"]), (&"free".into(), &"pro".into()));
        assert_eq!(entry["subject"], format!("user/{user_id}"));
    }
}
