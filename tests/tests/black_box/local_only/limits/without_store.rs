//! The limiter's table fails or does not answer: the policy says what becomes of a request, and it
//! is never an error of ours.

use std::time::Duration;

use minigate_testkit::faults::Fault;
use minigate_tests::{Cloud, eventually};

const LIMITS: [(&str, &str); 2] =
    [("MINIGATE_LIMITS", "api=3/3600"), ("MINIGATE_LIMITER_MILLISECONDS", "250")];

#[tokio::test]
async fn reads_go_on_and_logins_wait() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&LIMITS).await;
    let wide = cloud.serve(&[]).await;
    for fault in [
        Fault::Throttle,
        Fault::ServerError,
        Fault::Refuse,
        Fault::DelayRequest(Duration::from_secs(30)),
    ] {
        println!("{fault:?}");
        let session = wide.new_session().await;
        let failing = cloud.proxy().inject(Cloud::limiter(), fault);
        // Open: as far as this instance alone keeps the limit.
        let read = async || api.get("/v1/me").bearer(&session.tokens.access).send().await;
        for _ in 0..3 {
            read().await.assert_success(200, &["etag"]);
        }
        read().await.assert_problem(429, "rate_limited", &[]);
        // Closed: nobody has asked for too much, so it is no 429.
        let init_data = api.bot.init_data(session.user_id);
        let login = api.post("/v1/sessions").tma(&init_data).send().await;
        login.assert_problem(503, "store_unavailable", &[]);
        assert!(failing.hits() > 0);
        drop(failing);
        // It does not take for ever to notice that all is well.
        eventually("a login", async || {
            let login = api.post("/v1/sessions").tma(&init_data).send().await;
            (login.status == 201).then_some(())
        })
        .await;
    }
}
