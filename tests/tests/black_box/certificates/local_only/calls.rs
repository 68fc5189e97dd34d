//! How often each route calls AWS.

use minigate_testkit::faults::Target;
use minigate_tests::{Cloud, Request};
use serde_json::json;

use super::Issued;

/// The product's calls of a request; those of the limiter and the cache are counted elsewhere.
async fn calls(cloud: &Cloud, request: Request) -> String {
    cloud.reset_counts();
    let answer = request.send().await;
    assert!(answer.status < 300, "{}", answer.body);
    let of_product = Target::Any.outside("LIMIT").outside("CACHE#");
    let made = cloud.proxy().calls_of(of_product);
    let names = made.into_iter().flat_map(|(call, count)| {
        std::iter::repeat_n(call.operation.clone(), count).collect::<Vec<_>>()
    });
    names.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn each_route_makes_the_calls_that_it_is_said_to_make() {
    let issued = Issued::start().await;
    let Issued { cloud, api, .. } = &issued;
    let path = issued.path();
    let own = || api.get("/v1/me/certificates").tma(&api.bot.init_data(issued.holder));
    let list = format!("/v1/certificates/status/{}", issued.certificate.slot.list);
    let name = format!("/v1/me/certificates/{}/name", issued.certificate.id);
    let name = || {
        let put = api.put(&name).tma(&api.bot.init_data(issued.holder));
        put.json(&json!({ "name": "Ada" }))
    };
    // Which signs, with a key that is recorded first.
    assert_eq!(calls(cloud, api.get(&path)).await, "GetItem PutItem UpdateItem");
    assert_eq!(calls(cloud, api.get(&path)).await, "GetItem");
    assert_eq!(calls(cloud, api.get(&path).header("accept", "text/html")).await, "GetItem");
    assert_eq!(calls(cloud, own()).await, "BatchGetItem Query");
    assert_eq!(calls(cloud, name()).await, "UpdateItem");
    assert_eq!(calls(cloud, api.get(&path)).await, "GetItem UpdateItem");
    assert_eq!(calls(cloud, api.get(&list)).await, "Query");
    assert_eq!(calls(cloud, api.get(&list)).await, "");
    assert_eq!(calls(cloud, api.get("/did.json")).await, "Query");
    assert_eq!(calls(cloud, api.get("/.well-known/did.json")).await, "");
    let jwt = issued.jwt().await;
    let verify = || api.post("/v1/certificates/verify").body("application/vc+jwt", jwt.clone());
    assert_eq!(calls(cloud, verify()).await, "GetItem");
    let revoke = api.delete(&format!("{path}?reason=x")).tma(&api.bot.init_data(api.admin_id));
    assert_eq!(calls(cloud, revoke).await, "GetItem TransactWriteItems");
}
