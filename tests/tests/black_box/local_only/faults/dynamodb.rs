//! DynamoDB throttles, fails or refuses connections: a client gets a 503 that says when to try
//! again, and nothing is half-written.

use minigate_embedded_aws::protocol::Service;
use minigate_testkit::faults::{Fault, Target};
use minigate_tests::{Cloud, Deployment, OpenSession, Request, Tokens, random_user};
use serde_json::{Value, json};

/// Everything that a user can see of what is stored about them.
async fn all_of(api: &Deployment, user_id: u64) -> (Value, Vec<Value>) {
    (api.profile(user_id).await, api.sessions_of(user_id).await)
}

/// A request that writes, for each way to write.
fn writes(api: &Deployment, session: &OpenSession, other: &Tokens) -> Vec<(&'static str, Request)> {
    let OpenSession { user_id, tokens } = session;
    let refresh = json!({ "refresh_token": tokens.refresh });
    let language = json!({ "language": "de" });
    vec![
        ("open", api.post("/v1/sessions").tma(&api.bot.init_data(*user_id))),
        ("refresh", api.post("/v1/sessions/refresh").json(&refresh)),
        ("change", api.patch("/v1/me").bearer(&tokens.access).json(&language)),
        ("end", api.delete(&format!("/v1/sessions/{}", other.session_id)).bearer(&tokens.access)),
        ("end all", api.delete("/v1/sessions").bearer(&tokens.access)),
    ]
}

/// While every write fails like this, each is answered with a 503 and changes nothing; after that,
/// each succeeds.
async fn check_failing_writes(fault: Fault) {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    let session = api.new_session().await;
    let other = api.open_session(session.user_id).await.tokens;
    let before = all_of(&api, session.user_id).await;
    let newcomer = random_user();

    let failing = ["UpdateItem", "TransactWriteItems"].map(|write| cloud.inject(write, fault));
    let first = ("first", api.post("/v1/sessions").tma(&api.bot.init_data(newcomer)));
    for (name, request) in writes(&api, &session, &other).into_iter().chain([first]) {
        println!("{name}");
        request.send().await.assert_problem(503, "store_unavailable", &[]);
    }
    assert!(failing[0].hits() > 0 && failing[1].hits() > 0);
    drop(failing);

    assert_eq!(all_of(&api, session.user_id).await, before);
    assert_eq!(api.sessions_of(newcomer).await.len(), 0);
    let profile = api.get("/v1/me").tma(&api.bot.init_data(newcomer)).send().await;
    profile.assert_problem(404, "profile_not_found", &[]);

    let first = ("first", api.post("/v1/sessions").tma(&api.bot.init_data(newcomer)));
    for (name, request) in writes(&api, &session, &other).into_iter().chain([first]) {
        let answer = request.send().await;
        assert!((200..300).contains(&answer.status), "{name}: {}", answer.body);
    }
}

#[tokio::test]
async fn throttled_writes() {
    check_failing_writes(Fault::Throttle).await;
}

#[tokio::test]
async fn failing_writes() {
    check_failing_writes(Fault::ServerError).await;
}

#[tokio::test]
async fn refused_writes() {
    check_failing_writes(Fault::Refuse).await;
}

#[tokio::test]
async fn reads_fail_the_same_way() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    let session = api.new_session().await;
    for fault in [Fault::Throttle, Fault::ServerError, Fault::Refuse] {
        println!("{fault:?}");
        let failing = cloud.inject(Service::DynamoDb, fault);
        for request in [
            api.get("/v1/me").bearer(&session.tokens.access),
            api.get("/v1/sessions").bearer(&session.tokens.access),
            api.post("/v1/sessions").tma(&api.bot.init_data(session.user_id)),
        ] {
            request.send().await.assert_problem(503, "store_unavailable", &[]);
        }
        // What needs no database does not notice.
        api.get("/health").send().await.assert_success(200, &[]);
        let forged = api.bot.init_data(session.user_id).replace("Ada", "Eve");
        let refused = api.get("/v1/me").tma(&forged).send().await;
        refused.assert_problem(401, "hash_mismatch", &["init_data"]);
        drop(failing);
        api.assert_alive(&session.tokens).await;
    }
}

/// A Mini App in a browser can tell a failing database from a failing network.
#[tokio::test]
async fn a_mini_app_can_read_the_failure() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    let session = api.new_session().await;
    let _failing = cloud.inject("Query", Fault::Throttle);
    let request = api.get("/v1/me").bearer(&session.tokens.access).header("origin", &api.origin);
    let answer = request.send().await;
    answer.assert_problem(503, "store_unavailable", &[]);
    assert_eq!(answer.header("access-control-allow-origin"), Some(api.origin.as_str()));
}

/// One bad call is not worth a user's notice. Ending a session is not repeated by itself, because a
/// repetition could not be told from a second request; the client repeats it.
#[tokio::test]
async fn a_passing_fault_is_not_noticed() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    for fault in [Fault::Throttle, Fault::ServerError, Fault::Refuse] {
        println!("{fault:?}");
        let session = api.new_session().await;
        let other = api.open_session(session.user_id).await.tokens;
        for (name, request) in writes(&api, &session, &other) {
            let call = match name {
                "open" => Target::from("Query"),
                _ => Target::from("UpdateItem").within("USER#"),
            };
            let once = cloud.inject_times(1, call, fault);
            let answer = request.send().await;
            assert_eq!(once.hits(), 1, "{name}");
            if name.starts_with("end") {
                answer.assert_problem(503, "store_unavailable", &[]);
            } else {
                assert!((200..300).contains(&answer.status), "{name}: {}", answer.body);
            }
        }
        for call in ["Query", "TransactWriteItems"] {
            let once = cloud.inject_times(1, call, fault);
            api.new_session().await;
            assert_eq!(once.hits(), 1, "{call}");
        }
        let once = cloud.inject_times(1, "GetItem", fault);
        api.assert_alive(&session.tokens).await;
        assert_eq!(once.hits(), 1);
    }
}

/// A transaction on the user's items is under way. Such a call has changed nothing, so that it is
/// repeated whatever it is.
#[tokio::test]
async fn a_conflict_is_not_noticed_unless_it_lasts() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[]).await;
    let session = api.new_session().await;
    let other = api.open_session(session.user_id).await.tokens;
    let account = || Target::from("UpdateItem").within("USER#");
    let lasting = cloud.inject(account(), Fault::Conflict);
    for (name, request) in writes(&api, &session, &other) {
        let code = if name == "open" { "account_busy" } else { "store_unavailable" };
        request.send().await.assert_problem(503, code, &[]);
    }
    drop(lasting);
    for (name, request) in writes(&api, &session, &other) {
        let passing = cloud.inject_times(2, account(), Fault::Conflict);
        let answer = request.send().await;
        assert_eq!(passing.hits(), 2, "{name}");
        assert!((200..300).contains(&answer.status), "{name}: {}", answer.body);
    }
    let passing = cloud.inject_times(2, "TransactWriteItems", Fault::Conflict);
    api.new_session().await;
    assert_eq!(passing.hits(), 2);
}
