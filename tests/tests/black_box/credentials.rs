//! The `Authorization` header of every route that asks who it is.

use std::time::Duration;

use minigate_domain::{BotId, Timestamp, UserId};
use minigate_platform::tokens::AccessClaims;
use minigate_tests::{
    Deployment, OpenSession, Request, claims, development_keys, keys, now, random_user, with_header,
};
use serde_json::json;

/// A request to every route that asks who it is.
fn guarded_routes(api: &Deployment) -> [Request; 6] {
    [
        api.get("/v1/me"),
        api.patch("/v1/me").json(&json!({ "language": "de" })),
        api.get("/v1/sessions"),
        api.delete("/v1/sessions"),
        api.delete("/v1/sessions/00000000000000000000000000000000"),
        api.get("/health/detailed"),
    ]
}

#[tokio::test]
async fn every_guarded_route_asks_for_them() {
    let api = Deployment::shared();
    for request in guarded_routes(&api) {
        let answer = request.send().await;
        answer.assert_problem(401, "authorization_missing", &["authorization"]);
    }
    for request in guarded_routes(&api) {
        let answer = request.header("authorization", "Basic QWRhOnNlc2FtZSBvcGVuIQ==").send().await;
        answer.assert_problem(401, "authorization_malformed", &["authorization"]);
    }
    for request in guarded_routes(&api) {
        let answer = request.bearer("abc.def.ghi").send().await;
        answer.assert_problem(401, "token_malformed", &["authorization"]);
    }
}

#[tokio::test]
async fn the_form_of_the_header() {
    let api = Deployment::shared();
    let OpenSession { user_id, tokens } = api.new_session().await;
    let token = &tokens.access;
    let get = || api.get("/v1/me");
    for value in [
        format!("Bearer {token}"),
        format!("bearer {token}"),
        format!("BEARER {token}"),
        format!("Bearer   {token}  "),
    ] {
        let answer = get().header("authorization", value).send().await;
        answer.assert_success(200, &["etag"]);
    }
    for request in [
        get().bearer(token).bearer(token),
        get().bearer(token).tma(&api.bot.init_data(user_id)),
        get().header("authorization", ""),
        get().header("authorization", "Bearer"),
        get().header("authorization", "Bearer "),
        get().header("authorization", token),
        get().header("authorization", format!("Bearer:{token}")),
        get().header("authorization", format!("Digest {token}")),
        get().header("authorization", format!("\"Bearer\" {token}")),
        get().header("authorization", b"Bearer \xff\xfe"),
    ] {
        let answer = request.send().await;
        answer.assert_problem(401, "authorization_malformed", &["authorization"]);
    }
}

#[tokio::test]
async fn tokens_that_are_no_tokens() {
    let api = Deployment::shared();
    let tokens = api.new_session().await.tokens;
    let access = &tokens.access;
    let (signed, signature) = access.rsplit_once('.').unwrap();
    let header = |text: &str| with_header(access, text);
    for (name, token) in [
        ("one part", "abc".to_owned()),
        ("dots", "..".to_owned()),
        ("four parts", format!("{access}.a")),
        ("no signature", format!("{signed}.")),
        ("a short signature", format!("{signed}.{}", &signature[..80])),
        ("padding", format!("{access}=")),
        ("a second spelling of the signature", with_stray_bits(access)),
        ("an enormous one", format!("{access}.{}", "a".repeat(4_000))),
        ("a refresh token", tokens.refresh.clone()),
        ("no algorithm", header(r#"{"alg":"none","typ":"at+jwt","kid":"development"}"#)),
        (
            "no algorithm and no signature",
            header(r#"{"alg":"none","typ":"at+jwt","kid":"development"}"#).replace(signature, ""),
        ),
        ("a shared-key algorithm", header(r#"{"alg":"HS256","typ":"at+jwt","kid":"development"}"#)),
        ("another type", header(r#"{"alg":"EdDSA","typ":"JWT","kid":"development"}"#)),
        ("no key id", header(r#"{"alg":"EdDSA","typ":"at+jwt"}"#)),
        (
            "a key of its own",
            header(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"development","jwk":{"kty":"OKP"}}"#),
        ),
    ] {
        println!("{name}");
        let answer = api.get("/v1/me").bearer(&token).send().await;
        answer.assert_problem(401, "token_malformed", &["authorization"]);
    }
}

/// The signature with other bits where base64 has bits to spare. 64 bytes leave four of them.
fn with_stray_bits(token: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = token.split_at(token.len() - 1);
    let index = ALPHABET.find(last).unwrap();
    format!("{rest}{}", &ALPHABET[index + 1..index + 2])
}

fn access_claims(api: &Deployment, session: &OpenSession) -> AccessClaims {
    let genuine = claims(&session.tokens.access);
    let seconds = |name: &str| Timestamp::from_unix_millis(genuine[name].as_u64().unwrap() * 1_000);
    AccessClaims {
        user_id: UserId::new(session.user_id).unwrap(),
        session_id: session.tokens.session_id.parse().unwrap(),
        bot_id: BotId::new(api.bot.id).unwrap(),
        tier: genuine["tier"].as_str().unwrap().parse().unwrap(),
        issued_at: seconds("iat"),
        expires_at: seconds("exp"),
    }
}

#[tokio::test]
async fn tokens_of_a_forger() {
    let api = Deployment::shared();
    let session = api.new_session().await;
    let said = access_claims(&api, &session);
    let (header, rest) = session.tokens.access.split_once('.').unwrap();
    let (genuine_claims, signature) = rest.split_once('.').unwrap();
    let victim = AccessClaims { user_id: UserId::new(random_user()).unwrap(), ..said };
    let key_id = claims(&format!(".{header}."))["kid"].as_str().unwrap().to_owned();
    let forged = keys(&key_id, &[7; 32]).sign_access(&victim);
    let forged_claims = forged.split('.').nth(1).unwrap();
    let backwards: String = signature.chars().rev().collect();
    for (name, token) in [
        ("another key with the same name", forged.clone()),
        ("another key with another name", keys("unknown", &[7; 32]).sign_access(&victim)),
        ("other claims", format!("{header}.{forged_claims}.{signature}")),
        ("no signature worth the name", format!("{header}.{genuine_claims}.{}", "A".repeat(86))),
        ("white space within", format!("{header}.{genuine_claims} .{signature}")),
        (
            "a header of another key",
            with_header(
                &session.tokens.access,
                r#"{"alg":"EdDSA","typ":"at+jwt","kid":"unknown"}"#,
            ),
        ),
    ] {
        println!("{name}");
        for request in guarded_routes(&api) {
            let answer = request.bearer(&token).send().await;
            answer.assert_problem(401, "token_invalid", &["authorization"]);
        }
    }
    let answer = api.get("/v1/me").bearer(&format!("{header}.{genuine_claims}.{backwards}"));
    let answer = answer.send().await;
    assert_eq!(answer.status, 401, "{}", answer.body);
    api.assert_alive(&session.tokens).await;
}

/// Old init data is refused everywhere, also where no session is opened.
#[tokio::test]
async fn init_data_that_is_too_old() {
    let api = Deployment::shared();
    let user = api.new_session().await.user_id;
    for request in guarded_routes(&api) {
        let init_data = api.bot.init_data_at(user, now() - 86_402);
        request.tma(&init_data).send().await.assert_problem(401, "expired", &["init_data"]);
    }
}

mod local_only {
    use super::*;

    /// What only the true key can sign: the server in this process has a public one.
    #[tokio::test]
    async fn tokens_of_other_times_and_places() {
        let api = Deployment::shared();
        let session = api.new_session().await;
        let said = access_claims(&api, &session);
        let ours = development_keys("minigate");
        assert_eq!(ours.sign_access(&said), session.tokens.access, "the forgery is a good one");

        let at = |seconds: u64| Timestamp::from_unix_millis(seconds * 1_000);
        let expired = AccessClaims { expires_at: at(now()), ..said };
        let long_expired = AccessClaims { issued_at: at(0), expires_at: at(300), ..said };
        let of_no_session = AccessClaims { session_id: "0".repeat(32).parse().unwrap(), ..said };
        for (token, code) in [
            (ours.sign_access(&expired), "token_expired"),
            (ours.sign_access(&long_expired), "token_expired"),
            (development_keys("elsewhere").sign_access(&said), "token_invalid"),
        ] {
            for request in guarded_routes(&api) {
                let answer = request.bearer(&token).send().await;
                answer.assert_problem(401, code, &["authorization"]);
            }
        }
        let sensitive =
            api.get("/v1/sessions").bearer(&ours.sign_access(&of_no_session)).send().await;
        sensitive.assert_problem(401, "session_revoked", &[]);
        let nearly = AccessClaims { expires_at: at(now()).after(Duration::from_secs(30)), ..said };
        let answer = api.get("/v1/me").bearer(&ours.sign_access(&nearly)).send().await;
        answer.assert_success(200, &["etag"]);
    }
}
