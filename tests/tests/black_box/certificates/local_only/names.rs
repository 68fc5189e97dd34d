use minigate_tests::random_user;
use serde_json::{Value, json};

use super::Issued;

impl Issued {
    fn name_path(&self) -> String {
        format!("/v1/me/certificates/{}/name", self.certificate.id)
    }

    async fn name(&self, name: Option<&str>) -> Value {
        let path = self.name_path();
        let init_data = self.api.bot.init_data(self.holder);
        let request = match name {
            Some(name) => self.api.put(&path).json(&json!({ "name": name })),
            None => self.api.delete(&path),
        };
        request.tma(&init_data).send().await.assert_success(200, &[])
    }
}

#[tokio::test]
async fn a_name_appears_where_its_holder_wants_it_and_disappears_again() {
    let issued = Issued::start().await;
    let nameless = issued.jwt().await;
    let ada = "Ada \"Łuna\" 🌈";
    for _ in 0..2 {
        assert_eq!(issued.name(Some(ada)).await["name"], ada);
    }
    let named = issued.jwt().await;
    assert_ne!(named, nameless);
    let document: Value = serde_json::from_str(&issued.json().await).unwrap();
    let identity = &document["credentialSubject"]["identifier"][0];
    assert_eq!(identity["identityHash"], ada);
    for accept in ["text/html", "image/svg+xml"] {
        let body = issued.form(accept).await.body;
        assert!(body.contains("Ada &quot;Łuna&quot; 🌈"), "{accept}");
    }
    assert_eq!(issued.own().await[0]["name"], ada);
    // What was handed around before is good all the same, and is the same certificate.
    for (text, name) in [(&nameless, Value::Null), (&named, json!(ada))] {
        let verified = issued.verify(text).await.assert_success(200, &[]);
        assert_eq!(verified["holder_name"], name);
        assert_eq!(verified["id"], json!(issued.certificate.id));
        assert_eq!(verified["issued_at"], issued.certificate.issued_at.unix_seconds());
    }
    assert_eq!(issued.name(None).await["name"], Value::Null);
    let document: Value = serde_json::from_str(&issued.json().await).unwrap();
    assert_eq!(document["credentialSubject"]["identifier"], Value::Null);
}

#[tokio::test]
async fn nobody_names_the_certificate_of_another() {
    let issued = Issued::start().await;
    let other = issued.api.bot.init_data(random_user());
    let put = issued.api.put(&issued.name_path()).tma(&other).json(&json!({ "name": "Eve" }));
    put.send().await.assert_problem(404, "certificate_not_found", &[]);
    let delete = issued.api.delete(&issued.name_path()).tma(&other);
    delete.send().await.assert_problem(404, "certificate_not_found", &[]);
    assert!(!issued.json().await.contains("Eve"));
}
