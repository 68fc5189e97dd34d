//! One limit over several instances, and what it tells a client.

use std::time::{Duration, Instant};

use minigate_tests::{Answer, Cloud, Deployment, OpenSession, eventually};
use serde_json::{Value, json};

/// Nothing comes back while a test runs.
const HOUR: [(&str, &str); 1] = [("MINIGATE_LIMITS", "login=99,login-address=999,api=20/3600")];

async fn read(api: &Deployment, session: &OpenSession) -> Answer {
    api.get("/v1/me").bearer(&session.tokens.access).send().await
}

/// Headers do not depend on what else is wrong with a request; who is nobody has no limits.
#[tokio::test]
async fn limited_answers_have_headers_and_others_have_none() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let bearer = |path: &str| api.get(path).bearer(&session.tokens.access);
    let bad = api.patch("/v1/me").bearer(&session.tokens.access).json(&json!({ "x": 1 }));
    let login = api.post("/v1/sessions").tma(&api.bot.init_data(session.user_id));
    let refresh = json!({ "refresh_token": session.tokens.refresh });
    let refresh = api.post("/v1/sessions/refresh").json(&refresh);
    let admin = api.get("/v1/system/audit").tma(&api.bot.init_data(api.admin_id));
    for (request, policies) in [
        (bearer("/v1/me"), "\"api\";"),
        (bearer("/v1/sessions"), "\"api\";"),
        (bad, "\"api\";"),
        (login, "\"login\";"),
        (refresh, "\"refresh\";"),
        (admin, "\"admin\";"),
    ] {
        let answer = request.send().await;
        let told = answer.header("ratelimit-policy").unwrap();
        assert!(told.starts_with(policies), "{told} instead of {policies}");
    }
    for request in [api.get("/health"), api.get("/v1/me"), api.get("/openapi.json"), bearer("/no")]
    {
        assert_eq!(request.send().await.header("ratelimit"), None);
    }
}

/// A browser shows the figures to the Mini App.
#[tokio::test]
async fn a_mini_app_can_read_the_figures() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let request = api.get("/v1/me").bearer(&session.tokens.access).header("origin", &api.origin);
    let answer = request.send().await;
    let exposed = answer.header("access-control-expose-headers").unwrap();
    for name in ["ratelimit", "ratelimit-policy", "retry-after"] {
        assert!(exposed.split(',').any(|other| other.trim() == name), "{exposed}");
    }
}

mod local_only {
    use super::*;

    #[tokio::test]
    async fn two_instances_admit_together_what_one_would() {
        let cloud = Cloud::start().await;
        let apis = [cloud.serve(&HOUR).await, cloud.serve(&HOUR).await];
        let session = apis[0].new_session().await;
        let asked = (0..30).map(|number: usize| read(&apis[number % 2], &session));
        let answers = futures_util::future::join_all(asked).await;
        let admitted = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(admitted, 20);
        for refused in answers.iter().filter(|answer| answer.status != 200) {
            refused.assert_problem(429, "rate_limited", &[]);
            assert_eq!(refused.json()["violated-policies"], json!(["api"]));
        }
        // A write is refused before it does anything.
        let language = json!({ "language": "de" });
        let change = apis[1].patch("/v1/me").bearer(&session.tokens.access).json(&language);
        change.send().await.assert_problem(429, "rate_limited", &[]);
        // Who is denied again costs nothing, on either instance.
        for round in 0..2 {
            if round == 1 {
                cloud.reset_counts();
            }
            for api in &apis {
                read(api, &session).await.assert_problem(429, "rate_limited", &[]);
            }
        }
        assert_eq!(cloud.proxy().count(Cloud::limiter()), 0);
        // Others are not touched.
        let other = apis[1].new_session().await;
        read(&apis[0], &other).await.assert_success(200, &["etag"]);
    }

    #[tokio::test]
    async fn a_client_is_told_where_it_stands_and_when_to_come_back() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[("MINIGATE_LIMITS", "login=99,login-address=999,api=2/6")]).await;
        let session = api.new_session().await;
        let first = read(&api, &session).await;
        first.assert_success(200, &["etag"]);
        assert_eq!(first.header("ratelimit-policy"), Some(r#""api";q=2;w=6"#));
        assert_eq!(first.header("ratelimit"), Some(r#""api";r=1;t=3"#));
        let second = read(&api, &session).await;
        assert!(second.header("ratelimit").unwrap().starts_with(r#""api";r=0;t="#));

        let denied_at = Instant::now();
        let refused = read(&api, &session).await;
        refused.assert_problem(429, "rate_limited", &[]);
        assert_eq!(refused.header("ratelimit-policy"), Some(r#""api";q=2;w=6"#));
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=3).contains(&wait), "{wait}");
        eventually("room", async || (read(&api, &session).await.status == 200).then_some(())).await;
        let waited = denied_at.elapsed();
        // It is rounded up to a second, and the first answer took its time.
        assert!(waited <= Duration::from_secs(wait + 1), "{waited:?} instead of {wait} s");
        assert!(waited + Duration::from_secs(2) >= Duration::from_secs(wait), "{waited:?}");
    }

    /// Each init data is a unit, and a request that does not fit takes none.
    #[tokio::test]
    async fn a_request_of_a_machine_weighs_as_much_as_it_holds() {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[("MINIGATE_LIMITS", "verify=250/36000")]).await;
        let verify = async |items: usize| {
            let items: Vec<Value> = vec![json!({ "init_data": "x" }); items];
            api.post("/v1/verify").json(&json!({ "items": items })).send().await
        };
        for _ in 0..2 {
            verify(100).await.assert_success(200, &[]);
        }
        let refused = verify(100).await;
        refused.assert_problem(429, "rate_limited", &[]);
        assert_eq!(refused.json()["violated-policies"], json!(["verify"]));
        verify(50).await.assert_success(200, &[]);
        verify(1).await.assert_problem(429, "rate_limited", &[]);
    }
}
