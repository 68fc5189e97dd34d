//! `POST /v1/sessions/refresh`: a refresh token is good once.

use std::sync::Arc;

use minigate_domain::{BotId, Timestamp, UserId};
use minigate_platform::tokens::RefreshClaims;
use minigate_tests::{
    Deployment, OpenSession, Tokens, claims, development_keys, keys, random_user, with_header,
};
use serde_json::json;
use tokio::task::JoinSet;

#[tokio::test]
async fn the_next_tokens_belong_to_the_same_session() {
    let api = Deployment::shared();
    let OpenSession { user_id, tokens: first } = api.new_session().await;
    let answer = api.refresh(&first.refresh).await;
    let document = answer.assert_success(200, &[]);
    let second = Tokens::of(&document);
    let left = document["refresh_expires_in"].as_u64().unwrap();
    assert!((2_591_940..=2_592_000).contains(&left), "{left}");
    assert_eq!(
        document,
        json!({
            "session_id": first.session_id,
            "token_type": "Bearer",
            "access_token": second.access,
            "expires_in": 300,
            "refresh_token": second.refresh,
            "refresh_expires_in": left,
            "tier": "free",
        })
    );
    assert_ne!(second.refresh, first.refresh);
    assert_eq!(claims(&first.refresh)["gen"], 0);
    assert_eq!(claims(&second.refresh)["gen"], 1);
    assert_eq!(claims(&second.access)["sub"], user_id.to_string());
    assert_eq!(api.sessions(&second).await.len(), 1);
    api.assert_alive(&first).await;
}

#[tokio::test]
async fn a_session_goes_on_as_long_as_it_is_refreshed() {
    let api = Deployment::shared();
    let mut tokens = api.new_session().await.tokens;
    for generation in 1..=10 {
        let answer = api.refresh(&tokens.refresh).await;
        tokens = Tokens::of(&answer.assert_success(200, &[]));
        assert_eq!(claims(&tokens.refresh)["gen"], generation);
    }
    api.assert_alive(&tokens).await;
}

#[tokio::test]
async fn the_list_shows_from_where_it_was_refreshed() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let request = api.post("/v1/sessions/refresh").header("user-agent", "refresher/2");
    let body = json!({ "refresh_token": session.tokens.refresh });
    request.json(&body).send().await.assert_success(200, &[]);
    assert_eq!(api.sessions_of(session.user_id).await[0]["device"], "refresher/2");
}

/// A token that comes back was copied. Thief and owner cannot be told apart, so both are out.
#[tokio::test]
async fn reuse_ends_the_session_for_whoever_holds_it() {
    let api = Deployment::shared();
    let OpenSession { user_id, tokens: first } = api.new_session().await;
    let other = api.open_session(user_id).await;
    let second = Tokens::of(&api.refresh(&first.refresh).await.assert_success(200, &[]));

    let reused = api.refresh(&first.refresh).await;
    reused.assert_problem(401, "refresh_token_reused", &["refresh_token"]);

    api.assert_ended(&second).await;
    api.assert_ended(&first).await;
    api.assert_alive(&other.tokens).await;
    api.refresh(&other.tokens.refresh).await.assert_success(200, &[]);
    assert_eq!(api.sessions_of(user_id).await.len(), 1);
}

#[tokio::test]
async fn a_token_of_long_ago_is_reuse_too() {
    let api = Deployment::shared();
    let first = api.new_session().await.tokens;
    let mut newest = first.clone();
    for _ in 0..3 {
        newest = Tokens::of(&api.refresh(&newest.refresh).await.json());
    }
    let reused = api.refresh(&first.refresh).await;
    reused.assert_problem(401, "refresh_token_reused", &["refresh_token"]);
    api.assert_ended(&newest).await;
}

#[tokio::test]
async fn of_concurrent_refreshes_with_one_token_one_wins() {
    let api = Arc::new(Deployment::shared());
    let session = api.new_session().await;
    let mut requests = JoinSet::new();
    for _ in 0..8 {
        let (api, token) = (Arc::clone(&api), session.tokens.refresh.clone());
        requests.spawn(async move { api.refresh(&token).await });
    }
    let (mut won, mut reused) = (Vec::new(), 0);
    for answer in requests.join_all().await {
        match answer.status {
            200 => won.push(Tokens::of(&answer.assert_success(200, &[]))),
            _ if answer.code() == "refresh_token_reused" => {
                answer.assert_problem(401, "refresh_token_reused", &["refresh_token"]);
                reused += 1;
            }
            _ => answer.assert_problem(401, "session_revoked", &["refresh_token"]),
        }
    }
    assert_eq!(won.len(), 1);
    assert!(reused >= 1);
    api.assert_ended(&won[0]).await;
    assert_eq!(api.sessions_of(session.user_id).await.len(), 0);
}

#[tokio::test]
async fn tokens_that_are_refused() {
    let api = Deployment::shared();
    let Tokens { access, refresh, .. } = api.new_session().await.tokens;
    let (signed, signature) = refresh.rsplit_once('.').unwrap();
    let (header, _) = refresh.split_once('.').unwrap();
    let none = with_header(&refresh, r#"{"alg":"none","typ":"rt+jwt","kid":"development"}"#);
    let tampered = format!("{header}.eyJpc3MiOiJtaW5pZ2F0ZSJ9.{signature}");
    for (name, token, code) in [
        ("empty", String::new(), "refresh_token_malformed"),
        ("not a token", "a.b.c".to_owned(), "refresh_token_malformed"),
        ("an access token", access, "refresh_token_malformed"),
        ("init data", api.bot.init_data(random_user()), "refresh_token_malformed"),
        ("without a signature", format!("{signed}."), "refresh_token_malformed"),
        ("padded", format!("{refresh}="), "refresh_token_malformed"),
        ("no algorithm", none, "refresh_token_malformed"),
        ("too long", format!("{}{refresh}", "a".repeat(1_024)), "refresh_token_malformed"),
        ("other claims", tampered, "refresh_token_invalid"),
    ] {
        println!("{name}");
        let answer = api.refresh(&token).await;
        answer.assert_problem(401, code, &["refresh_token"]);
    }
    api.refresh(&refresh).await.assert_success(200, &[]);
}

#[tokio::test]
async fn a_token_of_a_forger_is_refused_and_ends_nothing() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let said = RefreshClaims {
        user_id: UserId::new(session.user_id).unwrap(),
        session_id: session.tokens.session_id.parse().unwrap(),
        bot_id: BotId::new(api.bot.id).unwrap(),
        generation: 0,
        issued_at: seconds(claims(&session.tokens.refresh)["iat"].as_u64().unwrap()),
        expires_at: seconds(claims(&session.tokens.refresh)["exp"].as_u64().unwrap()),
    };
    for key_id in ["development", "another"] {
        let forged = keys(key_id, &[7; 32]).sign_refresh(&said);
        let answer = api.refresh(&forged).await;
        answer.assert_problem(401, "refresh_token_invalid", &["refresh_token"]);
    }
    api.refresh(&session.tokens.refresh).await.assert_success(200, &[]);
}

#[tokio::test]
async fn the_fields_of_the_body() {
    let api = Deployment::shared();
    let token = api.new_session().await.tokens.refresh;
    for (body, field) in [
        (json!({}), "refresh_token"),
        (json!({ "refresh_token": null }), "refresh_token"),
        (json!({ "refresh_token": 1 }), "refresh_token"),
        (json!({ "refresh_token": [token] }), "refresh_token"),
        (json!({ "refresh_token": token, "token": 1 }), "token"),
        (json!([]), "."),
    ] {
        println!("{body}");
        let request = api.post("/v1/sessions/refresh").json(&body).with_secret(&token);
        request.send().await.assert_problem(422, "body_invalid", &[field]);
    }
    let empty = api.post("/v1/sessions/refresh").body("application/json", "").send().await;
    empty.assert_problem(400, "body_malformed", &[]);
    let without_body = api.post("/v1/sessions/refresh").send().await;
    without_body.assert_problem(415, "unsupported_media_type", &["content-type"]);
    api.refresh(&token).await.assert_success(200, &[]);
}

fn seconds(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(seconds * 1_000)
}

mod local_only {
    use super::*;

    /// What only the true key can sign: the server in this process has a public one.
    #[tokio::test]
    async fn tokens_of_other_times_and_places() {
        let api = Deployment::shared();
        let session = api.new_session().await;
        let genuine = claims(&session.tokens.refresh);
        let (iat, exp) = (genuine["iat"].as_u64().unwrap(), genuine["exp"].as_u64().unwrap());
        let said = RefreshClaims {
            user_id: UserId::new(session.user_id).unwrap(),
            session_id: session.tokens.session_id.parse().unwrap(),
            bot_id: BotId::new(api.bot.id).unwrap(),
            generation: 0,
            issued_at: seconds(iat),
            expires_at: seconds(exp),
        };
        let ours = development_keys("minigate");
        assert_eq!(ours.sign_refresh(&said), session.tokens.refresh, "the forgery is a good one");

        let expired = RefreshClaims { expires_at: seconds(iat), ..said };
        let of_another_user =
            RefreshClaims { user_id: UserId::new(random_user()).unwrap(), ..said };
        let of_no_session = RefreshClaims { session_id: "0".repeat(32).parse().unwrap(), ..said };
        let from_the_future = RefreshClaims { generation: 1, ..said };
        for (token, code) in [
            (ours.sign_refresh(&expired), "refresh_token_expired"),
            (ours.sign_refresh(&of_another_user), "session_revoked"),
            (ours.sign_refresh(&of_no_session), "session_revoked"),
            (ours.sign_refresh(&from_the_future), "session_revoked"),
            (development_keys("elsewhere").sign_refresh(&said), "refresh_token_invalid"),
        ] {
            let answer = api.refresh(&token).await;
            answer.assert_problem(401, code, &["refresh_token"]);
        }
        api.refresh(&session.tokens.refresh).await.assert_success(200, &[]);
    }
}
