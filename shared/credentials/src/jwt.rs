//! `vc+jwt`: a credential as the payload of a compact JWS, with EdDSA.
//! Sources: <https://www.w3.org/TR/vc-jose-cose/>, Open Badges 3.0, 8.2.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::{Issuer, SigningKey};

const ALGORITHM: &str = "EdDSA";
const TYPE: &str = "vc+jwt";

/// The header. Open Badges allows no other members.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    alg: &'a str,
    kid: &'a str,
    typ: &'a str,
}

pub(crate) fn signed(issuer: &Issuer, key: &SigningKey, payload: &str) -> String {
    signed_as(&issuer.jwt_key(&key.public()), key, payload)
}

fn signed_as(kid: &str, key: &SigningKey, payload: &str) -> String {
    let header = Header { alg: ALGORITHM, kid, typ: TYPE };
    let header = serde_json::to_string(&header).unwrap_or_default();
    let [header, payload] = [&header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
    let input = format!("{header}.{payload}");
    let signature = URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes()));
    format!("{input}.{signature}")
}

/// A parsed JWT. Nothing in it can be trusted before its signature is verified.
pub(crate) struct Jwt<'a> {
    pub(crate) kid: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) input: &'a str,
    pub(crate) signature: [u8; 64],
}

impl<'a> Jwt<'a> {
    /// Parses a token; `None` if it is no `vc+jwt`. Base64 is strict, so that a token has one spelling.
    pub(crate) fn of(token: &'a str) -> Option<Self> {
        let (input, signature) = token.rsplit_once('.')?;
        let (header, payload) = input.split_once('.')?;
        let [header, payload, signature] =
            [header, payload, signature].map(|part| URL_SAFE_NO_PAD.decode(part));
        let header = header.ok()?;
        let header: Header<'_> = serde_json::from_slice(&header).ok()?;
        if header.alg != ALGORITHM || header.typ != TYPE {
            return None;
        }
        Some(Self {
            kid: header.kid.to_owned(),
            payload: payload.ok()?,
            input,
            signature: signature.ok()?.try_into().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    /// A token that the verifiers of others accepted.
    #[test]
    fn a_token_that_others_accept_is_made_again() {
        let text = include_str!("../tests/data/open-badge.json");
        let mut document: Document = serde_json::from_str(text).unwrap();
        document.proof = None;
        let claims = document.with_claims();
        let key = SigningKey::from_seed(&std::array::from_fn(|index| index as u8));
        let token = signed_as("did:web:api.example.org#cert-2026", &key, &claims.to_json());
        assert_eq!(token, include_str!("../tests/data/open-badge.jwt").trim_end());
        let parsed = Jwt::of(&token).unwrap();
        assert!(key.public().verifies(parsed.input.as_bytes(), &parsed.signature));
    }

    #[test]
    fn headers_that_are_not_ours_are_refused() {
        let token = signed_as("k", &SigningKey::from_seed(&[1; 32]), "{}");
        let (_, rest) = token.split_once('.').unwrap();
        for header in [
            r#"{"alg":"none","kid":"k","typ":"vc+jwt"}"#,
            r#"{"alg":"HS256","kid":"k","typ":"vc+jwt"}"#,
            r#"{"alg":"EdDSA","kid":"k","typ":"JWT"}"#,
            r#"{"alg":"EdDSA","kid":"k","typ":"vc+jwt","jwk":{}}"#,
            r#"{"alg":"EdDSA","kid":"k","kid":"l","typ":"vc+jwt"}"#,
        ] {
            let forged = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header));
            assert!(Jwt::of(&forged).is_none(), "{header}");
        }
        for forged in ["", ".", "..", "a.b", "a.b.c", &format!("{token}="), &format!("{token}.")] {
            assert!(Jwt::of(forged).is_none(), "{forged}");
        }
    }
}
