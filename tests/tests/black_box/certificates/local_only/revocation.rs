use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::Issued;

/// The bits of a status list that are set.
async fn revoked_bits(issued: &Issued) -> Vec<u32> {
    let path = format!("/v1/certificates/status/{}", issued.certificate.slot.list);
    let list = issued.api.get(&path).send().await;
    assert_eq!(list.status, 200, "{}", list.body);
    assert_eq!(list.header("content-type"), Some("application/vc+jwt"));
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let payload: Value =
        serde_json::from_slice(&decoded(list.body.split('.').nth(1).unwrap())).unwrap();
    assert_eq!(payload["id"], format!("{}{path}", issued.api.base_url()));
    let encoded = payload["credentialSubject"]["encodedList"].as_str().unwrap();
    let packed = decoded(encoded.strip_prefix('u').unwrap());
    // Between the header and the checksum of gzip.
    let deflated = &packed[10..packed.len() - 8];
    let bits = miniz_oxide::inflate::decompress_to_vec(deflated).unwrap();
    assert_eq!(bits.len(), 131_072 / 8);
    let is_set = |index: &u32| bits[(index / 8) as usize] & (0x80 >> (index % 8)) != 0;
    (0..131_072).filter(is_set).collect()
}

#[tokio::test]
async fn a_revoked_certificate_says_so_in_each_form_and_keeps_its_address() {
    let issued = Issued::start().await;
    let (json, jwt) = (issued.json().await, issued.jwt().await);
    assert!(revoked_bits(&issued).await.is_empty());
    let revocation = issued.revoke("copied%20answers").await.assert_success(200, &[]);
    assert_eq!(revocation["reason"], "copied answers");
    for accept in ["application/json", "application/vc+jwt", "*/*"] {
        issued.form(accept).await.assert_problem(410, "certificate_revoked", &[]);
    }
    for accept in ["text/html", "image/svg+xml"] {
        let answer = issued.form(accept).await;
        assert_eq!(answer.status, 200, "{accept}");
        assert!(answer.body.contains("Revoked on "), "{accept}");
        assert!(!answer.body.contains("copied answers"), "the reason is not public");
        assert!(!answer.body.contains("format=json"), "there is no signed form");
    }
    // What others hold is refused by us, and by whoever looks at the list.
    for text in [&json, &jwt] {
        issued.verify(text).await.assert_problem(410, "certificate_revoked", &[]);
    }
    assert_eq!(revoked_bits(&issued).await, [issued.certificate.slot.index]);
    let own = issued.own().await;
    assert_eq!(
        (&own[0]["status"], &own[0]["revoked_because"]),
        (&json!("revoked"), &json!("copied answers"))
    );
}

#[tokio::test]
async fn a_second_revocation_changes_nothing_and_one_is_recorded() {
    let issued = Issued::start().await;
    let first = issued.revoke("first").await.assert_success(200, &[]);
    assert_eq!(issued.revoke("second").await.assert_success(200, &[]), first);
    let path = format!("/v1/me/certificates/{}/name", issued.certificate.id);
    let name = issued.api.put(&path).tma(&issued.api.bot.init_data(issued.holder));
    let name = name.json(&json!({ "name": "Ada" })).send().await;
    name.assert_problem(410, "certificate_revoked", &[]);
    let init_data = issued.api.bot.init_data(issued.api.admin_id);
    let audit = issued.api.get("/v1/system/audit").tma(&init_data).send().await;
    let audit = audit.json();
    let subject = json!(format!("certificate/{}", issued.certificate.id));
    let entries = audit["entries"].as_array().unwrap();
    let of_it = entries.iter().filter(|entry| entry["subject"] == subject);
    let of_it: Vec<_> = of_it.map(|entry| (&entry["action"], &entry["by"])).collect();
    assert_eq!(of_it, [(&json!("certificate.revoked"), &json!(issued.api.admin_id))]);
}
