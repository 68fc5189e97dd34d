//! The rules of certificates: what one says, how long it is good, and when it is renewed.
//!
//! A certificate is issued once for a pass, in the transaction that scores the attempt, and is signed when it
//! is first read. It names nobody: its subject is a random id, and a name appears only if its holder
//! puts it there.

mod status;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::status::{InvalidList, MAX_DRAWS, StatusList, StatusSlot};
use crate::{
    AttemptId, CertificateId, DisplayName, Entropy, Language, SubjectId, Timestamp, UserId,
    quizzes::{BasisPoints, CertificateRules, QuizId, Version},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long before its end a certificate may be renewed at the earliest, if its quiz does not say.
const USUAL_RENEWAL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The most characters of a title and of a description that a certificate repeats, so that a signed one stays
/// small enough to hand around.
const MAX_TITLE_CHARS: usize = 200;
const MAX_DESCRIPTION_CHARS: usize = 500;

/// What a certificate is issued for: an attempt that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Who passed.
    pub holder: UserId,
    /// The attempt.
    pub attempt: AttemptId,
    /// The quiz.
    pub quiz: QuizId,
    /// The version of the quiz that the attempt is pinned to.
    pub version: Version,
    /// The title of that version, in `language`.
    pub title: String,
    /// Its description, in `language`; may be empty.
    pub description: String,
    /// The language of the attempt.
    pub language: Language,
    /// The share of all marks that was earned.
    pub score: BasisPoints,
    /// The share that passes.
    pub pass_mark: BasisPoints,
    /// When the attempt was scored.
    pub passed_at: Timestamp,
    /// What the version says of certificates.
    pub rules: CertificateRules,
}

/// A certificate as it is stored, without its signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Which one it is.
    pub id: CertificateId,
    /// Whom it is about, as anyone may know.
    pub subject: SubjectId,
    /// Whom it belongs to; `None` once that user was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<UserId>,
    /// The attempt; `None` once the holder was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<AttemptId>,
    /// The quiz.
    pub quiz: QuizId,
    /// The version of the quiz.
    pub version: Version,
    /// The title of that version.
    pub title: String,
    /// Its description.
    pub description: String,
    /// The language of both.
    pub language: Language,
    /// The share of all marks that was earned.
    pub score: BasisPoints,
    /// The share that passes.
    pub pass_mark: BasisPoints,
    /// When it was issued, in whole seconds.
    pub issued_at: Timestamp,
    /// When it ends, in whole seconds; `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// From when on it may be renewed, in whole seconds; `None` if it does not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewable_from: Option<Timestamp>,
    /// Its place in a status list, which says whether it was revoked.
    pub slot: StatusSlot,
    /// The name that the holder has put on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<DisplayName>,
    /// Counts the changes of what is signed, from 1: a signature is kept only for what it signs.
    pub revision: u32,
    /// That it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
}

/// Why a certificate is good no longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// When it was revoked.
    pub at: Timestamp,
    /// Why, for its holder and for administrators. It is not public.
    pub reason: String,
}

/// What a certificate is worth at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is good.
    Valid,
    /// It is good, and may be renewed already.
    RenewalDue,
    /// It has ended.
    Expired,
    /// It was revoked.
    Revoked,
}

impl Certificate {
    /// The certificate for a pass, in a place of a status list that [`Certificate::redraw`] changes if it
    /// is taken.
    pub fn for_pass(pass: Pass, entropy: &dyn Entropy) -> Self {
        let issued_at = pass.passed_at.to_whole_second();
        let title = clipped(&pass.title, MAX_TITLE_CHARS);
        let description = clipped(&pass.description, MAX_DESCRIPTION_CHARS);
        let validity = pass.rules.valid_days.map(|days| DAY * u32::from(days));
        let days_before = pass.rules.renewal.as_ref().map(|rules| rules.days_before);
        Self {
            id: CertificateId::random(entropy),
            subject: SubjectId::random(entropy),
            holder: Some(pass.holder),
            attempt: Some(pass.attempt),
            quiz: pass.quiz,
            version: pass.version,
            description: if description.is_empty() { title.clone() } else { description },
            title,
            language: pass.language,
            score: pass.score,
            pass_mark: pass.pass_mark,
            issued_at,
            expires_at: validity.map(|validity| issued_at.after(validity)),
            renewable_from: validity.map(|validity| {
                issued_at.after(validity.saturating_sub(time_to_renew(validity, days_before)))
            }),
            slot: StatusSlot::draw(issued_at, 0, entropy),
            name: None,
            revision: 1,
            revoked: None,
        }
    }

    /// The same certificate in another place, after `taken` places were found taken. Everything else stays,
    /// so that a transaction which is tried again issues the same certificate.
    #[must_use]
    pub fn redraw(self, taken: u32, entropy: &dyn Entropy) -> Self {
        Self { slot: StatusSlot::draw(self.issued_at, taken, entropy), ..self }
    }

    /// What it is worth now. It ends at the second that it names.
    pub fn standing(&self, now: Timestamp) -> Standing {
        if self.revoked.is_some() {
            return Standing::Revoked;
        }
        match (self.expires_at, self.renewable_from) {
            (Some(ends), _) if now >= ends => Standing::Expired,
            (_, Some(from)) if now >= from => Standing::RenewalDue,
            _ => Standing::Valid,
        }
    }
}

/// How long before its end a certificate may be renewed: what its quiz says, otherwise the last quarter of
/// its time, at most 30 days.
fn time_to_renew(validity: Duration, days_before: Option<u16>) -> Duration {
    days_before.map_or(USUAL_RENEWAL.min(validity / 4), |days| DAY * u32::from(days))
}

/// The beginning of a text on one line: JSON-LD processors differ in how they write control characters,
/// and a signature covers what they write.
fn clipped(text: &str, max_chars: usize) -> String {
    let words: Vec<&str> =
        text.split(|char: char| char.is_whitespace() || char.is_control()).collect();
    let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if line.chars().count() <= max_chars {
        return line;
    }
    let kept: String = line.chars().take(max_chars - 1).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quizzes::RenewalRules;

    struct Counting;

    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.iter_mut().zip(1..).for_each(|(byte, number)| *byte = number);
        }
    }

    fn pass(rules: CertificateRules) -> Pass {
        Pass {
            holder: UserId::new(42).unwrap(),
            attempt: AttemptId::random(&Counting),
            quiz: "rust-basics".parse().unwrap(),
            version: Version::FIRST,
            title: "Rust\n basics".to_owned(),
            description: String::new(),
            language: Language::english(),
            score: BasisPoints::ALL,
            pass_mark: BasisPoints::NONE,
            passed_at: Timestamp::from_unix_millis(1_760_000_000_123),
            rules,
        }
    }

    fn issued(valid_days: Option<u16>) -> Certificate {
        Certificate::for_pass(pass(CertificateRules { valid_days, renewal: None }), &Counting)
    }

    #[test]
    fn it_names_nobody_and_starts_at_a_whole_second() {
        let certificate = issued(None);
        assert_eq!(certificate.name, None);
        assert_eq!(certificate.issued_at.unix_millis(), 1_760_000_000_000);
        assert_eq!(
            (&*certificate.title, &*certificate.description),
            ("Rust basics", "Rust basics")
        );
    }

    #[test]
    fn another_place_is_all_that_changes() {
        let certificate = issued(Some(30));
        let again = certificate.clone().redraw(3, &Counting);
        assert_ne!(again.slot.list, certificate.slot.list);
        assert_eq!(Certificate { slot: certificate.slot, ..again }, certificate);
    }

    #[test]
    fn it_is_renewed_when_its_quiz_says_or_in_its_last_quarter_or_month() {
        let at = |certificate: &Certificate, days: u32| certificate.issued_at.after(DAY * days);
        let long = issued(Some(730));
        assert_eq!(long.renewable_from, Some(at(&long, 700)));
        for (days_before, from) in [(60, 670), (365, 365), (730, 0), (1_000, 0)] {
            let renewal = Some(RenewalRules { days_before, questions: 1 });
            let rules = CertificateRules { valid_days: Some(730), renewal };
            let certificate = Certificate::for_pass(pass(rules), &Counting);
            assert_eq!(certificate.renewable_from, Some(at(&long, from)));
        }
        let short = issued(Some(8));
        assert_eq!(short.renewable_from, Some(at(&short, 6)));
        let standing = |days| short.standing(at(&short, days));
        assert_eq!(standing(5), Standing::Valid);
        assert_eq!(standing(6), Standing::RenewalDue);
        assert_eq!(standing(7), Standing::RenewalDue);
        assert_eq!(standing(8), Standing::Expired);
        let forever = issued(None);
        assert_eq!(forever.standing(at(&forever, 100_000)), Standing::Valid);
        let revocation = Revocation { at: forever.issued_at, reason: "copied".to_owned() };
        let revoked = Certificate { revoked: Some(revocation), ..short.clone() };
        assert_eq!(revoked.standing(at(&short, 9)), Standing::Revoked);
    }

    #[test]
    fn texts_are_one_line_of_bounded_length() {
        assert_eq!(clipped(" a\t\u{0}b\r\n c ", 9), "a b c");
        assert_eq!(clipped("ééééé", 5), "ééééé");
        assert_eq!(clipped("éé éé", 4), "éé…");
    }
}
