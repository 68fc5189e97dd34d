//! A certificate as the badge that is signed.

use minigate_credentials::{Achievement, Badge, StatusEntry};
use minigate_domain::{
    CertificateId,
    certificates::{Certificate, StatusList},
};

use crate::words::{Words, percent};

/// The address of a certificate.
pub(crate) fn address(base: &str, id: CertificateId) -> String {
    format!("{base}/v1/certificates/{id}")
}

/// The address of a status list.
pub(crate) fn list_address(base: &str, list: StatusList) -> String {
    format!("{base}/v1/certificates/status/{list}")
}

/// The badge of a certificate of the deployment at `base`.
pub(crate) fn badge(certificate: &Certificate, base: &str) -> Badge {
    let Certificate { quiz, version, title, description, language, slot, .. } = certificate;
    let seconds = |moment: minigate_domain::Timestamp| moment.unix_seconds();
    Badge {
        id: address(base, certificate.id),
        valid_from: seconds(certificate.issued_at),
        valid_until: certificate.expires_at.map(seconds),
        subject: urn(&certificate.subject.to_string()),
        holder_name: certificate.name.as_ref().map(|name| name.as_str().to_owned()),
        achievement: Achievement {
            id: format!("{base}/v1/quizzes/{quiz}/versions/{}", version.get()),
            name: title.clone(),
            description: description.clone(),
            language: language.as_str().to_owned(),
            criteria: Words::of(language).criteria(certificate.pass_mark),
        },
        score: percent(certificate.score),
        status: StatusEntry { list: list_address(base, slot.list), index: slot.index },
    }
}

/// The UUID of 32 hexadecimal digits, of version 8: its bits are ours (RFC 9562).
fn urn(digits: &str) -> String {
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let (third, fourth) = (part(13, 16), part(17, 20));
    format!("urn:uuid:{}-{}-8{third}-8{fourth}-{}", part(0, 8), part(8, 12), part(20, 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_a_uuid() {
        let urn = urn("00112233445566778899aabbccddeeff");
        assert_eq!(urn, "urn:uuid:00112233-4455-8677-8899-aabbccddeeff");
    }
}
