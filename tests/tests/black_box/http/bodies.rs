//! Bodies: how long, of which type, and whether they are JSON at all.

use minigate_tests::{Deployment, Request, random_user};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const LIMIT: usize = 64 * 1024;

/// A request to every route that takes a body, but for the body.
fn routes(api: &Deployment, access_token: &str) -> [Request; 3] {
    [
        api.post("/v1/sessions"),
        api.post("/v1/sessions/refresh"),
        api.patch("/v1/me").bearer(access_token),
    ]
}

/// The same, in a session of their own.
async fn routes_with_bodies(api: &Deployment) -> [Request; 3] {
    routes(api, &api.new_session().await.tokens.access)
}

/// This JSON, with spaces up to a length.
fn padded(json: &str, length: usize) -> String {
    json.to_owned() + &" ".repeat(length - json.len())
}

#[tokio::test]
async fn a_body_may_have_64_kib() {
    let api = Deployment::shared();
    let [open, refresh, patch] = routes_with_bodies(&api).await;
    let refresh_token = api.new_session().await.tokens.refresh;
    for (status, more, request, json) in [
        (201, &["location"][..], open, json!({ "init_data": api.bot.init_data(random_user()) })),
        (200, &[], refresh, json!({ "refresh_token": refresh_token })),
        (200, &["etag"], patch, json!({ "language": "de" })),
    ] {
        let body = padded(&json.to_string(), LIMIT);
        let answer = request.body("application/json", body).send().await;
        answer.assert_success(status, more);
    }
}

#[tokio::test]
async fn and_not_a_byte_more() {
    let api = Deployment::shared();
    let access = api.new_session().await.tokens.access;
    for length in [LIMIT + 1, 4 * LIMIT] {
        for route in 0..3 {
            let answer = Request::send_oversized(|| {
                let request = routes(&api, &access).into_iter().nth(route).unwrap();
                request.body("application/json", padded("{}", length))
            });
            answer.await.assert_problem(413, "body_too_large", &[]);
        }
    }
}

#[tokio::test]
async fn what_is_not_json() {
    let api = Deployment::shared();
    let deep = "[".repeat(30_000);
    for body in ["{", "language=de", "{'language':'de'}", "\u{feff}{}", "\0", "\u{ff}"] {
        println!("{body}");
        for request in routes_with_bodies(&api).await {
            let answer = request.body("application/json", body).send().await;
            answer.assert_problem(400, "body_malformed", &[]);
        }
    }
    for body in [
        br#"{"language":"de"} {}"#.as_slice(),
        br#"{"language":"de",}"#,
        br#"{"language":"de""#,
        b"{\"language\":\"\n\"}",
        b"{\"language\":\"\xff\"}",
        br#"{"language":"\ud800"}"#,
        br#"{"language":de}"#,
    ] {
        println!("{}", String::from_utf8_lossy(body));
        let [.., patch] = routes_with_bodies(&api).await;
        let answer = patch.body("application/json", body).send().await;
        answer.assert_problem(400, "body_malformed", &[]);
    }
    for request in routes_with_bodies(&api).await {
        let answer = request.body("application/json", deep.clone()).send().await;
        assert!([400, 422].contains(&answer.status), "{}", answer.body);
    }
}

#[tokio::test]
async fn what_does_not_say_that_it_is_json() {
    let api = Deployment::shared();
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/problem+json",
        "json",
        "",
    ] {
        println!("{content_type}");
        for request in routes_with_bodies(&api).await {
            let answer = request.body(content_type, "{}").send().await;
            answer.assert_problem(415, "unsupported_media_type", &["content-type"]);
        }
    }
}

#[tokio::test]
async fn spellings_of_json() {
    let api = Deployment::shared();
    let access = api.new_session().await.tokens.access;
    for content_type in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;",
    ] {
        let request = api.patch("/v1/me").bearer(&access);
        let answer = request.body(content_type, r#"{"language":"de"}"#).send().await;
        answer.assert_success(200, &["etag"]);
    }
}

#[tokio::test]
async fn no_body_where_there_must_be_one() {
    let api = Deployment::shared();
    let [_, refresh, patch] = routes_with_bodies(&api).await;
    for request in [refresh, patch] {
        let answer = request.send().await;
        answer.assert_problem(415, "unsupported_media_type", &["content-type"]);
    }
    let [_, refresh, patch] = routes_with_bodies(&api).await;
    for request in [refresh, patch] {
        let answer = request.body("application/json", "").send().await;
        answer.assert_problem(400, "body_malformed", &[]);
    }
}

/// Sends these bytes as they are.
async fn send_raw(api: &Deployment, request: &str) -> TcpStream {
    let address = api.base_url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// All that comes back until the server closes the connection.
async fn read_raw(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    // A server that has not read all of the request resets the connection after its answer.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// serde takes a list for a struct, its fields in order. No client is to depend on that order.
#[tokio::test]
async fn a_list_is_no_object() {
    let api = Deployment::shared();
    let refresh_token = api.new_session().await.tokens.refresh;
    let [open, refresh, patch] = routes_with_bodies(&api).await;
    for (request, body) in [
        (open, json!([api.bot.init_data(random_user()), null, null])),
        (refresh, json!([refresh_token])),
        (patch, json!(["Countess", "de", "all"])),
    ] {
        request.json(&body).send().await.assert_problem(422, "body_invalid", &["."]);
    }
    for request in routes_with_bodies(&api).await {
        request.json(&json!([])).send().await.assert_problem(422, "body_invalid", &["."]);
    }
}

/// A client that puts a secret into the wrong place is told so in other words.
#[tokio::test]
async fn a_secret_in_the_wrong_place_is_not_repeated() {
    let api = Deployment::shared();
    let secrets = [api.bot.init_data(random_user()), api.new_session().await.tokens.refresh];
    for secret in &secrets {
        for body in [
            json!(secret),
            json!({ secret.as_str(): 1 }),
            json!({ "bot_id": secret }),
            json!({ "notifications": secret }),
            json!({ "language": secret }),
            json!({ "display_name": secret }),
        ] {
            for request in routes_with_bodies(&api).await {
                let answer = request.json(&body).with_secret(secret).send().await;
                assert!((400..500).contains(&answer.status), "{}", answer.body);
                answer.assert_keeps_secrets();
            }
        }
    }
}

mod local_only {
    use super::*;

    /// A length that is not told beforehand is no way around the limit. API Gateway always tells it,
    /// so this is for the server in this process only.
    #[tokio::test]
    async fn a_body_in_chunks() {
        let api = Deployment::shared();
        let head = "POST /v1/sessions/refresh HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                    transfer-encoding: chunked\r\nconnection: close\r\n\r\n";
        for (length, status, code) in [
            (LIMIT, "422 Unprocessable Entity", "body_invalid"),
            (LIMIT + 1, "413 Payload Too Large", "body_too_large"),
        ] {
            let body = padded("{}", length);
            let chunks = format!("{head}{length:x}\r\n{body}\r\n0\r\n\r\n");
            let answer = read_raw(send_raw(&api, &chunks).await).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
            assert!(answer.contains(&format!("\"code\":\"{code}\"")), "{answer}");
        }
    }

    /// A client that goes away in the middle of its body gets a refusal, if it still listens.
    #[tokio::test]
    async fn a_body_that_breaks_off() {
        let api = Deployment::shared();
        let request = "POST /v1/sessions/refresh HTTP/1.1\r\nhost: a\r\n\
                       content-type: application/json\r\ncontent-length: 100\r\n\r\n{";
        let mut stream = send_raw(&api, request).await;
        stream.shutdown().await.unwrap();
        let answer = read_raw(stream).await;
        assert!(answer.is_empty() || answer.contains("\"code\":\"body_malformed\""), "{answer}");
    }
}
