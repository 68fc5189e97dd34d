use minigate_tests::{Cloud, Deployment, pass, random_user};
use serde_json::Value;

use super::Issued;

const URL: [(&str, &str); 1] = [("MINIGATE_PUBLIC_URL", "https://api.example.org")];

async fn keys(api: &Deployment) -> Vec<Value> {
    let document = api.get("/.well-known/did.json").send().await.json();
    document["verificationMethod"].as_array().unwrap().clone()
}

/// An instance with the key of this seed, and a certificate that it has signed.
async fn signed_with(cloud: Cloud, seed: u8) -> Issued {
    cloud.rotate_certificate_key([seed; 32]).await;
    let api = cloud.serve(&URL).await;
    let holder = random_user();
    let certificate = cloud.issue(pass(holder)).await;
    Issued { cloud, api, holder, certificate }
}

#[tokio::test]
async fn a_key_stays_published_however_often_it_was_rotated() {
    let mut cloud = Cloud::start().await;
    let mut signed = Vec::new();
    for seed in 1..=3 {
        let issued = signed_with(cloud, seed).await;
        signed.push(issued.jwt().await);
        assert_eq!(keys(&issued.api).await.len(), 2 * usize::from(seed));
        cloud = issued.cloud;
    }
    // An instance that has never seen the first two.
    let issued = signed_with(cloud, 3).await;
    assert_eq!(keys(&issued.api).await.len(), 6);
    for jwt in &signed {
        issued.verify(jwt).await.assert_success(200, &[]);
    }
}

#[tokio::test]
async fn a_key_that_was_never_published_is_unknown() {
    let issued = signed_with(Cloud::start().await, 1).await;
    let signed = [issued.json().await, issued.jwt().await];
    let elsewhere = signed_with(Cloud::start().await, 2).await;
    for text in signed {
        elsewhere.verify(&text).await.assert_problem(422, "certificate_key_unknown", &[]);
    }
}

#[tokio::test]
async fn a_key_that_another_instance_has_begun_to_use_is_found() {
    let issued = signed_with(Cloud::start().await, 1).await;
    issued.jwt().await;
    let Issued { cloud, api, .. } = issued;
    // This one has the keys in memory now.
    assert_eq!(keys(&api).await.len(), 2);
    let newer = signed_with(cloud, 2).await;
    let jwt = newer.jwt().await;
    let verify = api.post("/v1/certificates/verify").body("application/vc+jwt", jwt);
    verify.send().await.assert_success(200, &[]);
}

#[tokio::test]
async fn without_the_key_what_was_signed_is_served_and_the_rest_waits() {
    let cloud = Cloud::start().await;
    let issued = signed_with(cloud, 1).await;
    let jwt = issued.jwt().await;
    issued.cloud.put_secret("minigate/development/certificate-key", "not a key").await;
    issued.cloud.put_secret("minigate/development/certificate-key", "not a key either").await;
    let api = issued.cloud.serve(&URL).await;
    let issued = Issued { api, ..issued };
    assert_eq!(issued.jwt().await, jwt);
    issued.verify(&jwt).await.assert_success(200, &[]);
    assert_eq!(keys(&issued.api).await.len(), 2);
    let certificate = issued.cloud.issue(pass(issued.holder)).await;
    let issued = Issued { certificate, ..issued };
    issued.form("*/*").await.assert_problem(503, "secrets_unavailable", &[]);
}
