//! Administrators change limits while the deployment runs.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use minigate_testkit::faults::Fault;
use minigate_tests::{Answer, Cloud, Deployment, OpenSession, Request, eventually};
use serde_json::{Value, json};

fn as_admin(api: &Deployment, request: Request) -> Request {
    request.tma(&api.bot.init_data(api.admin_id))
}

async fn change(api: &Deployment, policy: &str, body: &Value) -> Answer {
    as_admin(api, api.put(&format!("/v1/system/limits/{policy}"))).json(body).send().await
}

/// The policy `api` as an answer tells of it.
async fn told(api: &Deployment, session: &OpenSession) -> Option<String> {
    let answer = api.get("/v1/me").bearer(&session.tokens.access).send().await;
    answer.header("ratelimit-policy").map(str::to_owned)
}

#[tokio::test]
async fn a_change_reaches_other_instances_within_seconds_and_is_recorded() {
    let cloud = Cloud::start().await;
    let (api, other) = (cloud.serve(&[]).await, cloud.serve(&[]).await);
    let session = api.new_session().await;
    assert_eq!(told(&other, &session).await.as_deref(), Some(r#""api";q=5000;w=60"#));
    let changed = change(&api, "api", &json!({ "limit": 4000, "period_seconds": 50 })).await;
    changed.assert_success(200, &["etag"]);
    let expected = Some(r#""api";q=4000;w=50"#.to_owned());
    assert_eq!(told(&api, &session).await, expected, "at once where it was made");
    eventually("the change", async || (told(&other, &session).await == expected).then_some(()))
        .await;

    let back = as_admin(&api, api.delete("/v1/system/limits/api")).send().await;
    let version = back.assert_success(200, &["etag"])["version"].to_string();
    assert_eq!(back.header("etag"), Some(format!("\"{version}\"").as_str()));
    assert_eq!(told(&api, &session).await.as_deref(), Some(r#""api";q=5000;w=60"#));

    let trail = as_admin(&api, api.get("/v1/system/audit")).send().await;
    let trail = trail.assert_success(200, &[])["entries"].clone();
    let body = json!({ "limit": 4000, "period_seconds": 50 });
    for (entry, action, from, to) in [
        (&trail[0], "limit.reset", &body, &Value::Null),
        (&trail[1], "limit.changed", &Value::Null, &body),
    ] {
        assert_eq!((&entry["action"], &entry["subject"]), (&action.into(), &"api".into()));
        assert_eq!((&entry["from"], &entry["to"]), (from, to));
        assert_eq!(entry["by"], api.admin_id);
        assert!(entry["at"].as_u64().is_some_and(|at| at > 1_700_000_000_000));
    }
}

#[tokio::test]
async fn a_limit_that_is_tried_out_refuses_nobody() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[("MINIGATE_LIMITS", "api=2/3600")]).await;
    let session = api.new_session().await;
    let read = async || api.get("/v1/me").bearer(&session.tokens.access).send().await.status;
    assert_eq!([read().await, read().await, read().await], [200, 200, 429]);
    change(&api, "api", &json!({ "mode": "shadow" })).await.assert_success(200, &["etag"]);
    assert_eq!([read().await, read().await], [200, 200]);
    assert_eq!(told(&api, &session).await, None, "it is nobody's business yet");
    change(&api, "api", &json!({ "mode": "enforce" })).await.assert_success(200, &["etag"]);
    assert_eq!(read().await, 429);
}

#[tokio::test]
async fn of_two_changes_of_one_version_the_second_is_refused() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    let body = json!({ "limit": 4500 });
    let put = |tag: &str| {
        let request = api.put("/v1/system/limits/api").header("if-match", tag);
        as_admin(&api, request).json(&body).send()
    };
    let first = put("\"0\"").await;
    first.assert_success(200, &["etag"]);
    put("\"0\"").await.assert_problem(412, "version_mismatch", &["if-match"]);
    put("W/\"0\"").await.assert_problem(412, "version_mismatch", &["if-match"]);
    put("0").await.assert_problem(400, "header_invalid", &["if-match"]);
    put(first.header("etag").unwrap()).await.assert_success(200, &["etag"]);
    put("*").await.assert_success(200, &["etag"]);
}

#[tokio::test]
async fn what_no_limit_may_be_is_refused_by_field() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    for (policy, body, field) in [
        ("api", json!({ "limit": 0 }), "limit"),
        ("api", json!({ "limit": 4_294_967_295_u32 }), "limit"),
        ("api", json!({ "limit": -1 }), "limit"),
        ("api", json!({ "limit": "9" }), "limit"),
        ("api", json!({ "period_seconds": 0 }), "period_seconds"),
        ("api", json!({ "period_seconds": 31_622_401 }), "period_seconds"),
        ("api", json!({ "burst": 0 }), "burst"),
        ("verify", json!({ "burst": 199 }), "burst"),
        ("api", json!({ "mode": "off" }), "mode"),
        ("api", json!({ "without_store": "maybe" }), "without_store"),
        ("api", json!({ "key": "address" }), "key"),
        ("api", json!({}), "."),
    ] {
        println!("{policy} {body}");
        change(&api, policy, &body).await.assert_problem(422, "body_invalid", &[field]);
    }
    let unknown = change(&api, "apj", &json!({ "limit": 1 })).await;
    unknown.assert_problem(404, "policy_not_found", &["policy"]);
    let unknown = as_admin(&api, api.delete("/v1/system/limits/apj")).send().await;
    unknown.assert_problem(404, "policy_not_found", &["policy"]);
    let list = as_admin(&api, api.get("/v1/system/limits")).send().await;
    assert_eq!(list.assert_success(200, &["etag"])["version"], 0, "nothing was written");
}

/// Somebody writes past the API: the last good limits stay, and the API says what is wrong and can
/// mend it.
#[tokio::test]
async fn a_bad_change_in_the_table_takes_nothing_down() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    let session = api.new_session().await;
    change(&api, "api", &json!({ "limit": 4000 })).await.assert_success(200, &["etag"]);
    let expected = Some(r#""api";q=4000;w=60"#.to_owned());
    for policies in [
        // A limit of zero, which decodes, and what does not decode at all.
        AttributeValue::M([("api".to_owned(), limit_of("0"))].into()),
        AttributeValue::S("none".to_owned()),
    ] {
        let is_readable = policies.is_m();
        put_raw(&cloud, policies).await;
        // A new instance starts with what the deployment has, an old one keeps what it had.
        let fresh = cloud.serve(&[]).await;
        let told_fresh = told(&fresh, &session).await;
        assert_eq!(told_fresh.as_deref(), Some(r#""api";q=5000;w=60"#));
        let read = cloud.proxy().count(Cloud::policies());
        eventually("another look at the policies", async || {
            assert_eq!(told(&api, &session).await, expected);
            (cloud.proxy().count(Cloud::policies()) > read).then_some(())
        })
        .await;
        tokio::time::timeout(Duration::from_secs(5), told(&api, &session)).await.unwrap();
        assert_eq!(told(&api, &session).await, expected);
        let list = as_admin(&api, api.get("/v1/system/limits")).send().await;
        let fault = list.assert_success(200, &["etag"])["fault"].as_str().unwrap().to_owned();
        assert!(!is_readable || fault.contains("policy api: the limit 0"), "{fault}");
        if is_readable {
            // A change of another limit does not hide the fault, and one of this limit mends it.
            let other = change(&api, "login", &json!({ "limit": 900 })).await;
            other.assert_problem(422, "body_invalid", &["limit"]);
        } else {
            let refused = change(&api, "login", &json!({ "limit": 900 })).await;
            refused.assert_problem(409, "policies_unreadable", &[]);
            let reset = as_admin(&api, api.delete("/v1/system/limits")).send().await;
            reset.assert_success(200, &["etag"]);
        }
        change(&api, "api", &json!({ "limit": 4000 })).await.assert_success(200, &["etag"]);
    }
}

fn limit_of(limit: &str) -> AttributeValue {
    AttributeValue::M([("limit".to_owned(), AttributeValue::N(limit.to_owned()))].into())
}

async fn put_raw(cloud: &Cloud, policies: AttributeValue) {
    let put = cloud.dynamodb().await.put_item().table_name("minigate-Main");
    put.item("PK", AttributeValue::S("LIMITS".to_owned()))
        .item("SK", AttributeValue::S("POLICIES".to_owned()))
        .item("version", AttributeValue::N("1".to_owned()))
        .item("policies", policies)
        .send()
        .await
        .unwrap();
}

/// Somebody mends the item by hand, and need not wait for it.
#[tokio::test]
async fn limits_that_are_remembered_can_be_cleared() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    let session = api.new_session().await;
    assert_eq!(told(&api, &session).await.as_deref(), Some(r#""api";q=5000;w=60"#));
    put_raw(&cloud, AttributeValue::M([("api".to_owned(), limit_of("4000"))].into())).await;
    let path = "/v1/system/cache?namespace=policies";
    as_admin(&api, api.delete(path)).send().await.assert_success(204, &[]);
    let expected = Some(r#""api";q=4000;w=60"#.to_owned());
    eventually("the limits", async || (told(&api, &session).await == expected).then_some(())).await;
    let trail = as_admin(&api, api.get("/v1/system/audit")).send().await;
    let entry = trail.assert_success(200, &[])["entries"][0].clone();
    assert_eq!(entry["subject"], "namespace/policies");
}

#[tokio::test]
async fn policies_that_cannot_be_read_change_nothing() {
    let cloud = Cloud::start().await;
    let _failing = cloud.proxy().inject(Cloud::policies(), Fault::ServerError);
    let api = cloud.serve(&[]).await;
    let session = api.new_session().await;
    assert_eq!(told(&api, &session).await.as_deref(), Some(r#""api";q=5000;w=60"#));
}
