//! How often each route calls AWS. A call too many is latency for every user and money every day.
//!
//! The product's calls are told apart from those on items of their own in the table `Volatile`: the
//! limiter's, one for each key that memory does not know enough of, and the cache's, which asks
//! whether a user's account was invalidated or says so.

use std::time::Instant;

use minigate_embedded_aws::protocol::Service;
use minigate_testkit::faults::Target;
use minigate_tests::{
    Answer, Cloud, Deployment, OpenSession, Request, eventually, random_user, with_header,
};
use serde_json::json;

use crate::attempts::{Taker, all_kinds, published};

/// Sends the request, checks its status, and returns the calls it made: the product's, then how
/// many were the cache's reads and writes, then how many were the limiter's: `Query r1 w1 +1`.
async fn calls(cloud: &Cloud, request: Request, status: u16) -> (Answer, String) {
    cloud.reset_counts();
    let answer = request.send().await;
    assert_eq!(answer.status, status, "{}", answer.body);
    let mut names = Vec::new();
    let of_product = Target::Any.outside("LIMIT").outside("CACHE#");
    for (call, count) in cloud.proxy().calls_of(of_product) {
        names.extend(std::iter::repeat_n(call.operation, count));
    }
    for (call, count) in cloud.proxy().calls_of(Cloud::cache()) {
        let kind = if call.operation.ends_with("GetItem") { "r" } else { "w" };
        names.push(format!("{kind}{count}"));
    }
    let of_limiter = cloud.proxy().count(Cloud::limiter());
    if of_limiter > 0 {
        names.push(format!("+{of_limiter}"));
    }
    (answer, names.join(" "))
}

/// The limits are those of users, on which nothing is leased: each charge is a call, the worst case.
async fn prepared() -> (Cloud, Deployment, OpenSession) {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[("MINIGATE_LIMITS", "login=100,login-address=100")]).await;
    let session = api.new_session().await;
    (cloud, api, session)
}

#[tokio::test]
async fn opening_a_session_is_one_read_and_one_write() {
    let (cloud, api, known) = prepared().await;
    let post = |user: u64| api.post("/v1/sessions").tma(&api.bot.init_data(user));
    let (_, first) = calls(&cloud, post(random_user()), 201).await;
    assert_eq!(first, "Query TransactWriteItems +2");
    for _ in 0..4 {
        let (_, later) = calls(&cloud, post(known.user_id), 201).await;
        assert_eq!(later, "Query UpdateItem +2");
    }
    // Now the oldest gives way, and other instances are told beside the answer.
    let told = async || (cloud.proxy().count(Cloud::cache()) == 1).then_some(());
    cloud.reset_counts();
    let last = post(known.user_id).idempotency_key("k").send().await;
    assert_eq!(last.status, 201, "{}", last.body);
    eventually("word of the ended session", told).await;
    assert_eq!((cloud.count("Query"), cloud.count("UpdateItem")), (1, 2));
    cloud.reset_counts();
    let repeated = post(known.user_id).idempotency_key("k").send().await;
    assert_eq!(repeated.status, 201, "{}", repeated.body);
    eventually("word of it again", told).await;
    assert_eq!((cloud.count("Query"), cloud.count("UpdateItem")), (1, 1));
}

#[tokio::test]
async fn once_only_init_data_costs_no_further_call() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[
        ("MINIGATE_INIT_DATA_ONE_TIME_USE", "true"),
        ("MINIGATE_LIMITS", "login=100,login-address=100"),
    ]);
    let api = api.await;
    let user = random_user();
    for _ in 0..2 {
        let request = api.post("/v1/sessions").tma(&api.bot.init_data(user));
        let (_, made) = calls(&cloud, request, 201).await;
        assert_eq!(made, "Query TransactWriteItems +2");
    }
}

#[tokio::test]
async fn the_other_routes() {
    let (cloud, api, session) = prepared().await;
    let OpenSession { user_id, tokens } = session;
    let other = api.open_session(user_id).await.tokens;
    let tma = |request: Request| request.tma(&api.bot.init_data(user_id));
    let bearer = |request: Request| request.bearer(&tokens.access);
    let language = || api.patch("/v1/me").json(&json!({ "language": "de" }));
    let body = json!({ "refresh_token": tokens.refresh });
    let refresh = || api.post("/v1/sessions/refresh").json(&body);
    let other = format!("/v1/sessions/{}", other.session_id);
    for (name, request, status, expected) in [
        ("health", api.get("/health"), 200, ""),
        ("read first", bearer(api.get("/v1/me")), 200, "Query +1"),
        ("read with a token", bearer(api.get("/v1/me")), 200, "r1 +1"),
        ("read with init data", tma(api.get("/v1/me")), 200, "r1 +1"),
        ("change with a token", bearer(language()), 200, "UpdateItem r1 w1 +1"),
        ("read after a change", bearer(api.get("/v1/me")), 200, "Query +1"),
        ("change with init data", tma(language()), 200, "UpdateItem w1 +1"),
        ("stale change", tma(language().header("if-match", "\"9\"")), 412, "UpdateItem w1 +1"),
        ("list", bearer(api.get("/v1/sessions")), 200, "GetItem +1"),
        ("refresh", refresh(), 200, "UpdateItem +1"),
        ("revoke", bearer(api.delete(&other)), 204, "UpdateItem w1 +1"),
        ("revoke again", bearer(api.delete(&other)), 404, "UpdateItem w1 +1"),
        ("revoke all", bearer(api.delete("/v1/sessions")), 204, "UpdateItem w1 +1"),
        ("revoked", bearer(api.get("/v1/sessions")), 401, "GetItem +1"),
        ("refresh of what has ended", refresh(), 401, "UpdateItem +1"),
    ] {
        let (_, made) = calls(&cloud, request, status).await;
        assert_eq!(made, expected, "{name}");
    }
}

/// A token that is used again ends its session, which other instances must know; nothing more comes of
/// the next time.
#[tokio::test]
async fn reuse_is_paid_for_once() {
    let (cloud, api, session) = prepared().await;
    let body = json!({ "refresh_token": session.tokens.refresh });
    let refresh = || api.post("/v1/sessions/refresh").json(&body);
    for (status, expected) in [
        (200, "UpdateItem +1"),
        (401, "UpdateItem UpdateItem w1 +1"),
        (401, "UpdateItem +1"),
        (401, "UpdateItem +1"),
    ] {
        let (_, made) = calls(&cloud, refresh(), status).await;
        assert_eq!(made, expected);
    }
}

/// With init data, which saves the check of the session. Reads of the limits are not counted: they are
/// also made in the background.
#[tokio::test]
async fn the_routes_of_administrators() {
    let (cloud, api, session) = prepared().await;
    let tma = |request: Request| request.tma(&api.bot.init_data(api.admin_id));
    let user = session.user_id;
    let tier = api.put(&format!("/v1/system/users/{user}/tier"));
    let change = api.put("/v1/system/limits/login-address").json(&json!({ "limit": 9 }));
    let keys = format!("/v1/system/limits/keys/user/{user}");
    let tag = format!("/v1/system/cache?tag=user%23{user}");
    for (name, request, status, expected) in [
        ("limits", api.get("/v1/system/limits"), 200, "+1"),
        ("change of a limit", change, 200, "TransactWriteItems +1"),
        (
            "reset of a limit",
            api.delete("/v1/system/limits/login-address"),
            200,
            "TransactWriteItems +1",
        ),
        ("reset of all", api.delete("/v1/system/limits"), 200, "TransactWriteItems +1"),
        ("key", api.get(&keys), 200, "Query +6"),
        ("reset of a key", api.delete(&keys), 204, "PutItem +6"),
        ("tier", tier.json(&json!({ "tier": "pro" })), 204, "Query TransactWriteItems +1"),
        ("audit", api.get("/v1/system/audit"), 200, "Query +1"),
        ("cache", api.get("/v1/system/cache"), 200, "BatchGetItem +1"),
        ("invalidation", api.delete(&tag), 204, "PutItem w1 +1"),
    ] {
        let (_, made) = calls(&cloud, tma(request), status).await;
        assert_eq!(made, expected, "{name}");
    }
}

#[tokio::test]
async fn detailed_health_asks_each_dependency_once() {
    let (cloud, api, _) = prepared().await;
    let request = api.get("/health/detailed").tma(&api.bot.init_data(api.admin_id));
    calls(&cloud, request, 200).await;
    assert_eq!(cloud.count(Service::DynamoDb), 1);
    // Two versions of two secrets.
    assert_eq!(cloud.count("GetSecretValue"), 4);
}

/// Whoever is refused before it is known who they are costs nothing.
#[tokio::test]
async fn a_refusal_costs_no_call_to_dynamodb() {
    let (cloud, api, session) = prepared().await;
    let forged = api.bot.init_data(session.user_id).replace("Ada", "Eve");
    let forged_token =
        with_header(&session.tokens.access, r#"{"alg":"EdDSA","typ":"at+jwt","kid":"forged"}"#);
    let refresh =
        |token: &str| api.post("/v1/sessions/refresh").json(&json!({ "refresh_token": token }));
    cloud.reset_counts();
    for request in [
        api.post("/v1/sessions"),
        api.post("/v1/sessions").tma(&forged),
        api.post("/v1/sessions").json(&json!({ "init_data": forged })),
        api.post("/v1/sessions").tma(&api.bot.init_data_at(session.user_id, 1)),
        api.post("/v1/sessions").tma(&api.bot.init_data(1)).idempotency_key("?"),
        api.get("/v1/me"),
        api.get("/v1/me").tma(&forged),
        api.get("/v1/me").bearer(&forged_token),
        api.get("/v1/me").bearer(&session.tokens.refresh),
        api.patch("/v1/me").bearer(&forged_token).json(&json!({ "language": "de" })),
        api.get("/v1/sessions").bearer(&forged_token),
        api.delete("/v1/sessions").bearer(&forged_token),
        refresh(&session.tokens.access),
        refresh(&forged_token),
        refresh(&(session.tokens.refresh.clone() + "AAAA")),
        api.get("/health/detailed").tma(&forged),
        api.get("/nowhere"),
        api.post("/health"),
    ] {
        let answer = request.send().await;
        assert!((400..500).contains(&answer.status), "{}", answer.body);
    }
    assert_eq!(cloud.count(Service::DynamoDb), 0, "{:?}", cloud.calls());
    assert_eq!(cloud.proxy().count(Cloud::limiter()), 0);
}

/// Whether a user is an administrator by a grant, their account says, and the limit bounds how often it is
/// read.
#[tokio::test]
async fn a_user_who_is_no_administrator_costs_a_read_that_is_limited() {
    let (cloud, api, session) = prepared().await;
    cloud.reset_counts();
    let request = api.get("/health/detailed").tma(&api.bot.init_data(session.user_id));
    request.send().await.assert_problem(403, "admin_required", &[]);
    assert_eq!(cloud.count(Service::DynamoDb), 1, "{:?}", cloud.calls());
    assert_eq!(cloud.proxy().count(Cloud::limiter()), 1);
}

/// A signature that does not verify may be one of a newer key, so Secrets Manager is asked; but
/// forgers do not decide how often.
#[tokio::test]
async fn forgeries_cause_a_handful_of_calls_to_secrets_manager() {
    let (cloud, api, session) = prepared().await;
    let forged = api.bot.init_data(session.user_id).replace("Ada", "Eve");
    let forged_token =
        with_header(&session.tokens.access, r#"{"alg":"EdDSA","typ":"at+jwt","kid":"forged"}"#);
    cloud.reset_counts();
    let started = Instant::now();
    for _ in 0..50 {
        let answer = api.get("/v1/me").tma(&forged).send().await;
        answer.assert_problem(401, "hash_mismatch", &["init_data"]);
        let answer = api.get("/v1/me").bearer(&forged_token).send().await;
        answer.assert_problem(401, "token_invalid", &["authorization"]);
    }
    // Five looks at once and one every six seconds, each at two versions of two secrets.
    let looks = 5 + 1 + usize::try_from(started.elapsed().as_secs() / 6).unwrap();
    let asked = cloud.count(Service::SecretsManager);
    assert!((4..=4 * looks).contains(&asked), "{asked} calls");
    assert_eq!(cloud.count(Service::DynamoDb), 0);
}

/// What everybody reads costs nothing when warm, whoever asks.
#[tokio::test]
async fn quizzes() {
    let cloud = Cloud::start().await;
    let api = cloud.serve(&[("MINIGATE_LIMITS", "admin=1000")]).await;
    let other = cloud.serve(&[]).await;
    let admin = |request: Request| request.tma(&api.bot.init_data(api.admin_id));
    let draft = include_str!("../../../../../shared/domain/src/quizzes/example.json");
    let put = || admin(api.put("/v1/quizzes/first")).body("application/json", draft);
    let publish = || admin(api.post("/v1/quizzes/first/publish"));
    for (name, request, status, expected) in [
        ("create", put(), 201, "GetItem TransactWriteItems +1"),
        ("the same draft", put(), 200, "GetItem +1"),
        ("publish", publish(), 200, "Query TransactWriteItems w2 +1"),
        ("publish again", publish(), 200, "Query w2 +1"),
        ("draft", admin(api.get("/v1/quizzes/first/draft")), 200, "GetItem +1"),
        ("a quiz", other.get("/v1/quizzes/first"), 200, "GetItem"),
        ("a warm quiz", other.get("/v1/quizzes/first"), 200, ""),
        ("a version", other.get("/v1/quizzes/first/versions/1"), 200, "GetItem"),
        ("a warm version", other.get("/v1/quizzes/first/versions/1"), 200, ""),
        ("a list", other.get("/v1/quizzes?topic=general"), 200, "Query"),
        ("a warm list", other.get("/v1/quizzes?topic=general"), 200, ""),
        ("another list", other.get("/v1/quizzes?topic=other"), 200, "Query"),
        (
            "archive",
            admin(api.post("/v1/quizzes/first/archive")),
            200,
            "GetItem TransactWriteItems w2 +1",
        ),
    ] {
        let (_, made) = calls(&cloud, request, status).await;
        assert_eq!(made, expected, "{name}");
    }
}

/// Of a quiz that the instance knows. A start costs one transaction, an answer one update, a submission one read
/// and one transaction with everything that follows from the score.
#[tokio::test]
async fn attempts() {
    let (cloud, api, _) = prepared().await;
    // Another instance than the author's, which keeps nothing for a moment after the change.
    let other = cloud.serve(&[]).await;
    let quiz = published(&api, &all_kinds()).await;
    let taker = Taker::of(&other, random_user(), quiz);
    let gravity = json!({ "number": "9.8" });
    let first = taker.start().await;
    taker.answer(&first["id"], "gravity", &gravity).await.assert_success(200, &[]);
    taker.submit(&first["id"]).await;
    // The moves on the leaderboards are counted beside the answer.
    let is_counted = async || {
        let is_quiet = cloud.calls().is_empty();
        cloud.reset_counts();
        is_quiet.then_some(())
    };
    eventually("the end of the count", is_counted).await;
    let (answer, made) = calls(&cloud, taker.starting("counted"), 201).await;
    assert_eq!(of_product(&made), "TransactWriteItems");
    let attempt = answer.json();
    let path = format!("/v1/attempts/{}", attempt["id"].as_str().unwrap());
    let answering = taker.sign(other.put(&format!("{path}/answers/gravity"))).json(&gravity);
    // As good as before: nobody moves, and nothing is to be counted.
    for (name, request, expected) in [
        ("answer", answering, "UpdateItem"),
        ("read", taker.sign(other.get(&path)), "GetItem"),
        ("submit", taker.submitting(&attempt["id"]), "BatchGetItem TransactWriteItems"),
        ("submit again", taker.submitting(&attempt["id"]), "BatchGetItem"),
        ("read the result", taker.sign(other.get(&path)), "GetItem"),
        ("list", taker.sign(other.get("/v1/me/attempts")), "Query"),
    ] {
        let (_, made) = calls(&cloud, request, 200).await;
        assert_eq!(of_product(&made), expected, "{name}");
    }
}

/// Without those of the limiter, which leases units of this user's limits.
fn of_product(made: &str) -> &str {
    made.split(" +").next().unwrap()
}
