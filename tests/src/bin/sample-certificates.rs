//! Certificates as the API hands them out, with everything that verifies them, for the software of others
//! (`cargo verify --only certificates`): one JSON document on standard output.
//!
//! ```text
//! {"did": "did:web:…", "documents": {"<address>": "<answer>"}, "samples": [{"name": …, "json": …, "jwt": …, "is_revoked": …}]}
//! ```
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program of the tests")]

use std::collections::BTreeMap;

use minigate_domain::{
    certificates::{Certificate, Pass},
    quizzes::CertificateRules,
};
use minigate_tests::{Cloud, Deployment, pass};
use serde_json::{Value, json};

const BASE: &str = "https://api.example.org";
const HOLDER: u64 = 1 << 50;

/// One sample: how it is issued, and what happens to it before it is read.
struct Sample {
    name: &'static str,
    pass: Pass,
    holder_name: Option<&'static str>,
    is_revoked: bool,
}

fn samples() -> Vec<Sample> {
    let sample = |name, pass| Sample { name, pass, holder_name: None, is_revoked: false };
    let russian = Pass {
        title: "Основы \"Rust\" & <памяти> \\ 🦀".to_owned(),
        description: "Владение и заимствование".to_owned(),
        language: "ru".parse().unwrap(),
        ..pass(HOLDER)
    };
    let endless = Pass {
        rules: CertificateRules { valid_days: None, renewal: None },
        description: String::new(),
        ..pass(HOLDER)
    };
    vec![
        sample("plain", pass(HOLDER)),
        sample("without an end", endless),
        Sample { holder_name: Some("Ada \"Łuna\" O'Neil 🌈"), ..sample("with a name", russian) },
        Sample { is_revoked: true, ..sample("revoked", pass(HOLDER)) },
    ]
}

#[tokio::main]
async fn main() {
    let cloud = Cloud::start().await;
    let mut issued = Vec::new();
    // A key each, so that all but the last were rotated when they are verified.
    for (sample, number) in samples().into_iter().zip(1..) {
        cloud.rotate_certificate_key([number; 32]).await;
        let api = cloud.serve(&[("MINIGATE_PUBLIC_URL", BASE)]).await;
        issued.push(read(&cloud, &api, sample).await);
    }
    let api = cloud.serve(&[("MINIGATE_PUBLIC_URL", BASE)]).await;
    let mut paths = vec!["/.well-known/did.json".to_owned()];
    for (certificate, sample) in &issued {
        paths.push(format!("/v1/certificates/status/{}", certificate.slot.list));
        if sample["is_revoked"] == true {
            let path = format!("/v1/certificates/{}?reason=copied", certificate.id);
            let init_data = api.bot.init_data(api.admin_id);
            assert_eq!(api.delete(&path).tma(&init_data).send().await.status, 200);
        }
    }
    let mut documents = BTreeMap::new();
    for path in paths {
        let answer = api.get(&path).send().await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        documents.insert(format!("{BASE}{path}"), answer.body);
    }
    let samples: Vec<&Value> = issued.iter().map(|(_, sample)| sample).collect();
    let did = "did:web:api.example.org";
    println!("{}", json!({ "did": did, "documents": documents, "samples": samples }));
}

/// The certificate as its first reader gets it.
async fn read(cloud: &Cloud, api: &Deployment, sample: Sample) -> (Certificate, Value) {
    let Sample { name, pass, holder_name, is_revoked } = sample;
    let certificate = cloud.issue(pass).await;
    if let Some(holder_name) = holder_name {
        let path = format!("/v1/me/certificates/{}/name", certificate.id);
        let named = api.put(&path).tma(&api.bot.init_data(HOLDER));
        let named = named.json(&json!({ "name": holder_name })).send().await;
        assert_eq!(named.status, 200, "{}", named.body);
    }
    let path = format!("/v1/certificates/{}", certificate.id);
    let form = async |accept: &str| {
        let answer = api.get(&path).header("accept", accept).send().await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    };
    let (json, jwt) = (form("application/json").await, form("application/vc+jwt").await);
    (certificate, json!({ "name": name, "json": json, "jwt": jwt, "is_revoked": is_revoked }))
}
