//! Whether an attempt gives a certificate.

use serde::{Deserialize, Serialize};

use super::{Attempt, Score};
use crate::{
    CertificateId, Timestamp,
    certificates::{Certificate, Pass},
    quizzes::{PublishedQuiz, Version},
};

/// The newest certificate that a user has for a quiz.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldCertificate {
    /// The certificate.
    pub id: CertificateId,
    /// The version that it certifies.
    pub version: Version,
    /// From when on it may be renewed; `None` if it does not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewable_from: Option<Timestamp>,
}

impl HeldCertificate {
    /// What is remembered of a certificate.
    pub fn of(certificate: &Certificate) -> Self {
        let Certificate { id, version, renewable_from, .. } = *certificate;
        Self { id, version, renewable_from }
    }

    /// Whether it may be renewed.
    pub fn is_renewable(&self, now: Timestamp) -> bool {
        self.renewable_from.is_some_and(|from| now >= from)
    }
}

impl Attempt {
    /// Whether it counts only for the certificate that it renews: it has fewer questions than the attempts of
    /// others, so it is on no board and no best score.
    pub const fn is_renewal(&self) -> bool {
        self.renews.is_some()
    }

    /// What this attempt certifies, if it passed, the quiz gives certificates, and the user has none for this
    /// version or may renew it.
    pub fn certifies(
        &self,
        score: &Score,
        quiz: &PublishedQuiz,
        held: Option<&HeldCertificate>,
    ) -> Option<Pass> {
        let rules = quiz.rules.certificate.clone().filter(|_| score.passed)?;
        let is_due = match (held, self.renews) {
            (Some(held), Some(renews)) => held.id == renews && held.is_renewable(score.at),
            (Some(held), None) => held.version != self.version || held.is_renewable(score.at),
            (None, renews) => renews.is_none(),
        };
        let text =
            |texts: &crate::quizzes::Texts| texts.get(&self.language, &quiz.language).to_owned();
        is_due.then(|| Pass {
            holder: self.user_id,
            attempt: self.id,
            quiz: self.quiz.clone(),
            version: self.version,
            title: text(&quiz.title),
            description: text(&quiz.description),
            language: self.language.clone(),
            score: score.share,
            pass_mark: quiz.rules.pass_mark,
            passed_at: score.at,
            rules,
        })
    }
}
