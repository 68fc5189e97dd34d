//! The rules of certificates: what one says, how long it is good, and when it is renewed.
//!
//! A certificate is issued once for a pass, in the transaction that scores the attempt, and is signed when it
//! is first read. It names nobody: its subject is a random id, and a name appears only if its holder
//! puts it there.

mod status;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::status::{InvalidList, MAX_DRAWS, StatusList, StatusSlot};
use crate::{CertificateId, DisplayName, Entropy, Language, SubjectId, Timestamp, UserId};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest a certificate may be renewed before its end.
const LONGEST_RENEWAL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The most characters of a title and of a description that a certificate repeats, so that a signed one stays
/// small enough to hand around.
const MAX_TITLE_CHARS: usize = 200;
const MAX_DESCRIPTION_CHARS: usize = 500;

/// What a certificate is issued for: an attempt that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Who passed.
    pub holder: UserId,
    /// The id of the attempt.
    pub attempt: String,
    /// The id of the quiz.
    pub quiz: String,
    /// The version of the quiz that the attempt is pinned to.
    pub version: u32,
    /// The title of that version, in `language`.
    pub title: String,
    /// Its description, in `language`; may be empty.
    pub description: String,
    /// The language of both.
    pub language: Language,
    /// The score, in basis points (8,750 is 87.5 %), at most 10,000.
    pub score: u16,
    /// The score that passes, in basis points.
    pub pass_mark: u16,
    /// When the attempt was scored.
    pub passed_at: Timestamp,
    /// How long the certificate is good; `None`: for ever.
    pub valid_days: Option<u32>,
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
    pub attempt: Option<String>,
    /// The id of the quiz.
    pub quiz: String,
    /// The version of the quiz.
    pub version: u32,
    /// The title of that version.
    pub title: String,
    /// Its description.
    pub description: String,
    /// The language of both.
    pub language: Language,
    /// The score, in basis points.
    pub score: u16,
    /// The score that passes, in basis points.
    pub pass_mark: u16,
    /// When it was issued, in whole seconds.
    pub issued_at: Timestamp,
    /// When it ends, in whole seconds; `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
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
            score: pass.score.min(10_000),
            pass_mark: pass.pass_mark.min(10_000),
            issued_at,
            expires_at: pass.valid_days.map(|days| issued_at.after(DAY * days)),
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

    /// When it may be renewed: in the last quarter of its time, and in its last 30 days at the earliest.
    pub fn renewable_from(&self) -> Option<Timestamp> {
        let ends = self.expires_at?;
        let before = LONGEST_RENEWAL.min(ends.since(self.issued_at) / 4);
        let millis = u64::try_from(before.as_millis()).unwrap_or(u64::MAX);
        let from = Timestamp::from_unix_millis(ends.unix_millis().saturating_sub(millis));
        Some(from.to_whole_second())
    }

    /// What it is worth now. It ends at the second that it names.
    pub fn standing(&self, now: Timestamp) -> Standing {
        if self.revoked.is_some() {
            return Standing::Revoked;
        }
        match (self.expires_at, self.renewable_from()) {
            (Some(ends), _) if now >= ends => Standing::Expired,
            (_, Some(from)) if now >= from => Standing::RenewalDue,
            _ => Standing::Valid,
        }
    }
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

    struct Counting;

    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.iter_mut().zip(1..).for_each(|(byte, number)| *byte = number);
        }
    }

    fn pass(valid_days: Option<u32>) -> Pass {
        Pass {
            holder: UserId::new(42).unwrap(),
            attempt: "a".to_owned(),
            quiz: "rust-basics".to_owned(),
            version: 3,
            title: "Rust\n basics".to_owned(),
            description: String::new(),
            language: Language::english(),
            score: 8_750,
            pass_mark: 8_000,
            passed_at: Timestamp::from_unix_millis(1_760_000_000_123),
            valid_days,
        }
    }

    fn issued(valid_days: Option<u32>) -> Certificate {
        Certificate::for_pass(pass(valid_days), &Counting)
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
    fn it_is_renewed_in_its_last_quarter_or_its_last_month() {
        let at = |certificate: &Certificate, days: u32| certificate.issued_at.after(DAY * days);
        let long = issued(Some(730));
        assert_eq!(long.renewable_from(), Some(at(&long, 700)));
        let short = issued(Some(8));
        assert_eq!(short.renewable_from(), Some(at(&short, 6)));
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
