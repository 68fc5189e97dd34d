//! `POST /v1/sessions`: init data is exchanged for a session. Refusals are in
//! [`super::refusals`].

use minigate_tests::{Bot, Cloud, Deployment, Tokens, claims, now, random_user, user_json};
use serde_json::{Value, json};

/// Checks a whole 201 for this user.
#[track_caller]
fn assert_opened(answer: &minigate_tests::Answer, api: &Deployment, user_id: u64) -> Tokens {
    let document = answer.assert_success(201, &["location"]);
    let tokens = Tokens::of(&document);
    assert_eq!(answer.header("location"), Some(&*format!("/v1/sessions/{}", tokens.session_id)));
    let is_id = |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(is_id(&tokens.session_id), "{}", tokens.session_id);
    let (expires_in, refresh_expires_in) = (300, 30 * 24 * 60 * 60);
    let refresh_left = document["refresh_expires_in"].as_u64().unwrap();
    assert!((refresh_expires_in - 60..=refresh_expires_in).contains(&refresh_left));
    assert_eq!(
        document,
        json!({
            "session_id": tokens.session_id,
            "token_type": "Bearer",
            "access_token": tokens.access,
            "expires_in": expires_in,
            "refresh_token": tokens.refresh,
            "refresh_expires_in": refresh_left,
            "tier": "free",
            "user": { "id": user_id, "display_name": "Ada Lovelace", "language": "en" },
        })
    );
    let access = claims(&tokens.access);
    assert!(access["iat"].as_u64().unwrap().abs_diff(now()) <= 60, "{access}");
    assert_eq!(
        access,
        json!({
            "iss": "minigate",
            "sub": user_id.to_string(),
            "sid": tokens.session_id,
            "bot": api.bot.id,
            "tier": "free",
            "iat": access["iat"],
            "exp": access["iat"].as_u64().unwrap() + expires_in,
        })
    );
    tokens
}

#[tokio::test]
async fn init_data_in_the_header() {
    let api = Deployment::shared();
    let user = random_user();
    let answer = api.post("/v1/sessions").tma(&api.bot.init_data(user)).send().await;
    let tokens = assert_opened(&answer, &api, user);
    api.assert_alive(&tokens).await;
}

#[tokio::test]
async fn init_data_in_the_body() {
    let api = Deployment::shared();
    let user = random_user();
    let body = json!({ "init_data": api.bot.init_data(user) });
    let answer = api.post("/v1/sessions").json(&body).send().await;
    let tokens = assert_opened(&answer, &api, user);
    api.assert_alive(&tokens).await;
}

/// Schemes have no case (RFC 9110, 11.1), and white space around the value is none of its.
#[tokio::test]
async fn the_scheme_has_no_case() {
    let api = Deployment::shared();
    for scheme in ["tma", "TMA", "Tma", "  tma  "] {
        let user = random_user();
        let value = format!("{scheme} {}", api.bot.init_data(user));
        let answer = api.post("/v1/sessions").header("authorization", value).send().await;
        assert_opened(&answer, &api, user);
    }
}

#[tokio::test]
async fn an_empty_body_and_an_empty_object_say_the_same() {
    let api = Deployment::shared();
    for body in ["", "{}", r#"{"init_data":null,"bot_id":null,"device":null}"#, " {} \n"] {
        let user = random_user();
        let request = api.post("/v1/sessions").tma(&api.bot.init_data(user));
        let answer = request.body("application/json", body).send().await;
        assert_opened(&answer, &api, user);
    }
}

#[tokio::test]
async fn each_exchange_opens_another_session_of_one_user() {
    let api = Deployment::shared();
    let user = random_user();
    let init_data = api.bot.init_data(user);
    let first = api.post("/v1/sessions").tma(&init_data).send().await;
    let second = api.post("/v1/sessions").tma(&init_data).send().await;
    let (first, second) = (Tokens::of(&first.json()), Tokens::of(&second.json()));
    assert_ne!(first.session_id, second.session_id);
    assert_eq!(api.sessions(&first).await.len(), 2);
    assert_eq!(api.profile(user).await["version"], 1);
}

/// Up to a day old, and half a minute from a clock that is ahead.
#[tokio::test]
async fn the_edges_of_the_time_window() {
    let api = Deployment::shared();
    for auth_date in [now() - 86_400 + 60, now() + 20] {
        let init_data = api.bot.init_data_at(random_user(), auth_date);
        let answer = api.post("/v1/sessions").tma(&init_data).send().await;
        answer.assert_success(201, &["location"]);
    }
}

#[tokio::test]
async fn the_first_session_takes_the_profile_from_telegram() {
    let api = Deployment::shared();
    let long = "x".repeat(100);
    for (user, display_name, language) in [
        (json!({ "first_name": "Ada" }), "Ada", "en"),
        (json!({ "first_name": "Артём", "language_code": "pt-BR" }), "Артём", "pt-br"),
        (json!({ "first_name": "A\u{202e}d\na", "last_name": " L " }), "Ada  L", "en"),
        (json!({ "first_name": long, "last_name": "L" }), &long[..64], "en"),
        (json!({ "first_name": "\u{200f}", "language_code": "?" }), "Telegram user", "en"),
    ] {
        let id = random_user();
        let mut with_id = user.clone();
        with_id["id"] = json!(id);
        let init_data = api.bot.init_data_with_user(&with_id.to_string());
        let opened = api.post("/v1/sessions").tma(&init_data).send().await.json();
        let expected = json!({ "id": id, "display_name": display_name, "language": language });
        assert_eq!(opened["user"], expected, "{user}");
    }
}

#[tokio::test]
async fn later_sessions_leave_the_profile_as_the_user_made_it() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let change = json!({ "display_name": "Countess", "language": "fr" });
    let changed = api.patch("/v1/me").bearer(&session.tokens.access).json(&change).send().await;
    changed.assert_success(200, &["etag"]);
    let again = api.post("/v1/sessions").tma(&api.bot.init_data(session.user_id)).send().await;
    let user = &again.json()["user"];
    let expected = json!({ "id": session.user_id, "display_name": "Countess", "language": "fr" });
    assert_eq!(*user, expected);
}

#[tokio::test]
async fn the_largest_user_id_of_telegram_is_taken() {
    let api = Deployment::shared();
    let largest = (1 << 52) - 1;
    let answer = api.post("/v1/sessions").tma(&api.bot.init_data(largest)).send().await;
    assert_opened(&answer, &api, largest);
}

#[tokio::test]
async fn the_device_is_what_the_client_says_or_its_user_agent() {
    let api = Deployment::shared();
    let long = "é".repeat(200);
    let cases: [(Value, &str); 4] = [
        (json!({}), "minigate-tests/1"),
        (json!({ "device": "Ada's telephone" }), "Ada's telephone"),
        (json!({ "device": "two\nlines\u{7}" }), "twolines"),
        (json!({ "device": long }), &long[..2 * 128]),
    ];
    for (body, expected) in cases {
        let user = random_user();
        let request = api.post("/v1/sessions").tma(&api.bot.init_data(user));
        let request = request.header("user-agent", "minigate-tests/1").json(&body);
        request.send().await.assert_success(201, &["location"]);
        assert_eq!(api.sessions_of(user).await[0]["device"], expected, "{body}");
    }
}

const SECOND_BOT: &str = "2000000000:SECOND-BOT-OF-THE-BLACK-BOX-TESTS-0";

/// Two bots, the shared one and another.
async fn with_two_bots(cloud: &Cloud) -> (Deployment, Bot) {
    let second = Bot::new(SECOND_BOT);
    cloud.put_secret("bots/second", &second.secret()).await;
    let secrets = "minigate/development/bot, bots/second";
    (cloud.serve(&[("MINIGATE_BOT_SECRETS", secrets)]).await, second)
}

#[tokio::test]
async fn the_bot_may_be_named_beside_init_data_in_the_header() {
    let api = Deployment::shared();
    let request = api.post("/v1/sessions").tma(&api.bot.init_data(random_user()));
    let answer = request.json(&json!({ "bot_id": api.bot.id })).send().await;
    answer.assert_success(201, &["location"]);
}

/// Telegram sends more than anybody documents, and in any order.
#[tokio::test]
async fn fields_that_nobody_knows_are_taken() {
    let api = Deployment::shared();
    let date = now().to_string();
    let user = user_json(random_user());
    let init_data = api.bot.sign(&[
        ("zzz", ""),
        ("auth_date", &date),
        ("signature", "not checked on this path, and signed like any other field"),
        ("user", &user),
        ("start_param", "a b+c%20&d=e"),
        ("chat_instance", "-8134722200314281151"),
    ]);
    let in_header = api.post("/v1/sessions").tma(&init_data).send().await;
    in_header.assert_success(201, &["location"]);
    let body = json!({ "init_data": init_data });
    api.post("/v1/sessions").json(&body).send().await.assert_success(201, &["location"]);
}

mod local_only {
    use super::*;

    #[tokio::test]
    async fn several_bots_share_one_deployment() {
        let cloud = Cloud::start().await;
        let (api, second) = with_two_bots(&cloud).await;
        let user = random_user();
        for bot in [&api.bot, &second] {
            let opened = api.post("/v1/sessions").tma(&bot.init_data(user)).send().await;
            let tokens = Tokens::of(&opened.assert_success(201, &["location"]));
            assert_eq!(claims(&tokens.access)["bot"], bot.id);
            assert_eq!(claims(&tokens.refresh)["bot"], bot.id);
        }
        let sessions = api.sessions_of(user).await;
        let bots: Vec<_> =
            sessions.iter().map(|session| session["bot_id"].as_u64().unwrap()).collect();
        assert_eq!(bots, [second.id, api.bot.id], "one user, whichever bot they come through");
    }

    #[tokio::test]
    async fn a_client_may_name_its_bot_and_then_no_other_will_do() {
        let cloud = Cloud::start().await;
        let (api, second) = with_two_bots(&cloud).await;
        let post = async |bot: &Bot, named: u64| {
            let body = json!({ "init_data": bot.init_data(random_user()), "bot_id": named });
            api.post("/v1/sessions").json(&body).send().await
        };
        post(&second, second.id).await.assert_success(201, &["location"]);
        post(&api.bot, api.bot.id).await.assert_success(201, &["location"]);
        post(&second, api.bot.id).await.assert_problem(401, "hash_mismatch", &["init_data"]);
        post(&api.bot, second.id).await.assert_problem(401, "hash_mismatch", &["init_data"]);
        post(&second, 3_000_000_000).await.assert_problem(422, "unknown_bot", &["bot_id"]);
    }
}
