use std::time::Duration;

use minigate_domain::{
    Timestamp,
    certificates::{Certificate, Pass},
    quizzes::{CertificateRules, RenewalRules},
};
use minigate_tests::{Cloud, now, pass};
use serde_json::{Value, json};

use super::Issued;

const DAY: u64 = 86_400;

/// A certificate that was issued so many days ago, and is good for as many.
async fn issued_ago(cloud: &Cloud, holder: u64, ago: u64, valid_days: Option<u16>) -> Certificate {
    let renewal = Some(RenewalRules { days_before: 10, questions: 1 });
    let passed_at = Timestamp::from_unix_millis((now() - ago * DAY) * 1_000);
    let rules = CertificateRules { valid_days, renewal };
    cloud.issue(Pass { passed_at, rules, ..pass(holder) }).await
}

#[tokio::test]
async fn an_expired_certificate_is_readable_and_does_not_verify() {
    let issued = Issued::start().await;
    let certificate = issued_ago(&issued.cloud, issued.holder, 31, Some(30)).await;
    let issued = Issued { certificate, ..issued };
    for text in [issued.json().await, issued.jwt().await] {
        issued.verify(&text).await.assert_problem(422, "certificate_expired", &[]);
    }
    for accept in ["text/html", "image/svg+xml"] {
        let answer = issued.form(accept).await;
        assert_eq!(answer.status, 200, "{accept}");
        assert!(answer.body.contains("Expired on "), "{accept}");
    }
}

#[tokio::test]
async fn the_list_says_what_is_due_unless_it_was_renewed() {
    let issued = Issued::start().await;
    let statuses = async |issued: &Issued| {
        let own = issued.own().await;
        own.iter().map(|it| it["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let holder = minigate_tests::random_user();
    let due = issued_ago(&issued.cloud, holder, 25, Some(30)).await;
    issued_ago(&issued.cloud, holder, 40, Some(30)).await;
    let issued = Issued { holder, ..issued };
    assert_eq!(statuses(&issued).await, ["renewal_due", "expired"]);
    let own = issued.own().await;
    let seconds = |moment: Option<Timestamp>| json!(moment.unwrap().unix_seconds());
    assert_eq!(own[0]["renewable_from"], seconds(due.renewable_from));
    assert_eq!(own[0]["expires_at"], seconds(due.expires_at));
    assert_eq!(
        due.expires_at,
        due.renewable_from.map(|from| from.after(Duration::from_secs(10 * DAY)))
    );
    issued_ago(&issued.cloud, holder, 0, None).await;
    assert_eq!(statuses(&issued).await, ["valid", "valid", "expired"]);
    assert_eq!(issued.own().await[0]["expires_at"], Value::Null);
}

#[tokio::test]
async fn what_was_altered_is_found_and_an_unknown_id_is_not_there() {
    let issued = Issued::start().await;
    let (json, jwt) = (issued.json().await, issued.jwt().await);
    let verified = issued.verify(&json).await.assert_success(200, &[]);
    assert_eq!(verified, issued.verify(&jwt).await.assert_success(200, &[]));
    assert_eq!(verified["score"], "87.5");
    for altered in
        [json.replace("87.5", "97.5"), json.replace("\"name\":\"Rust", "\"name\":\"Erased")]
    {
        issued.verify(&altered).await.assert_problem(422, "certificate_altered", &[]);
    }
    let mut parts: Vec<&str> = jwt.split('.').collect();
    let other = "A".repeat(86);
    parts[2] = &other;
    issued.verify(&parts.join(".")).await.assert_problem(422, "certificate_altered", &[]);
    // A status list is signed by the same key, and is no certificate.
    let path = format!("/v1/certificates/status/{}", issued.certificate.slot.list);
    let list = issued.api.get(&path).send().await.body;
    issued.verify(&list).await.assert_problem(422, "certificate_altered", &[]);
    // Another deployment has the table, and not the certificate.
    let elsewhere = issued.cloud.serve(&[("MINIGATE_PUBLIC_URL", "https://other.example")]).await;
    let verify = elsewhere.post("/v1/certificates/verify").body("application/json", json.clone());
    verify.send().await.assert_problem(422, "certificate_of_other_issuer", &["issuer"]);
    let id = issued.certificate.id;
    let delete = issued.cloud.dynamodb().await.delete_item().table_name("minigate-Main");
    let text = |text: String| aws_sdk_dynamodb::types::AttributeValue::S(text);
    let delete = delete.key("PK", text(format!("CERT#{id}"))).key("SK", text("CERT".to_owned()));
    delete.send().await.unwrap();
    issued.verify(&json).await.assert_problem(404, "certificate_not_found", &[]);
}
