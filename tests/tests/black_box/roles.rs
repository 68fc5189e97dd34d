//! `/v1/system/users/{id}/roles`: administrators grant and withdraw roles.

use minigate_tests::{Answer, Cloud, Deployment, OpenSession, Request, now, random_user};
use serde_json::{Value, json};

fn as_admin(api: &Deployment, request: Request) -> Request {
    request.tma(&api.bot.init_data(api.admin_id))
}

fn path(user_id: u64, role: &str) -> String {
    format!("/v1/system/users/{user_id}/roles/{role}")
}

async fn read(api: &Deployment, user_id: u64) -> Value {
    let request = api.get(&format!("/v1/system/users/{user_id}/roles"));
    as_admin(api, request).send().await.assert_success(200, &[])["roles"].clone()
}

async fn grant(api: &Deployment, user_id: u64, role: &str, body: Value) -> Answer {
    as_admin(api, api.put(&path(user_id, role))).json(&body).send().await
}

async fn withdraw(api: &Deployment, user_id: u64, role: &str) -> Answer {
    as_admin(api, api.delete(&path(user_id, role))).send().await
}

/// What an administrator's route answers to the holder of this session.
async fn look(api: &Deployment, session: &OpenSession) -> Answer {
    api.get("/v1/system/limits").bearer(&session.tokens.access).send().await
}

#[tokio::test]
async fn a_role_is_granted_read_and_withdrawn() {
    let api = Deployment::shared();
    let user_id = api.new_session().await.user_id;
    let everyone = json!({ "role": "user", "source": "everyone" });
    assert_eq!(read(&api, user_id).await, json!([everyone]));

    let end = now() + 3_600;
    let granted = grant(&api, user_id, "author", json!({ "expires_at": end })).await;
    let roles = granted.assert_success(200, &[])["roles"].clone();
    assert_eq!(roles, read(&api, user_id).await);
    assert_eq!(roles[0], everyone);
    let mut author = roles[1].clone();
    assert!(now() - author["granted_at"].take().as_u64().unwrap() < 60);
    let expected = json!({
        "role": "author", "source": "grant", "granted_by": api.admin_id, "granted_at": null,
        "expires_at": end,
    });
    assert_eq!(author, expected);

    grant(&api, user_id, "support", json!({})).await.assert_success(200, &[]);
    assert_eq!(read(&api, user_id).await.as_array().unwrap().len(), 3);
    grant(&api, user_id, "author", json!({})).await.assert_success(200, &[]);
    assert!(read(&api, user_id).await[1].get("expires_at").is_none());
    for role in ["author", "support"] {
        withdraw(&api, user_id, role).await.assert_success(200, &[]);
        withdraw(&api, user_id, role).await.assert_problem(404, "role_not_found", &[]);
    }
    assert_eq!(read(&api, user_id).await, json!([everyone]));
}

#[tokio::test]
async fn what_is_no_grant_is_refused_by_field() {
    let api = Deployment::shared();
    let user_id = api.new_session().await.user_id;
    for role in ["user", "root", "Admin"] {
        let answer = grant(&api, user_id, role, json!({})).await;
        answer.assert_problem(400, "path_invalid", &["role"]);
        withdraw(&api, user_id, role).await.assert_problem(400, "path_invalid", &["role"]);
    }
    grant(&api, 0, "author", json!({})).await.assert_problem(400, "path_invalid", &["id"]);
    withdraw(&api, 0, "author").await.assert_problem(400, "path_invalid", &["id"]);
    let request = api.get("/v1/system/users/0/roles");
    as_admin(&api, request).send().await.assert_problem(400, "path_invalid", &["id"]);
    for end in [json!(0), json!(now()), json!(now() * 1_000_000), json!("soon"), json!(null)] {
        let answer = grant(&api, user_id, "author", json!({ "expires_at": end })).await;
        answer.assert_problem(422, "body_invalid", &["expires_at"]);
    }
    let answer = grant(&api, user_id, "author", json!({ "until": 1 })).await;
    answer.assert_problem(422, "body_invalid", &["until"]);
    grant(&api, random_user(), "author", json!({})).await.assert_problem(
        404,
        "user_not_found",
        &[],
    );
}

#[tokio::test]
async fn nobody_grants_themselves_a_role_and_the_deployments_administrator_stays() {
    let api = Deployment::shared();
    api.open_session(api.admin_id).await;
    for role in ["author", "admin"] {
        let answer = grant(&api, api.admin_id, role, json!({})).await;
        answer.assert_problem(403, "role_grant_to_self", &[]);
    }
    let answer = withdraw(&api, api.admin_id, "admin").await;
    answer.assert_problem(409, "admin_of_deployment", &[]);
    let roles = read(&api, api.admin_id).await;
    assert!(
        roles.as_array().unwrap().contains(&json!({ "role": "admin", "source": "deployment" }))
    );
}

/// The reference names the role that each operation takes; who has none is refused by all of them.
#[tokio::test]
async fn every_operation_takes_the_role_that_the_reference_names() {
    let api = Deployment::shared();
    let reference = api.get("/openapi.json").send().await.json();
    let session = api.new_session().await;
    let mut checked = 0;
    for (template, item) in reference["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(role) = operation["security"][0]["accessToken"][0].as_str() else { continue };
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let mut path = template.clone();
            for parameter in parameters.iter().filter(|it| it["in"] == "path") {
                let name = parameter["name"].as_str().unwrap();
                path = path.replace(&format!("{{{name}}}"), "1");
            }
            let method: reqwest::Method = method.to_uppercase().parse().unwrap();
            let request = || api.request(method.clone(), &path);
            request().send().await.assert_problem(401, "authorization_missing", &["authorization"]);
            if role == "user" {
                continue;
            }
            let answer = request().bearer(&session.tokens.access).send().await;
            let code = if role == "admin" { "admin_required" } else { "role_required" };
            answer.assert_problem(403, code, &[]);
            checked += 1;
        }
    }
    assert!(checked >= 15, "{checked} operations with a role");
}

mod local_only {
    use super::*;

    #[tokio::test]
    async fn an_administrator_by_a_grant_is_one_on_every_instance_at_once() {
        let cloud = Cloud::start().await;
        let (api, other) = (cloud.serve(&[]).await, cloud.serve(&[]).await);
        let session = api.new_session().await;
        let user_id = session.user_id;
        for instance in [&api, &other] {
            look(instance, &session).await.assert_problem(403, "admin_required", &[]);
        }
        for _ in 0..2 {
            grant(&api, user_id, "admin", json!({})).await.assert_success(200, &[]);
            for instance in [&api, &other] {
                look(instance, &session).await.assert_success(200, &["etag"]);
                let health = instance.get("/health/detailed").bearer(&session.tokens.access);
                health.send().await.assert_success(200, &[]);
            }
            withdraw(&other, user_id, "admin").await.assert_success(200, &[]);
            for instance in [&api, &other] {
                look(instance, &session).await.assert_problem(403, "admin_required", &[]);
            }
        }
        let trail = as_admin(&api, api.get("/v1/system/audit")).send().await.json();
        let admin = json!({ "role": "admin" });
        for (entry, action, from, to) in [
            (&trail["entries"][0], "role.withdrawn", &admin, &Value::Null),
            (&trail["entries"][1], "role.granted", &Value::Null, &admin),
        ] {
            assert_eq!(
                (&entry["action"], &entry["from"], &entry["to"]),
                (&action.into(), from, to)
            );
            assert_eq!(entry["subject"], format!("user/{user_id}"));
            assert_eq!(entry["by"], api.admin_id);
        }
    }

    #[tokio::test]
    async fn an_administrator_by_a_grant_whose_session_has_ended_sees_nothing() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        let session = api.new_session().await;
        grant(&api, session.user_id, "admin", json!({})).await.assert_success(200, &[]);
        look(&api, &session).await.assert_success(200, &["etag"]);
        let ended = api.delete("/v1/sessions").bearer(&session.tokens.access).send().await;
        ended.assert_success(204, &[]);
        look(&api, &session).await.assert_problem(401, "session_revoked", &[]);
    }

    #[tokio::test]
    async fn the_last_administrator_stays_where_the_deployment_names_none() {
        let cloud = Cloud::start().await;
        let first = cloud.serve(&[]).await;
        let (ada, bob) = (first.new_session().await, first.new_session().await);
        for session in [&ada, &bob] {
            grant(&first, session.user_id, "admin", json!({})).await.assert_success(200, &[]);
        }
        let api = cloud.serve(&[("MINIGATE_ADMINS", "")]).await;
        let ask = async |request: Request| request.bearer(&ada.tokens.access).send().await;
        let of = |session: &OpenSession| path(session.user_id, "admin");
        let extended = ask(api.put(&of(&ada)).json(&json!({}))).await;
        extended.assert_problem(403, "role_grant_to_self", &[]);
        // The settings name another one, who does not count: they may be gone a moment later.
        let named = json!({ "admins": [random_user()] });
        let settings = "/v1/system/settings";
        ask(api.put(settings).json(&named)).await.assert_success(200, &["etag"]);
        ask(api.delete(&of(&bob))).await.assert_success(200, &[]);
        ask(api.delete(&of(&ada))).await.assert_problem(409, "last_administrator", &[]);
        let expiring = json!({ "expires_at": now() + 60 });
        let by_bob = ask(api.put(&of(&bob)).json(&expiring)).await;
        by_bob.assert_success(200, &[]);
        let request = api.put(&of(&ada)).json(&expiring).bearer(&bob.tokens.access);
        request.send().await.assert_problem(409, "last_administrator", &[]);
        ask(api.delete(settings)).await.assert_success(200, &["etag"]);
        // With an administrator of its own, the deployment can do without.
        withdraw(&first, ada.user_id, "admin").await.assert_success(200, &[]);
    }

    #[tokio::test]
    async fn the_settings_keep_the_last_administrator_too() {
        let cloud = Cloud::start().await;
        let first = cloud.serve(&[]).await;
        let session = first.new_session().await;
        let settings = "/v1/system/settings";
        let named = json!({ "admins": [session.user_id] });
        let put = as_admin(&first, first.put(settings)).json(&named).send().await;
        put.assert_success(200, &["etag"]);
        let withdrawn = withdraw(&first, session.user_id, "admin").await;
        withdrawn.assert_problem(404, "role_not_found", &[]);

        let api = cloud.serve(&[("MINIGATE_ADMINS", "")]).await;
        look(&api, &session).await;
        let ask = async |request: Request| request.bearer(&session.tokens.access).send().await;
        let other = json!({ "sessions_per_user": 3 });
        let replaced = ask(api.put(settings).json(&other)).await;
        replaced.assert_problem(409, "last_administrator", &[]);
        ask(api.delete(settings)).await.assert_problem(409, "last_administrator", &[]);
        let both = json!({ "admins": [session.user_id], "sessions_per_user": 3 });
        ask(api.put(settings).json(&both)).await.assert_success(200, &["etag"]);
    }

    #[tokio::test]
    async fn administrators_by_a_grant_are_bounded() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        for _ in 0..50 {
            let session = api.new_session().await;
            grant(&api, session.user_id, "admin", json!({})).await.assert_success(200, &[]);
        }
        let one_more = api.new_session().await;
        let answer = grant(&api, one_more.user_id, "admin", json!({})).await;
        answer.assert_problem(409, "too_many_administrators", &[]);
        grant(&api, one_more.user_id, "author", json!({})).await.assert_success(200, &[]);
    }
}
