//! AWS is slow: within the timeouts nobody notices; beyond them, a client is told to come back
//! before it gives up by itself.

use std::time::{Duration, Instant};

use minigate_embedded_aws::protocol::Service;
use minigate_testkit::faults::Fault;
use minigate_tests::{Cloud, random_user};
use serde_json::json;

const SLOW: Duration = Duration::from_millis(300);
const LOST: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_slow_database_is_waited_for() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    for fault in [Fault::DelayRequest(SLOW), Fault::DelayAnswer(SLOW)] {
        let slow = cloud.inject(Service::DynamoDb, fault);
        cloud.reset_counts();
        let session = api.new_session().await;
        assert_eq!(slow.hits(), 2, "nothing is repeated");
        api.refresh(&session.tokens.refresh).await.assert_success(200, &[]);
        api.assert_alive(&session.tokens).await;
        assert_eq!(api.sessions_of(session.user_id).await.len(), 1);
    }
}

#[tokio::test]
async fn slow_secrets_are_waited_for_at_the_start() {
    let cloud = Cloud::start().await;
    let slow = cloud.inject(Service::SecretsManager, Fault::DelayRequest(SLOW));
    let api = cloud.serve(&[]).await;
    let fetched = slow.hits();
    let session = api.new_session().await;
    api.assert_alive(&session.tokens).await;
    assert_eq!((fetched, slow.hits()), (6, 6), "fetched before the first request, and once");
}

#[tokio::test]
async fn one_lost_call_is_repeated() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    let session = api.new_session().await;
    let lost = cloud.inject_times(1, "GetItem", Fault::DelayRequest(LOST));
    let started = Instant::now();
    api.assert_alive(&session.tokens).await;
    assert_eq!(lost.hits(), 1);
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_database_that_is_too_slow() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[("MINIGATE_CACHE_MILLISECONDS", "1000")]).await;
    let session = api.new_session().await;
    let before = api.sessions_of(session.user_id).await;
    let slow = cloud.inject(Service::DynamoDb, Fault::DelayRequest(LOST));
    let language = json!({ "language": "de" });
    let init_data = api.bot.init_data(session.user_id);
    let started = Instant::now();
    let (read, change, open, end) = tokio::join!(
        api.get("/v1/me").bearer(&session.tokens.access).send(),
        api.patch("/v1/me").tma(&init_data).json(&language).send(),
        api.post("/v1/sessions").tma(&init_data).send(),
        api.delete("/v1/sessions").tma(&init_data).send(),
    );
    for answer in [read, change, open, end] {
        answer.assert_problem(503, "store_unavailable", &[]);
    }
    let took = started.elapsed();
    assert!(took < Duration::from_secs(6), "a client waits {took:?} for a 503");
    drop(slow);
    assert_eq!(api.sessions_of(session.user_id).await, before);
    assert_eq!(api.profile(session.user_id).await["version"], 1);
}

#[tokio::test]
async fn the_time_of_a_request_is_limited() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[("MINIGATE_REQUEST_SECONDS", "1")]).await;
    let session = api.new_session().await;
    let user = random_user();
    let slow = cloud.inject(Service::DynamoDb, Fault::DelayRequest(LOST));
    let started = Instant::now();
    let init_data = api.bot.init_data(user);
    let (read, open) = tokio::join!(
        api.get("/v1/me").bearer(&session.tokens.access).header("origin", &api.origin).send(),
        api.post("/v1/sessions").tma(&init_data).send(),
    );
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    read.assert_problem(503, "deadline_exceeded", &[]);
    assert_eq!(read.header("access-control-allow-origin"), Some(api.origin.as_str()));
    open.assert_problem(503, "deadline_exceeded", &[]);
    drop(slow);
    assert_eq!(api.sessions_of(user).await.len(), 0);
}
