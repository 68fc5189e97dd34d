//! `/v1/system/settings`: administrators change settings while the deployment runs.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use minigate_tests::{Answer, Cloud, Deployment, Request, Tokens, eventually, now, random_user};
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/v1/system/settings";
const ALLOW_ORIGIN: &str = "access-control-allow-origin";
const NEW_ORIGIN: &str = "https://new.example";

fn as_admin(api: &Deployment, request: Request) -> Request {
    request.tma(&api.bot.init_data(api.admin_id))
}

async fn read(api: &Deployment) -> Value {
    as_admin(api, api.get(PATH)).send().await.assert_success(200, &["etag"])
}

async fn replace(api: &Deployment, body: &Value) -> Answer {
    as_admin(api, api.put(PATH)).json(body).send().await
}

async fn set(api: &Deployment, body: Value) -> Value {
    replace(api, &body).await.assert_success(200, &["etag"])
}

async fn reset(api: &Deployment) -> Value {
    as_admin(api, api.delete(PATH)).send().await.assert_success(200, &["etag"])
}

/// Whether a browser may call from this origin, by preflight and answer.
async fn is_allowed(api: &Deployment, origin: &str) -> bool {
    let preflight = api.request(Method::OPTIONS, "/v1/me").header("origin", origin);
    let preflight = preflight.header("access-control-request-method", "GET").send().await;
    let answer = api.get("/health").header("origin", origin).send().await;
    let allowed = preflight.header(ALLOW_ORIGIN) == Some(origin);
    assert_eq!(answer.header(ALLOW_ORIGIN) == Some(origin), allowed);
    allowed
}

#[tokio::test]
async fn public_documents_are_for_every_origin() {
    let api = Deployment::shared();
    for path in ["/.well-known/jwks.json", "/openapi.json"] {
        let answer = api.get(path).header("origin", "https://stranger.example").send().await;
        assert_eq!((answer.status, answer.header(ALLOW_ORIGIN)), (200, Some("*")), "{path}");
        let values = answer.headers.get_all(ALLOW_ORIGIN).iter().count();
        assert_eq!(values, 1, "a browser takes one only");
    }
}

async fn put_raw(cloud: &Cloud, sort: &str, name: &str, format: u32, value: AttributeValue) {
    let put = cloud.dynamodb().await.put_item().table_name("minigate-Main");
    put.item("PK", AttributeValue::S("LIMITS".to_owned()))
        .item("SK", AttributeValue::S(sort.to_owned()))
        .item("format", AttributeValue::N(format.to_string()))
        .item("version", AttributeValue::N("1".to_owned()))
        .item(name, value)
        .send()
        .await
        .unwrap();
}

fn map(name: &str, value: AttributeValue) -> AttributeValue {
    AttributeValue::M([(name.to_owned(), value)].into())
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

mod local_only {
    use super::*;

    #[tokio::test]
    async fn a_deployment_without_changes_has_its_own() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        let terms = json!({
            "allowed_origins": ["http://localhost:5173", "http://127.0.0.1:5173"],
            "admins": [api.admin_id],
            "sessions_per_user": 5,
            "access_token_seconds": 300,
            "refresh_token_seconds": 2_592_000,
            "init_data_seconds": 86_400,
        });
        let expected = json!({ "version": 0, "in_force": terms, "deployed": terms });
        assert_eq!(read(&api).await, expected);
    }

    #[tokio::test]
    async fn an_origin_is_allowed_at_once_where_it_was_added_and_elsewhere_within_seconds() {
        let cloud = Cloud::start().await;
        let (api, other) = (cloud.serve(&[]).await, cloud.serve(&[]).await);
        let deployed = api.origin.clone();
        for instance in [&api, &other] {
            assert!(!is_allowed(instance, NEW_ORIGIN).await);
            assert!(is_allowed(instance, &deployed).await);
        }
        let origins = json!({ "allowed_origins": [deployed, NEW_ORIGIN] });
        set(&api, origins.clone()).await;
        assert!(is_allowed(&api, NEW_ORIGIN).await && is_allowed(&api, &deployed).await);
        eventually("the origin", async || is_allowed(&other, NEW_ORIGIN).await.then_some(())).await;
        // An instance that starts now has it from the first request on.
        assert!(is_allowed(&cloud.serve(&[]).await, NEW_ORIGIN).await);

        reset(&api).await;
        assert!(!is_allowed(&api, NEW_ORIGIN).await && is_allowed(&api, &deployed).await);
        eventually("its end", async || (!is_allowed(&other, NEW_ORIGIN).await).then_some(())).await;

        let trail = as_admin(&api, api.get("/v1/system/audit")).send().await;
        let trail = trail.assert_success(200, &[])["entries"].clone();
        for (entry, action, from, to) in [
            (&trail[0], "settings.reset", &origins, &Value::Null),
            (&trail[1], "settings.changed", &Value::Null, &origins),
        ] {
            assert_eq!((&entry["action"], &entry["subject"]), (&action.into(), &"all".into()));
            assert_eq!((&entry["from"], &entry["to"]), (from, to));
            assert_eq!(entry["by"], api.admin_id);
        }
    }

    #[tokio::test]
    async fn an_administrator_is_added_and_removed_and_the_first_one_stays() {
        let cloud = Cloud::start().await;
        let (api, other) = (cloud.serve(&[]).await, cloud.serve(&[]).await);
        let added = random_user();
        let status = async |instance: &Deployment, user: u64| {
            instance.get(PATH).tma(&instance.bot.init_data(user)).send().await.status
        };
        assert_eq!(status(&api, added).await, 403);
        set(&api, json!({ "admins": [added] })).await;
        assert_eq!(status(&api, added).await, 200);
        eventually("the administrator", async || {
            (status(&other, added).await == 200).then_some(())
        })
        .await;
        // The new one tries to be the only one: the deployment's cannot be removed.
        let alone = api.put(PATH).tma(&api.bot.init_data(added));
        let alone = alone.json(&json!({ "admins": [added], "sessions_per_user": 7 })).send().await;
        alone.assert_success(200, &["etag"]);
        assert_eq!(status(&api, api.admin_id).await, 200);
        set(&api, json!({ "admins": [] })).await;
        assert_eq!(status(&api, added).await, 403);
        eventually("their end", async || (status(&other, added).await == 403).then_some(())).await;
        assert_eq!(status(&other, api.admin_id).await, 200);
    }

    #[tokio::test]
    async fn lifetimes_and_counts_hold_for_what_comes_after() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        let user = random_user();
        let open = async || {
            let opened = api.post("/v1/sessions").tma(&api.bot.init_data(user)).send().await;
            opened.assert_success(201, &["location"])
        };
        // The refresh token's seconds are counted from a whole second before.
        let lasts = |opened: &Value, access: u64, refresh: u64| {
            assert_eq!(opened["expires_in"], access);
            let left = opened["refresh_expires_in"].as_u64().unwrap();
            assert!((refresh - 20..=refresh).contains(&left), "{left}");
        };
        lasts(&open().await, 300, 2_592_000);
        set(
            &api,
            json!({ "access_token_seconds": 60, "refresh_token_seconds": 600, "sessions_per_user": 1 }),
        )
        .await;
        let after = open().await;
        lasts(&after, 60, 600);
        let tokens = Tokens::of(&after);
        assert_eq!(api.sessions(&tokens).await.len(), 1, "the oldest has ended");
        // A session that was opened before has its token; its next ones are of the new length.
        let refreshed = api.refresh(&tokens.refresh).await.assert_success(200, &[]);
        assert_eq!(refreshed["expires_in"], 60);

        let aged = api.bot.init_data_at(user, now() - 120);
        let me = async || api.get("/v1/me").tma(&aged).send().await;
        me().await.assert_success(200, &["etag"]);
        set(&api, json!({ "init_data_seconds": 60 })).await;
        me().await.assert_problem(401, "expired", &["init_data"]);
        let verify = api.post("/v1/verify").json(&json!({ "items": [{ "init_data": aged }] }));
        let verdicts = verify.send().await.assert_success(200, &[]);
        assert_eq!(verdicts["verdicts"][0]["code"], "expired", "{verdicts}");
        assert_eq!(open().await["expires_in"], 300, "what the document leaves out is as deployed");
    }

    /// Init data may be taken for longer later on: what was used up is remembered for as long as it could
    /// ever be taken.
    #[tokio::test]
    async fn init_data_that_was_used_up_stays_so_when_its_age_is_raised() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[("MINIGATE_INIT_DATA_ONE_TIME_USE", "true")]).await;
        let session = api.open_session(api.admin_id).await;
        let put = api.put(PATH).bearer(&session.tokens.access);
        let put = put.json(&json!({ "init_data_seconds": 60 })).send().await;
        put.assert_success(200, &["etag"]);
        let signed_at = now();
        let init_data = api.bot.init_data_at(random_user(), signed_at);
        api.post("/v1/sessions").tma(&init_data).send().await.assert_success(201, &["location"]);
        let hash = init_data.split('&').find_map(|field| field.strip_prefix("hash=")).unwrap();
        let guard = cloud.dynamodb().await.get_item().table_name("minigate-Volatile");
        let guard =
            guard.key("PK", AttributeValue::S(format!("REPLAY#{hash}"))).send().await.unwrap();
        let ttl: u64 = guard.item.unwrap()["ttl"].as_n().unwrap().parse().unwrap();
        assert!(ttl >= signed_at + 604_800, "{ttl}");
    }

    #[tokio::test]
    async fn of_two_changes_of_one_version_the_second_is_refused() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        let body = json!({ "sessions_per_user": 4 });
        let put =
            |tag: &str| as_admin(&api, api.put(PATH).header("if-match", tag)).json(&body).send();
        let first = put("\"0\"").await;
        first.assert_success(200, &["etag"]);
        put("\"0\"").await.assert_problem(412, "version_mismatch", &["if-match"]);
        put("W/\"0\"").await.assert_problem(412, "version_mismatch", &["if-match"]);
        put("0").await.assert_problem(400, "header_invalid", &["if-match"]);
        let tag = first.header("etag").unwrap();
        assert_eq!(tag, format!("\"{}\"", read(&api).await["version"]));
        put(tag).await.assert_success(200, &["etag"]);
        put("*").await.assert_success(200, &["etag"]);
    }

    #[tokio::test]
    async fn what_no_setting_may_be_is_refused_by_field_and_nothing_is_written() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        let many: Vec<String> = (0..21).map(|index| format!("https://a{index}.example")).collect();
        let long = format!("https://{}.example", "a".repeat(260));
        let crowd: Vec<u64> = (1..=51).collect();
        for (body, field) in [
            (json!({ "allowed_origins": ["https://a.example/path"] }), "allowed_origins[0]"),
            (json!({ "allowed_origins": ["https://a.example", "*"] }), "allowed_origins[1]"),
            (
                json!({ "allowed_origins": ["https://a.example", "https://a.example"] }),
                "allowed_origins[1]",
            ),
            (json!({ "allowed_origins": [long] }), "allowed_origins[0]"),
            (json!({ "allowed_origins": [7] }), "allowed_origins[0]"),
            (json!({ "allowed_origins": many }), "allowed_origins"),
            (json!({ "allowed_origins": "https://a.example" }), "allowed_origins"),
            (json!({ "admins": [0] }), "admins[0]"),
            (json!({ "admins": [1, 1] }), "admins[1]"),
            (json!({ "admins": ["1"] }), "admins[0]"),
            (json!({ "admins": [4_503_599_627_370_496_u64] }), "admins[0]"),
            (json!({ "admins": crowd }), "admins"),
            (json!({ "admins": null }), "admins"),
            (json!({ "sessions_per_user": 0 }), "sessions_per_user"),
            (json!({ "sessions_per_user": 51 }), "sessions_per_user"),
            (json!({ "sessions_per_user": -1 }), "sessions_per_user"),
            (json!({ "access_token_seconds": 29 }), "access_token_seconds"),
            (json!({ "access_token_seconds": 3_601 }), "access_token_seconds"),
            (json!({ "access_token_seconds": 60.5 }), "access_token_seconds"),
            (json!({ "refresh_token_seconds": 299 }), "refresh_token_seconds"),
            (json!({ "refresh_token_seconds": 31_536_001 }), "refresh_token_seconds"),
            (
                json!({ "access_token_seconds": 3_600, "refresh_token_seconds": 300 }),
                "refresh_token_seconds",
            ),
            (json!({ "init_data_seconds": 59 }), "init_data_seconds"),
            (json!({ "init_data_seconds": 604_801 }), "init_data_seconds"),
            (json!({ "sessions_per_user": 9, "init_data_seconds": 1 }), "init_data_seconds"),
            (json!({ "format": 2, "sessions_per_user": 9 }), "format"),
            (json!({ "format": 0, "sessions_per_user": 9 }), "format"),
            (json!({ "session_per_user": 9 }), "session_per_user"),
            (json!({ "format": 1 }), "."),
            (json!({}), "."),
            (json!([]), "."),
            (json!(null), "."),
        ] {
            println!("{body}");
            replace(&api, &body).await.assert_problem(422, "body_invalid", &[field]);
        }
        let large = json!({ "allowed_origins": ["a".repeat(70_000)] });
        replace(&api, &large).await.assert_problem(413, "body_too_large", &[]);
        let text = as_admin(&api, api.put(PATH)).body("text/plain", "{}").send().await;
        text.assert_problem(415, "unsupported_media_type", &["content-type"]);
        let broken = as_admin(&api, api.put(PATH)).body("application/json", "{").send().await;
        broken.assert_problem(400, "body_malformed", &[]);
        assert_eq!(read(&api).await["version"], 0, "nothing was written");
        let trail = as_admin(&api, api.get("/v1/system/audit")).send().await;
        assert_eq!(trail.assert_success(200, &[]), json!({ "entries": [] }));
    }

    /// Somebody writes past the API: the last good settings stay, and the API says what is wrong and can
    /// mend it.
    #[tokio::test]
    async fn a_bad_document_in_the_table_takes_nothing_down() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        set(&api, json!({ "allowed_origins": [NEW_ORIGIN] })).await;
        for (format, stored, is_readable, said) in [
            (1, map("sessions_per_user", number(0)), true, "sessions_per_user"),
            (2, map("sessions_per_user", number(3)), false, "format"),
            (1, map("unknown", number(3)), false, "does not decode"),
            (1, AttributeValue::S("none".to_owned()), false, "does not decode"),
        ] {
            put_raw(&cloud, "SETTINGS", "settings", format, stored).await;
            // A new instance starts with what the deployment has, an old one keeps what it had.
            let fresh = cloud.serve(&[]).await;
            assert!(is_allowed(&fresh, &api.origin).await && !is_allowed(&fresh, NEW_ORIGIN).await);
            let looked = cloud.proxy().count(Cloud::policies());
            eventually("another look at the settings", async || {
                assert!(is_allowed(&api, NEW_ORIGIN).await);
                (cloud.proxy().count(Cloud::policies()) > looked).then_some(())
            })
            .await;
            let found = tokio::time::timeout(Duration::from_secs(10), read(&api)).await.unwrap();
            assert!(is_allowed(&api, NEW_ORIGIN).await);
            let fault = found["fault"].as_str().unwrap();
            assert!(fault.contains(said), "{fault}");
            assert_eq!(found["in_force"]["allowed_origins"], json!([NEW_ORIGIN]));
            if !is_readable {
                let refused = replace(&api, &json!({ "sessions_per_user": 3 })).await;
                refused.assert_problem(409, "settings_unreadable", &[]);
                assert!(reset(&api).await.get("fault").is_none());
            }
            set(&api, json!({ "allowed_origins": [NEW_ORIGIN] })).await;
        }
    }

    /// Each limit on the way back has a floor, by whatever means somebody tries to set it lower.
    #[tokio::test]
    async fn no_limit_can_lock_all_administrators_out() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        for (policy, body, field) in [
            ("admin", json!({ "limit": 1, "period_seconds": 31_622_400 }), "limit"),
            ("admin", json!({ "limit": 1 }), "limit"),
            ("admin", json!({ "burst": 1 }), "burst"),
            ("admin", json!({ "limit": 100, "period_seconds": 31_622_400 }), "period_seconds"),
            ("admin", json!({ "without_store": "closed" }), "without_store"),
            ("login", json!({ "limit": 1, "period_seconds": 31_622_400 }), "period_seconds"),
            (
                "login-address",
                json!({ "limit": 1, "period_seconds": 31_622_400 }),
                "period_seconds",
            ),
            ("refresh", json!({ "limit": 1, "period_seconds": 31_622_400 }), "period_seconds"),
        ] {
            println!("{policy} {body}");
            let put = api.put(&format!("/v1/system/limits/{policy}"));
            let put = as_admin(&api, put).json(&body).send().await;
            put.assert_problem(422, "body_invalid", &[field]);
        }
        // Written past the API, or by a version without floors.
        let year =
            [("limit".to_owned(), number(1)), ("period_seconds".to_owned(), number(31_622_400))];
        let policies = map("admin", AttributeValue::M(year.into()));
        put_raw(&cloud, "POLICIES", "policies", 1, policies).await;
        let fresh = cloud.serve(&[]).await;
        for _ in 0..9 {
            let list = as_admin(&fresh, fresh.get("/v1/system/limits")).send().await;
            let list = list.assert_success(200, &["etag"]);
            assert!(list["fault"].as_str().is_some_and(|fault| fault.contains("policy admin")));
        }
        let back = as_admin(&fresh, fresh.delete("/v1/system/limits/admin")).send().await;
        assert!(back.assert_success(200, &["etag"]).get("fault").is_none());
    }

    /// The least that can be set: it is used up, and the way back opens again by itself.
    #[tokio::test]
    async fn at_the_floor_an_administrator_gets_in_again_within_a_minute() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        let path = "/v1/system/limits/admin";
        let least = json!({ "limit": 5, "period_seconds": 300 });
        as_admin(&api, api.put(path)).json(&least).send().await.assert_success(200, &["etag"]);
        let refused = loop {
            let answer = as_admin(&api, api.delete("/v1/system/limits/login-address")).send().await;
            if answer.status == 429 {
                break answer;
            }
        };
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!(wait <= 60, "{wait}");
    }
}
