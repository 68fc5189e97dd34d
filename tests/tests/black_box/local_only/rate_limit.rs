//! The limit per client address.

use minigate_embedded_aws::protocol::Service;
use minigate_tests::{Answer, Cloud, Deployment, eventually};

/// Asks until it is refused.
async fn exhaust(api: &Deployment) -> Answer {
    eventually("a refusal", async || {
        let answer = api.get("/health").send().await;
        (answer.status != 200).then_some(answer)
    })
    .await
}

#[tokio::test]
async fn beyond_the_limit_requests_are_refused_until_there_is_room() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[("MINIGATE_ADDRESS_LIMIT_PER_MINUTE", "30")]).await;
    for _ in 0..30 {
        api.get("/health").send().await.assert_success(200, &[]);
    }
    let refused = exhaust(&api).await;
    refused.assert_problem(429, "rate_limited", &[]);
    assert_eq!(refused.json()["violated-policies"], serde_json::json!(["address"]));
    // One every two seconds comes back.
    assert!(["1", "2"].contains(&refused.header("retry-after").unwrap()));

    eventually("room", async || (api.get("/health").send().await.status == 200).then_some(()))
        .await;
}

#[tokio::test]
async fn the_limit_is_one_for_all_routes_and_for_whatever_a_client_says() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[("MINIGATE_ADDRESS_LIMIT_PER_MINUTE", "1")]).await;
    exhaust(&api).await;
    cloud.reset_counts();
    let init_data = api.bot.init_data(1);
    for request in [
        api.get("/v1/me"),
        api.post("/v1/sessions").tma(&init_data),
        api.post("/v1/sessions/refresh").body("application/json", "{}"),
        api.delete("/v1/sessions").tma(&init_data),
        api.get("/health/detailed").tma(&init_data),
        api.get("/health").header("x-forwarded-for", "192.0.2.1"),
        api.get("/health").header("forwarded", "for=192.0.2.2"),
        api.get("/health").header("x-real-ip", "192.0.2.3"),
    ] {
        request.send().await.assert_problem(429, "rate_limited", &[]);
    }
    assert_eq!(cloud.count(Service::DynamoDb), 0);
    assert_eq!(cloud.count(Service::SecretsManager), 0);
}

/// A browser shows the refusal to the Mini App, which can then wait as long as it is told.
#[tokio::test]
async fn a_mini_app_can_read_the_refusal() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[("MINIGATE_ADDRESS_LIMIT_PER_MINUTE", "1")]).await;
    exhaust(&api).await;
    let refused = api.get("/v1/me").header("origin", &api.origin).send().await;
    refused.assert_problem(429, "rate_limited", &[]);
    assert_eq!(refused.header("access-control-allow-origin"), Some(api.origin.as_str()));
    let exposed = refused.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("retry-after"), "{exposed}");
}
