//! CloudFront in front of the API.

use minigate_embedded_aws::protocol::Service;
use minigate_tests::{Cloud, Deployment, Request};

/// `printf key-of-the-edge | sha256sum | cut -c1-32`
const KEY_SHA256: (&str, &str) = ("MINIGATE_EDGE_KEY_SHA256", "abacab9b1ac8c52768d7eacc6cb890da");

fn through_edge(api: &Deployment, address: &str) -> Request {
    let request = api.get("/health").header("x-edge-key", "key-of-the-edge");
    request.header("x-edge-address", address)
}

#[tokio::test]
async fn what_does_not_come_through_it_is_refused() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[KEY_SHA256]).await;
    through_edge(&api, "192.0.2.1").send().await.assert_success(200, &[]);
    let keys = through_edge(&api, "2001:db8::1").header("x-edge-key", "key-of-the-edge");
    cloud.reset_counts();
    for request in [
        api.get("/health"),
        api.get("/health").header("x-edge-key", ""),
        api.get("/health").header("x-edge-key", "of-somebody-else"),
        api.get("/health").header("x-edge-key", KEY_SHA256.1),
        api.post("/v1/sessions").tma(&api.bot.init_data(1)),
        keys,
    ] {
        request.send().await.assert_problem(403, "edge_required", &[]);
    }
    assert_eq!(cloud.count(Service::DynamoDb), 0);
}

#[tokio::test]
async fn while_its_key_is_changed_it_sends_two() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[KEY_SHA256]).await;
    for keys in ["key-of-the-edge,new", "new,key-of-the-edge"] {
        let request = api.get("/health").header("x-edge-key", keys);
        request.send().await.assert_success(200, &[]);
    }
}

#[tokio::test]
async fn addresses_are_those_of_clients() {
    let cloud = Cloud::start().await;
    let limit = ("MINIGATE_ADDRESS_LIMIT_PER_MINUTE", "1");
    let api = cloud.serve(&[KEY_SHA256, limit]).await;
    for address in ["192.0.2.1", "192.0.2.2", "2001:db8::1"] {
        through_edge(&api, address).send().await.assert_success(200, &[]);
        through_edge(&api, address).send().await.assert_problem(429, "rate_limited", &[]);
    }
}

/// Without an edge, its headers are those of anyone.
#[tokio::test]
async fn without_one_its_headers_say_nothing() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[("MINIGATE_ADDRESS_LIMIT_PER_MINUTE", "1")]).await;
    through_edge(&api, "192.0.2.1").send().await.assert_success(200, &[]);
    through_edge(&api, "192.0.2.2").send().await.assert_problem(429, "rate_limited", &[]);
}
