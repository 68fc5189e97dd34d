//! Certificates, issued straight into the tables: there is no attempt behind them.

use minigate_domain::{
    AttemptId, Language, UserId,
    certificates::{Certificate, Pass},
    quizzes::{CertificateRules, Version},
};
use minigate_local::development;
use minigate_platform::{Clock, Config, Needs, SystemClock, SystemEntropy};
use minigate_store::Store;

use crate::Cloud;

/// A pass of this user a moment ago, which is good for two years.
pub fn pass(holder: u64) -> Pass {
    Pass {
        holder: UserId::new(holder).unwrap(),
        attempt: AttemptId::random(&SystemEntropy),
        quiz: "rust-basics".parse().unwrap(),
        version: Version::FIRST,
        title: "Rust basics".to_owned(),
        description: "Ownership and borrowing".to_owned(),
        language: Language::english(),
        score: 8_750.try_into().unwrap(),
        pass_mark: 8_000.try_into().unwrap(),
        passed_at: SystemClock.now(),
        rules: CertificateRules { valid_days: Some(730), renewal: None },
    }
}

impl Cloud {
    /// Issues a certificate, past the proxy.
    pub async fn issue(&self, pass: Pass) -> Certificate {
        let config = Config::from_variables(development::variables(), Needs::STORE).unwrap();
        let store = Store::new(self.dynamodb().await, config.tables);
        store.issue_certificate(pass, &SystemEntropy).await.unwrap()
    }

    /// Rotates the key that signs certificates to the one of this seed.
    pub async fn rotate_certificate_key(&self, seed: [u8; 32]) {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

        let secret = serde_json::json!({ "seed": URL_SAFE_NO_PAD.encode(seed) });
        self.put_secret(development::CERTIFICATE_SECRET, &secret.to_string()).await;
    }
}
