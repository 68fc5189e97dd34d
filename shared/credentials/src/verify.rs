//! Whether a badge was issued here and is unaltered. Whether it has ended or was revoked, the caller knows.

use serde_json::Value;
use thiserror::Error;

use crate::{Badge, Issuer, PublicKey, document::Document, jwt::Jwt};

/// Why a badge is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Reject {
    /// It is neither a `vc+jwt` nor a credential with a proof in JSON.
    #[error("{field} {expected}")]
    Malformed {
        /// The member.
        field: &'static str,
        /// What is wrong with it.
        expected: &'static str,
    },
    /// Another issuer has made it, or says so.
    #[error("issued by somebody else")]
    OtherIssuer,
    /// The issuer has never published the key that it names.
    #[error("signed with a key that is not the issuer's")]
    UnknownKey,
    /// The signature does not match what it says.
    #[error("altered after it was signed")]
    Altered,
}

/// Verifies a badge: a `vc+jwt`, with the proof in it, or JSON with a proof.
///
/// # Errors
/// [`Reject`]: the first reason, in the order of its variants.
pub fn verify(text: &str, issuer: &Issuer, keys: &[PublicKey]) -> Result<Badge, Reject> {
    let text = text.trim();
    let document = if text.starts_with('{') {
        let json = serde_json::from_str(text);
        let json: Value = json.map_err(|_| malformed(".", "is not JSON"))?;
        check_issuer(&json, issuer)?;
        if !json["proof"].is_object() {
            return Err(malformed("proof", "must be a proof of this issuer"));
        }
        // Not from `json`, in which a member that is repeated has vanished.
        let document: Document = serde_json::from_str(text).map_err(|_| Reject::Altered)?;
        if document != document.without_claims() {
            return Err(Reject::Altered);
        }
        document
    } else {
        let jwt = Jwt::of(text).ok_or(malformed(".", "must be a `vc+jwt` or an object"))?;
        let payload: Value = serde_json::from_slice(&jwt.payload)
            .map_err(|_| malformed(".", "must have a payload in JSON"))?;
        check_issuer(&payload, issuer)?;
        let key = keys.iter().find(|key| issuer.jwt_key(key) == jwt.kid);
        if !key.ok_or(Reject::UnknownKey)?.verifies(jwt.input.as_bytes(), &jwt.signature) {
            return Err(Reject::Altered);
        }
        document_of(&jwt.payload).ok_or(Reject::Altered)?
    };
    let proof = document.proof.as_ref().ok_or(Reject::Altered)?;
    let key = keys.iter().find(|key| issuer.proof_key(key) == proof.verification_method);
    if !proof.proves(&document, key.ok_or(Reject::UnknownKey)?) {
        return Err(Reject::Altered);
    }
    document.badge().ok_or(Reject::Altered)
}

/// The JSON with the embedded proof of a `vc+jwt` that this crate has signed; `None` if it has not.
/// Verifies nothing.
pub fn json_of_jwt(jwt: &str) -> Option<String> {
    Some(document_of(&Jwt::of(jwt)?.payload)?.to_json())
}

/// The document of a payload whose claims repeat what it says.
fn document_of(payload: &[u8]) -> Option<Document> {
    let claimed: Document = serde_json::from_slice(payload).ok()?;
    let document = claimed.without_claims();
    (claimed == document.with_claims()).then_some(document)
}

fn check_issuer(document: &Value, issuer: &Issuer) -> Result<(), Reject> {
    let named = &document["issuer"];
    let id = named.as_str().or_else(|| named["id"].as_str());
    let id = id.ok_or(malformed("issuer", "must name the issuer"))?;
    if id == issuer.id { Ok(()) } else { Err(Reject::OtherIssuer) }
}

fn malformed(field: &'static str, expected: &'static str) -> Reject {
    Reject::Malformed { field, expected }
}
