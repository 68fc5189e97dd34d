//! CloudFront in front of the API (`infrastructure/edge.yaml`): API Gateway then sees CloudFront's
//! addresses, and anyone who finds its own host gets past WAF.
//!
//! The edge proves itself with a key in `X-Edge-Key` and says the client's address in
//! `X-Edge-Address`; it overwrites what a client sends under these names. Where a deployment has an
//! edge, a request without the key is refused, so the address can be believed.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName},
};
use sha2::{Digest, Sha256};

use crate::{Code, Platform, Problem, extract::ClientAddress};

const KEY: HeaderName = HeaderName::from_static("x-edge-key");
const ADDRESS: HeaderName = HeaderName::from_static("x-edge-address");

/// What the edge's key is known by: the first 16 bytes of its SHA-256. It is no secret, so it may
/// stand in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeKeyHash([u8; 16]);

impl EdgeKeyHash {
    /// The hash that these 32 lower-case hexadecimal digits say.
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

    /// Whether one of the keys, separated by commas, is the one. While a key is changed, the edge
    /// sends the old one and the new one.
    ///
    /// Hashes are compared, which a client cannot steer byte by byte, so the time it takes tells
    /// nothing.
    fn is_of_one_of(self, keys: &str) -> bool {
        keys.split(',').any(|key| Self::of(key.trim()) == self)
    }
}

/// Refuses what did not come through the edge, and takes the client's address from it. Does nothing
/// where there is no edge.
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

/// The one value of a header; a header that stands twice has none.
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
