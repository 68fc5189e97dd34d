//! CloudFront in front of the API (`infrastructure/edge.yaml`): API Gateway then sees CloudFront's
//! addresses, and anyone who finds its own host bypasses WAF.
//!
//! The edge authenticates with a key in `X-Edge-Key` and sends the client's address in `X-Edge-Address`;
//! it overwrites these headers of a client. A deployment with an edge refuses requests without the key, so
//! the address can be trusted.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName},
};
use sha2::{Digest, Sha256};

use crate::{Code, Platform, Problem, extract::ClientAddress};

const KEY: HeaderName = HeaderName::from_static("x-edge-key");
const ADDRESS: HeaderName = HeaderName::from_static("x-edge-address");

/// The first 16 bytes of the SHA-256 of the edge's key. It is no secret, so the configuration may hold
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeKeyHash([u8; 16]);

impl EdgeKeyHash {
    /// Parses 32 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let is_lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let fits = text.len() == 32 && text.bytes().all(is_lower);
        fits.then(|| u128::from_str_radix(text, 16).ok())
            .flatten()
            .map(|number| Self(number.to_be_bytes()))
    }

    fn of(key: &str) -> Self {
        let digest = Sha256::digest(key);
        Self(std::array::from_fn(|index| digest[index]))
    }

    /// Whether one of the comma-separated keys matches. During a rotation, the edge sends the old and the
    /// new key.
    ///
    /// It compares hashes, which a client cannot choose byte by byte, so timing reveals nothing.
    fn is_of_one_of(self, keys: &str) -> bool {
        keys.split(',').any(|key| Self::of(key.trim()) == self)
    }
}

/// Refuses requests that bypass the edge, and takes the client's address from it. A no-op without an
/// edge.
pub(super) fn enforce(platform: &Platform, request: &mut Request) -> Result<(), Problem> {
    if let Some(expected) = platform.config.edge_key {
        let headers = request.headers();
        if !text(headers, &KEY).is_some_and(|keys| expected.is_of_one_of(keys)) {
            return Err(Problem::new(Code::EDGE_REQUIRED));
        }
        let address = text(headers, &ADDRESS).and_then(|address| address.parse().ok());
        request.extensions_mut().insert(ClientAddress(address));
    }
    Ok(())
}

/// The value of a header, unless the header is repeated.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_beginning_of_sha_256() {
        // printf key | sha256sum
        let hash = EdgeKeyHash::from_hex("2c70e12b7a0646f92279f427c7b38e73").unwrap();
        assert!(hash.is_of_one_of("key"));
        assert!(hash.is_of_one_of("former, key"));
        for keys in ["", "kez", "key key", "KEY"] {
            assert!(!hash.is_of_one_of(keys), "{keys}");
        }
        for text in ["", "2c70", "2C70E12B7A0646F92279F427C7B38E73", &"g".repeat(32)] {
            assert_eq!(EdgeKeyHash::from_hex(text), None, "{text}");
        }
    }
}
