//! A user's own certificates, as far as a user has none.

use minigate_tests::{Deployment, random_user};
use serde_json::json;

#[tokio::test]
async fn who_has_passed_nothing_has_none() {
    let api = Deployment::shared();
    let user = random_user();
    let list = |path: &str| api.get(path).tma(&api.bot.init_data(user));
    let none = list("/v1/me/certificates").send().await;
    assert_eq!(none.assert_success(200, &[]), json!({ "certificates": [] }));
    let nobody = api.get("/v1/me/certificates").send().await;
    nobody.assert_problem(401, "authorization_missing", &["authorization"]);
    for cursor in ["", "x", "1760000000000-1"] {
        let path = format!("/v1/me/certificates?cursor={cursor}");
        list(&path).send().await.assert_problem(400, "query_invalid", &["cursor"]);
    }
    let other = list("/v1/me/certificates?limit=1").send().await;
    other.assert_problem(400, "query_invalid", &["limit"]);
}

#[tokio::test]
async fn a_name_goes_on_a_certificate_of_ones_own_and_is_a_name() {
    let api = Deployment::shared();
    let path = "/v1/me/certificates/00ff00ff00ff00ff00ff00ff00ff00ff/name";
    let init_data = api.bot.init_data(random_user());
    let put = |body| api.put(path).tma(&init_data).json(&body);
    let unknown = put(json!({ "name": "Ada" })).send().await;
    unknown.assert_problem(404, "certificate_not_found", &[]);
    let unknown = api.delete(path).tma(&init_data).send().await;
    unknown.assert_problem(404, "certificate_not_found", &[]);
    for name in ["", " Ada", "A\nda", &"x".repeat(65)] {
        let refused = put(json!({ "name": name })).send().await;
        refused.assert_problem(422, "body_invalid", &["name"]);
    }
    put(json!({})).send().await.assert_problem(422, "body_invalid", &["name"]);
    let malformed = api.delete("/v1/me/certificates/1/name").tma(&init_data).send().await;
    malformed.assert_problem(400, "path_invalid", &["id"]);
    let nobody = api.put("/v1/me/certificates/00ff00ff00ff00ff00ff00ff00ff00ff/name");
    let nobody = nobody.json(&json!({ "name": "Ada" })).send().await;
    nobody.assert_problem(401, "authorization_missing", &["authorization"]);
}
