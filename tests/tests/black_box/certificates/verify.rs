//! `POST /v1/certificates/verify`: what is no certificate of this deployment.

use minigate_tests::{Answer, Deployment, Request};
use serde_json::json;

const PATH: &str = "/v1/certificates/verify";
/// Of a key whose seed is the bytes 0 to 31, by `did:web:api.example.org`.
const FOREIGN_JSON: &str =
    include_str!("../../../../shared/credentials/tests/data/open-badge.json");
const FOREIGN_JWT: &str = include_str!("../../../../shared/credentials/tests/data/open-badge.jwt");

async fn sent(media_type: &str, body: &str) -> Answer {
    Deployment::shared().post(PATH).body(media_type, body).send().await
}

#[tokio::test]
async fn a_certificate_of_another_issuer_is_not_ours() {
    let (code, fields) = ("certificate_of_other_issuer", ["issuer"]);
    for media_type in ["application/json", "application/vc", "application/ld+json; charset=utf-8"] {
        sent(media_type, FOREIGN_JSON).await.assert_problem(422, code, &fields);
    }
    for media_type in ["application/vc+jwt", "Application/JWT"] {
        sent(media_type, FOREIGN_JWT).await.assert_problem(422, code, &fields);
    }
}

#[tokio::test]
async fn what_is_no_certificate_is_refused_with_the_member() {
    let did = Deployment::shared().get("/did.json").send().await.json()["id"].clone();
    for (body, field) in [
        ("[]".to_owned(), "."),
        ("\"x\"".to_owned(), "."),
        ("{}".to_owned(), "issuer"),
        (json!({ "issuer": 7 }).to_string(), "issuer"),
        (json!({ "issuer": did }).to_string(), "proof"),
        (json!({ "issuer": did, "proof": [] }).to_string(), "proof"),
    ] {
        sent("application/json", &body).await.assert_problem(422, "body_invalid", &[field]);
    }
    for body in ["", "x", "a.b.c", FOREIGN_JSON, &format!("{FOREIGN_JWT}.")] {
        sent("application/vc+jwt", body).await.assert_problem(422, "body_invalid", &["."]);
    }
    let unknown = json!({ "issuer": { "id": did }, "proof": { "verificationMethod": "x" } });
    sent("application/json", &unknown.to_string()).await.assert_problem(
        422,
        "certificate_altered",
        &[],
    );
    for body in ["", "{", "{} {}"] {
        sent("application/json", body).await.assert_problem(400, "body_malformed", &[]);
    }
    let api = Deployment::shared();
    let binary = api.post(PATH).body("application/json", vec![0xff]).send().await;
    binary.assert_problem(400, "body_malformed", &[]);
}

#[tokio::test]
async fn other_media_types_and_large_bodies_are_refused() {
    for media_type in ["text/plain", "application/jose", "x"] {
        let refused = sent(media_type, FOREIGN_JWT).await;
        refused.assert_problem(415, "unsupported_media_type", &["content-type"]);
    }
    let api = Deployment::shared();
    let large = || api.post(PATH).body("application/json", vec![b' '; 64 * 1024 + 1]);
    Request::send_oversized(large).await.assert_problem(413, "body_too_large", &[]);
}
