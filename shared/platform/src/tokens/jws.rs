//! The compact form of a signed token, for one algorithm.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::TokenError;

/// The longest token that is parsed; usual ones have about 400 bytes.
const MAX_BYTES: usize = 1_024;
const ALGORITHM: &str = "EdDSA";

/// The header. Further members (`jwk`, `jku`, `crit` …) are refused: none has a meaning here, and each
/// has been a source of vulnerabilities.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

/// What is signed: header and claims, encoded.
pub(super) fn signing_input(typ: &str, kid: &str, claims: &impl Serialize) -> String {
    let header = Header { alg: ALGORITHM, typ, kid };
    let encode = |json: Result<Vec<u8>, _>| URL_SAFE_NO_PAD.encode(json.unwrap_or_default());
    format!("{}.{}", encode(serde_json::to_vec(&header)), encode(serde_json::to_vec(claims)))
}

/// A parsed token. Nothing in it can be trusted before its signature is verified.
pub(super) struct Parts<'a> {
    pub(super) kid: String,
    pub(super) signing_input: &'a str,
    pub(super) signature: [u8; 64],
    claims: &'a str,
}

impl<'a> Parts<'a> {
    /// Parses a token of kind `typ`.
    pub(super) fn of(token: &'a str, typ: &str) -> Result<Self, TokenError> {
        if token.len() > MAX_BYTES {
            return Err(TokenError::Malformed);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = signing_input.split_once('.').ok_or(TokenError::Malformed)?;
        let header = decode(header)?;
        let header: Header<'_> =
            serde_json::from_slice(&header).map_err(|_| TokenError::Malformed)?;
        if header.alg != ALGORITHM || header.typ != typ {
            return Err(TokenError::Malformed);
        }
        let signature = decode(signature)?.try_into().map_err(|_| TokenError::Malformed)?;
        Ok(Self { kid: header.kid.to_owned(), signing_input, signature, claims })
    }

    /// The claims. Read them only after verifying the signature.
    pub(super) fn claims<T: serde::de::DeserializeOwned>(&self) -> Result<T, TokenError> {
        serde_json::from_slice(&decode(self.claims)?).map_err(|_| TokenError::Malformed)
    }
}

/// Strict base64url, without padding or trailing bits, so that a token has only one encoding.
fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)
}
