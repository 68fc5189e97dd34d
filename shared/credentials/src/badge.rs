//! What a badge says.

use crate::{Issuer, SigningKey, document::Document, jwt, proof};

/// A badge: somebody has passed something. Texts without control characters, which JSON-LD processors write
/// in different ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Badge {
    /// Its address.
    pub id: String,
    /// From when on it is good, in Unix seconds.
    pub valid_from: u64,
    /// When it ends, in Unix seconds; `None`: never.
    pub valid_until: Option<u64>,
    /// Whom it is about: a URI that means nothing to others, such as a random `urn:uuid:`.
    pub subject: String,
    /// The name of that person, if they want it there.
    pub holder_name: Option<String>,
    /// What was achieved.
    pub achievement: Achievement,
    /// The score in per cent, as a decimal number.
    pub score: String,
    /// Where it stands whether the badge was revoked.
    pub status: StatusEntry,
}

/// What was achieved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Achievement {
    /// Its address.
    pub id: String,
    /// Its name, which is also that of the badge.
    pub name: String,
    /// What it is.
    pub description: String,
    /// The language of the texts, a tag such as `en`.
    pub language: String,
    /// What it takes.
    pub criteria: String,
}

/// A bit of a status list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusEntry {
    /// The address of the list.
    pub list: String,
    /// The bit, counted from 0.
    pub index: u32,
}

/// A badge, signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// JSON with an embedded `eddsa-rdfc-2022` proof.
    pub json: String,
    /// The same, signed once more as a `vc+jwt`.
    pub jwt: String,
}

impl Badge {
    /// Signs at `now`, in Unix seconds. The same badge, key and moment give the same bytes.
    pub fn sign(&self, issuer: &Issuer, key: &SigningKey, now: u64) -> Signed {
        let mut document = Document::of(self, issuer);
        document.proof = Some(proof::made(&document, issuer, key, now));
        let json = document.to_json();
        let claims = document.with_claims();
        Signed { json, jwt: jwt::signed(issuer, key, &claims.to_json()) }
    }
}
