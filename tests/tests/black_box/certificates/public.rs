//! What anyone may ask: keys, status lists, certificates that are not there.

use minigate_tests::{Deployment, random_user};
use serde_json::json;

const UNKNOWN: &str = "/v1/certificates/00ff00ff00ff00ff00ff00ff00ff00ff";

#[tokio::test]
async fn the_keys_of_the_issuer_are_where_a_did_is_resolved() {
    let api = Deployment::shared();
    let first = api.get("/.well-known/did.json").send().await;
    let document = first.assert_success(200, &["access-control-allow-origin", "etag"]);
    assert!(document["id"].as_str().unwrap().starts_with("did:web:"));
    let methods = document["verificationMethod"].as_array().unwrap();
    assert!(methods.len() >= 2 && methods.len().is_multiple_of(2));
    for method in methods {
        assert_eq!(method["controller"], document["id"]);
        assert!(document["assertionMethod"].as_array().unwrap().contains(&method["id"]));
        let is_private = |text: &str| text.contains("\"d\"") || text.contains("seed");
        assert!(!is_private(&method.to_string()), "{method}");
    }
    let kinds: Vec<_> = methods.iter().map(|method| method["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[..2], ["Multikey", "JsonWebKey"]);
    let tag = first.header("etag").unwrap();
    let again = api.get("/did.json").header("if-none-match", tag).send().await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
}

#[tokio::test]
async fn what_is_not_there_is_said_to_be_not_there() {
    let api = Deployment::shared();
    let get = async |path: &str| api.get(path).send().await;
    get(UNKNOWN).await.assert_problem(404, "certificate_not_found", &[]);
    for id in ["1", "00FF00ff00ff00ff00ff00ff00ff00ff"] {
        let malformed = api.get(&format!("/v1/certificates/{id}")).send().await;
        malformed.assert_problem(400, "path_invalid", &["id"]);
    }
    let format = format!("{UNKNOWN}?format=pdf");
    get(&format).await.assert_problem(400, "query_invalid", &["format"]);
    let other = format!("{UNKNOWN}?form=json");
    get(&other).await.assert_problem(400, "query_invalid", &["form"]);
    let list = |number: &str| api.get(&format!("/v1/certificates/status/{number}"));
    for number in ["0", "999999999"] {
        list(number).send().await.assert_problem(404, "status_list_not_found", &[]);
    }
    for number in ["-1", "01", "x", "9999999999"] {
        list(number).send().await.assert_problem(400, "path_invalid", &["list"]);
    }
}

#[tokio::test]
async fn only_administrators_revoke_and_say_why() {
    let api = Deployment::shared();
    let delete = |path: &str, user: u64| api.delete(path).tma(&api.bot.init_data(user));
    let because = |reason: &str| format!("{UNKNOWN}?reason={reason}");
    let nobody = api.delete(&because("x")).send().await;
    nobody.assert_problem(401, "authorization_missing", &["authorization"]);
    let user = delete(&because("x"), random_user()).send().await;
    user.assert_problem(403, "admin_required", &[]);
    let unknown = delete(&because("x"), api.admin_id).send().await;
    unknown.assert_problem(404, "certificate_not_found", &[]);
    for path in [UNKNOWN.to_owned(), because(""), because("%0a"), because(&"x".repeat(201))] {
        let refused = delete(&path, api.admin_id).send().await;
        refused.assert_problem(400, "query_invalid", &["reason"]);
    }
    let malformed = delete("/v1/certificates/1?reason=x", api.admin_id).send().await;
    malformed.assert_problem(400, "path_invalid", &["id"]);
    let body = delete(&because("x"), api.admin_id).json(&json!({})).send().await;
    assert_eq!(body.status, 404);
}
