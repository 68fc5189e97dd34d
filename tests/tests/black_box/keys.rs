//! `GET /.well-known/jwks.json` and `GET /openapi.json`.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, VerifyingKey};
use minigate_tests::{Answer, Deployment, random_user};
use serde_json::Value;

const CACHEABLE: [&str; 2] = ["access-control-allow-origin", "etag"];

async fn jwks(api: &Deployment) -> Value {
    api.get("/.well-known/jwks.json").send().await.assert_success(200, &CACHEABLE)
}

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

#[tokio::test]
async fn an_access_token_is_verified_with_nothing_but_the_published_keys() {
    let api = Deployment::shared();
    let token = api.open_session(random_user()).await.tokens.access;
    let (message, signature) = token.rsplit_once('.').unwrap();
    let header: Value =
        serde_json::from_slice(&decoded(message.split('.').next().unwrap())).unwrap();
    let keys = jwks(&api).await;
    let keys = keys["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).unwrap();
    assert_eq!((&key["kty"], &key["crv"]), (&"OKP".into(), &"Ed25519".into()));
    assert_eq!((&key["alg"], &key["use"]), (&"EdDSA".into(), &"sig".into()));
    let x: [u8; 32] = decoded(key["x"].as_str().unwrap()).try_into().unwrap();
    let signature: [u8; 64] = decoded(signature).try_into().unwrap();
    let signature = Signature::from_bytes(&signature);
    VerifyingKey::from_bytes(&x).unwrap().verify_strict(message.as_bytes(), &signature).unwrap();
}

#[tokio::test]
async fn nothing_private_is_published() {
    let keys = jwks(&Deployment::shared()).await;
    for key in keys["keys"].as_array().unwrap() {
        let members: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]);
    }
}

#[tokio::test]
async fn the_reference_is_the_committed_one() {
    let api = Deployment::shared();
    let reference = api.get("/openapi.json").send().await;
    reference.assert_success(200, &CACHEABLE);
    assert_eq!(reference.body, include_str!("../../../docs/openapi.json"));
}

#[tokio::test]
async fn caches_may_keep_both_and_ask_again() {
    let api = Deployment::shared();
    for path in ["/.well-known/jwks.json", "/openapi.json"] {
        let first: Answer = api.get(path).send().await;
        let cache_control = first.header("cache-control").unwrap();
        for directive in ["public", "max-age=", "stale-while-revalidate=", "stale-if-error="] {
            assert!(cache_control.contains(directive), "{path}: {cache_control}");
        }
        let tag = first.header("etag").unwrap();
        assert!(tag.starts_with('"'), "{tag} is not a strong tag");
        let second = api.get(path).header("if-none-match", tag).send().await;
        assert_eq!((second.status, second.body.as_str()), (304, ""), "{path}");
        assert_eq!(second.header("etag"), Some(tag));
        let other = api.get(path).header("if-none-match", "\"other\"").send().await;
        assert_eq!(other.status, 200, "{path}");
    }
}
