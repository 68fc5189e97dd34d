//! The words around what a certificate says, in its language where there are some, otherwise in English.

use minigate_domain::{Language, quizzes::BasisPoints};

/// The words of a language.
pub(crate) struct Words {
    /// The language, as HTML names it.
    pub(crate) tag: &'static str,
    pub(crate) certificate: &'static str,
    pub(crate) holder: &'static str,
    pub(crate) not_named: &'static str,
    pub(crate) has_passed: &'static str,
    pub(crate) score: &'static str,
    pub(crate) at_least: (&'static str, &'static str),
    pub(crate) issued: &'static str,
    pub(crate) valid_until: &'static str,
    pub(crate) no_end: &'static str,
    pub(crate) expired: &'static str,
    pub(crate) revoked: &'static str,
    pub(crate) issuer: &'static str,
    pub(crate) number: &'static str,
    pub(crate) check: &'static str,
}

const ENGLISH: Words = Words {
    tag: "en",
    certificate: "Certificate",
    holder: "Holder",
    not_named: "The holder of this certificate",
    has_passed: "has passed",
    score: "Score",
    at_least: ("At least", "of all marks"),
    issued: "Issued on",
    valid_until: "Valid until",
    no_end: "Valid without an end",
    expired: "Expired on",
    revoked: "Revoked on",
    issuer: "Issuer",
    number: "Number",
    check: "This page is generated from the signed certificate. Anyone can verify it with software of \
            their own:",
};

const GERMAN: Words = Words {
    tag: "de",
    certificate: "Zertifikat",
    holder: "Inhaber",
    not_named: "Wer dieses Zertifikat besitzt,",
    has_passed: "hat bestanden",
    score: "Ergebnis",
    at_least: ("Mindestens", "aller Punkte"),
    issued: "Ausgestellt am",
    valid_until: "Gültig bis",
    no_end: "Unbefristet gültig",
    expired: "Abgelaufen am",
    revoked: "Widerrufen am",
    issuer: "Aussteller",
    number: "Nummer",
    check: "Diese Seite entsteht aus dem signierten Zertifikat. Jeder kann es mit eigener Software prüfen:",
};

const RUSSIAN: Words = Words {
    tag: "ru",
    certificate: "Сертификат",
    holder: "Владелец",
    not_named: "Владелец этого сертификата",
    has_passed: "успешно сдал(а)",
    score: "Результат",
    at_least: ("Не менее", "всех баллов"),
    issued: "Выдан",
    valid_until: "Действителен до",
    no_end: "Действителен бессрочно",
    expired: "Истёк",
    revoked: "Отозван",
    issuer: "Кем выдан",
    number: "Номер",
    check: "Эта страница построена по подписанному сертификату. Его можно проверить любой программой:",
};

impl Words {
    /// The words of a language, whatever its region.
    pub(crate) fn of(language: &Language) -> &'static Self {
        match language.as_str().split('-').next() {
            Some("de") => &GERMAN,
            Some("ru") => &RUSSIAN,
            _ => &ENGLISH,
        }
    }

    /// What passing takes.
    pub(crate) fn criteria(&self, pass_mark: BasisPoints) -> String {
        let (before, after) = self.at_least;
        format!("{before} {} % {after}.", percent(pass_mark))
    }
}

/// Basis points in per cent, without trailing zeros: 8,750 is `87.5`.
pub(crate) fn percent(share: BasisPoints) -> String {
    let (whole, rest) = (share.get() / 100, share.get() % 100);
    match (rest, rest % 10) {
        (0, _) => whole.to_string(),
        (_, 0) => format!("{whole}.{}", rest / 10),
        _ => format!("{whole}.{rest:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn per_cent_has_no_trailing_zeros() {
        for (points, text) in
            [(0, "0"), (10_000, "100"), (8_750, "87.5"), (8_705, "87.05"), (3_333, "33.33")]
        {
            assert_eq!(percent(BasisPoints::try_from(points).unwrap()), text);
        }
    }

    #[test]
    fn a_language_without_words_has_english_ones() {
        let tag = |language: &str| Words::of(&language.parse().unwrap()).tag;
        assert_eq!([tag("de-at"), tag("ru"), tag("pt-br")], ["de", "ru", "en"]);
        let half = BasisPoints::try_from(5_000).unwrap();
        assert_eq!(ENGLISH.criteria(half), "At least 50 % of all marks.");
    }
}
