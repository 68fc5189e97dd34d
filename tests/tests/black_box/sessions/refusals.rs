//! Each kind of refusal of `POST /v1/sessions`.

use minigate_tests::{Bot, Deployment, now, random_user, user_json};
use serde_json::json;

struct Case {
    name: &'static str,
    init_data: String,
    code: &'static str,
}

fn case(name: &'static str, init_data: impl Into<String>, code: &'static str) -> Case {
    Case { name, init_data: init_data.into(), code }
}

/// Init data that is refused for what it is, wherever it stands.
fn refused_init_data(bot: &Bot) -> Vec<Case> {
    let user_id = random_user();
    let user = user_json(user_id);
    let date = now().to_string();
    let good = bot.init_data(user_id);
    let (unsigned, hash) = good.split_once("&hash=").unwrap();
    let with_user = |user: &str| bot.init_data_with_user(user);
    let with_date = |date: &str| bot.sign(&[("user", &user), ("auth_date", date)]);
    let stranger = Bot::new(&format!("{}:ANOTHER-TOKEN-FOR-THE-SAME-BOT-IDENTITY", bot.id));
    let padding = "x".repeat(8_192 - good.len() + 1);

    vec![
        case("not a query", "%", "malformed"),
        case("a bad escape", format!("{good}&a=%zz"), "malformed"),
        case("not UTF-8", format!("{good}&a=%ff"), "malformed"),
        case("a line feed in a value", format!("{good}&a=1%0Ab=2"), "malformed"),
        case("a field without a key", format!("{good}&=1"), "malformed"),
        case("nothing but separators", "&&", "malformed"),
        case("8,193 bytes", format!("{padding}{good}"), "too_large"),
        case("65 fields", format!("{good}{}", "&a=1".repeat(65)), "too_large"),
        case("a field twice", format!("{good}&auth_date={date}"), "duplicate_key"),
        case("a user twice", format!("user=%7B%7D&{good}"), "duplicate_key"),
        case("a key in two spellings", format!("{good}&%75ser=%7B%7D"), "duplicate_key"),
        case("no hash", unsigned, "hash_missing"),
        case("an empty hash", format!("{unsigned}&hash="), "hash_missing"),
        case("a short hash", format!("{unsigned}&hash={}", &hash[1..]), "hash_malformed"),
        case(
            "a hash in upper case",
            format!("{unsigned}&hash={}", hash.to_uppercase()),
            "hash_malformed",
        ),
        case("a hash of letters", format!("{unsigned}&hash={}", "é".repeat(32)), "hash_malformed"),
        case("another hash", format!("{unsigned}&hash={}", "0".repeat(64)), "hash_mismatch"),
        case("a field added", format!("{good}&is_admin=1"), "hash_mismatch"),
        case("a field removed", good.replace("query_id=", "query_ie="), "hash_mismatch"),
        case(
            "another user",
            good.replace(&user_id.to_string(), &random_user().to_string()),
            "hash_mismatch",
        ),
        case("another token", stranger.init_data(user_id), "hash_mismatch"),
        case("no date", bot.sign(&[("user", &user)]), "auth_date_missing"),
        case("an empty date", with_date(""), "auth_date_invalid"),
        case("a date with a sign", with_date("+1"), "auth_date_invalid"),
        case("a date with a leading zero", with_date(&format!("0{date}")), "auth_date_invalid"),
        case("a date with a fraction", with_date(&format!("{date}.5")), "auth_date_invalid"),
        case("a date beyond 64 bits", with_date("18446744073709551616"), "auth_date_invalid"),
        case("an hour too old", bot.init_data_at(user_id, now() - 90_000), "expired"),
        case("just too old", bot.init_data_at(user_id, now() - 86_402), "expired"),
        case("from 1970", with_date("0"), "expired"),
        case("from the future", bot.init_data_at(user_id, now() + 60), "from_future"),
        case("from the end of time", with_date("18446744073709551615"), "from_future"),
        case("no user", bot.sign(&[("auth_date", &date)]), "user_missing"),
        case("a user that is no JSON", with_user("Ada"), "user_invalid"),
        case("a user without an id", with_user(r#"{"first_name":"Ada"}"#), "user_invalid"),
        case(
            "a user with a text as id",
            with_user(r#"{"id":"1","first_name":"A"}"#),
            "user_invalid",
        ),
        case("a user with id 0", with_user(&user_json(0)), "user_invalid"),
        case(
            "a user with a negative id",
            with_user(r#"{"id":-1,"first_name":"A"}"#),
            "user_invalid",
        ),
        case("a user with an id of 53 bits", with_user(&user_json(1 << 52)), "user_invalid"),
        case(
            "a user with two ids",
            with_user(r#"{"id":1,"id":2,"first_name":"A"}"#),
            "user_invalid",
        ),
        case("a user that is a list", with_user("[]"), "user_invalid"),
    ]
}

#[tokio::test]
async fn init_data_in_the_header() {
    let api = Deployment::shared();
    for Case { name, init_data, code } in refused_init_data(&api.bot) {
        println!("{name}");
        let answer = api.post("/v1/sessions").tma(&init_data).send().await;
        answer.assert_problem(401, code, &["init_data"]);
    }
}

#[tokio::test]
async fn init_data_in_the_body() {
    let api = Deployment::shared();
    let empty = case("empty", "", "malformed");
    for Case { name, init_data, code } in refused_init_data(&api.bot).into_iter().chain([empty]) {
        println!("{name}");
        let body = json!({ "init_data": init_data });
        let answer = api.post("/v1/sessions").json(&body).send().await;
        answer.assert_problem(401, code, &["init_data"]);
    }
}

/// The same verification stands before every other route.
#[tokio::test]
async fn init_data_on_other_routes() {
    let api = Deployment::shared();
    for Case { name, init_data, code } in refused_init_data(&api.bot) {
        println!("{name}");
        let answer = api.get("/v1/me").tma(&init_data).send().await;
        answer.assert_problem(401, code, &["init_data"]);
    }
}

#[tokio::test]
async fn the_place_of_the_init_data() {
    let api = Deployment::shared();
    let post = || api.post("/v1/sessions");
    let init_data = || api.bot.init_data(random_user());
    let in_body = || json!({ "init_data": init_data() });

    let missing = ["authorization"];
    post().send().await.assert_problem(401, "authorization_missing", &missing);
    post().json(&json!({})).send().await.assert_problem(401, "authorization_missing", &missing);
    let only_device = json!({ "device": "telephone" });
    post().json(&only_device).send().await.assert_problem(401, "authorization_missing", &missing);

    let open = api.new_session().await;
    for (name, request) in [
        ("both", post().tma(&init_data()).json(&in_body())),
        ("both, the header a token", post().bearer(&open.tokens.access).json(&in_body())),
        ("a token", post().bearer(&open.tokens.access)),
        ("two headers", post().tma(&init_data()).tma(&init_data())),
        ("a scheme alone", post().header("authorization", "tma")),
        ("a scheme and a space", post().header("authorization", "tma ")),
        ("no scheme", post().header("authorization", init_data())),
        ("nothing", post().header("authorization", "")),
        ("an unknown scheme", post().header("authorization", format!("Basic {}", init_data()))),
        ("a scheme run on", post().header("authorization", format!("tma{}", init_data()))),
        ("not UTF-8", post().header("authorization", b"tma user=\xff")),
    ] {
        println!("{name}");
        request.send().await.assert_problem(401, "authorization_malformed", &["authorization"]);
    }
}

/// What is wrong with the header cannot be hidden by init data in the body.
#[tokio::test]
async fn a_malformed_header_beside_a_good_body() {
    let api = Deployment::shared();
    for value in ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "tma", ""] {
        let body = json!({ "init_data": api.bot.init_data(random_user()) });
        let request = api.post("/v1/sessions").header("authorization", value).json(&body);
        let answer = request.send().await;
        answer.assert_problem(401, "authorization_malformed", &["authorization"]);
    }
    let init_data = || api.bot.init_data(random_user());
    let doubled = api.post("/v1/sessions").tma(&init_data()).tma(&init_data());
    let answer = doubled.json(&json!({ "init_data": init_data() })).send().await;
    answer.assert_problem(401, "authorization_malformed", &["authorization"]);
}

#[tokio::test]
async fn the_fields_of_the_body() {
    let api = Deployment::shared();
    let init_data = || api.bot.init_data(random_user());
    for (body, status, code, field) in [
        (json!({ "init_data": 1 }), 422, "body_invalid", "init_data"),
        (json!({ "init_data": init_data(), "bot": 1 }), 422, "body_invalid", "bot"),
        (json!({ "init_data": init_data(), "bot_id": "1" }), 422, "body_invalid", "bot_id"),
        (json!({ "init_data": init_data(), "bot_id": -1 }), 422, "body_invalid", "bot_id"),
        (json!({ "init_data": init_data(), "bot_id": 1.5 }), 422, "body_invalid", "bot_id"),
        (json!({ "init_data": init_data(), "bot_id": 0 }), 422, "unknown_bot", "bot_id"),
        (json!({ "init_data": init_data(), "bot_id": 1 }), 422, "unknown_bot", "bot_id"),
        (json!({ "init_data": init_data(), "bot_id": 1_u64 << 52 }), 422, "unknown_bot", "bot_id"),
        (json!({ "init_data": init_data(), "device": 1 }), 422, "body_invalid", "device"),
        (json!("text"), 422, "body_invalid", "."),
        (json!(null), 422, "body_invalid", "."),
    ] {
        println!("{body}");
        let answer = api.post("/v1/sessions").json(&body).send().await;
        answer.assert_problem(status, code, &[field]);
    }
}
