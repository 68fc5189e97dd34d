//! Certificates that were issued: straight into the tables, which no deployment offers.

mod calls;
mod forms;
mod names;
mod revocation;
mod rotation;
mod validity;

use minigate_domain::certificates::Certificate;
use minigate_tests::{Answer, Cloud, Deployment, pass, random_user};

/// A deployment with a certificate in it.
struct Issued {
    cloud: Cloud,
    api: Deployment,
    holder: u64,
    certificate: Certificate,
}

impl Issued {
    async fn start() -> Self {
        let cloud = Cloud::start().await;
        let api = cloud.serve(&[]).await;
        let holder = random_user();
        let certificate = cloud.issue(pass(holder)).await;
        Self { cloud, api, holder, certificate }
    }

    fn path(&self) -> String {
        format!("/v1/certificates/{}", self.certificate.id)
    }

    /// The certificate in the form that `accept` asks for.
    async fn form(&self, accept: &str) -> Answer {
        self.api.get(&self.path()).header("accept", accept).send().await
    }

    async fn jwt(&self) -> String {
        let answer = self.form("application/vc+jwt").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    async fn json(&self) -> String {
        let answer = self.form("application/json").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    async fn verify(&self, text: &str) -> Answer {
        let media_type =
            if text.starts_with('{') { "application/json" } else { "application/vc+jwt" };
        self.api.post("/v1/certificates/verify").body(media_type, text).send().await
    }

    /// The certificates of the holder, as they see them.
    async fn own(&self) -> Vec<serde_json::Value> {
        let list = self.api.get("/v1/me/certificates").tma(&self.api.bot.init_data(self.holder));
        let list = list.send().await.assert_success(200, &[]);
        list["certificates"].as_array().unwrap().clone()
    }

    async fn revoke(&self, reason: &str) -> Answer {
        let path = format!("{}?reason={reason}", self.path());
        let init_data = self.api.bot.init_data(self.api.admin_id);
        self.api.delete(&path).tma(&init_data).send().await
    }
}
