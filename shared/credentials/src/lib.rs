//! Certificates that the software of others verifies: [Open Badges 3.0][ob] as [Verifiable Credentials 2.0][vc].
//!
//! A [`Badge`] is signed twice with one Ed25519 key: an `eddsa-rdfc-2022` proof is embedded in its JSON, and
//! that is signed once more as a `vc+jwt`. Whoever verifies takes either; 1EdTech's validator takes EdDSA
//! as an embedded proof only, most wallets take the JWT.
//!
//! The shape is fixed, so no JSON-LD library is needed: [`Badge`] writes the RDF that a JSON-LD processor
//! would make of it, in canonical form ([RDFC-1.0]). `cargo verify --only certificates` compares with such
//! processors. For the same reason this crate verifies only what it has written: a credential of another
//! shape is none of ours.
//!
//! It makes no call, reads no clock, and knows nothing of minigate.
//!
//! ```
//! use minigate_credentials::{Badge, Issuer, Reject, SigningKey, verify};
//! # use minigate_credentials::{Achievement, StatusEntry};
//!
//! let key = SigningKey::from_seed(&[7; 32]);
//! let issuer = Issuer::at("https://api.example.org", "Recertify").unwrap();
//! let badge = Badge {
//!     id: "https://api.example.org/v1/certificates/1".to_owned(),
//!     // …
//! #   valid_from: 1_790_000_000,
//! #   valid_until: None,
//! #   subject: "urn:uuid:0198c0de-0000-4000-8000-0000000000aa".to_owned(),
//! #   holder_name: None,
//! #   achievement: Achievement {
//! #       id: "https://api.example.org/v1/quizzes/q/versions/1".to_owned(),
//! #       name: "Rust".to_owned(),
//! #       description: "Rust".to_owned(),
//! #       language: "en".to_owned(),
//! #       criteria: "At least 80 %".to_owned(),
//! #   },
//! #   score: "87.5".to_owned(),
//! #   status: StatusEntry { list: "https://api.example.org/status/0".to_owned(), index: 7 },
//! };
//! let signed = badge.sign(&issuer, &key, 1_790_000_001);
//! let verified = verify(&signed.jwt, &issuer, &[key.public()]).unwrap();
//! assert_eq!(verified, badge);
//!
//! let altered = signed.json.replace("87.5", "97.5");
//! assert_eq!(verify(&altered, &issuer, &[key.public()]), Err(Reject::Altered));
//! ```
//!
//! [ob]: https://www.imsglobal.org/spec/ob/v3p0
//! [vc]: https://www.w3.org/TR/vc-data-model-2.0/
//! [RDFC-1.0]: https://www.w3.org/TR/rdf-canon/

mod badge;
mod base58;
mod did;
mod document;
mod jwt;
mod key;
mod proof;
mod rdf;
mod status_list;
mod time;
mod verify;

pub use badge::{Achievement, Badge, Signed, StatusEntry};
pub use did::Issuer;
pub use key::{PublicKey, SigningKey};
pub use status_list::StatusList;
pub use time::date;
pub use verify::{Reject, json_of_jwt, verify};
