//! The Ed25519 key that signs, and the public half that verifies.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::base58;

/// The multicodec of an Ed25519 public key, `0xed`, as a varint.
const ED25519_PUBLIC: [u8; 2] = [0xed, 0x01];

/// A key pair. Its `Debug` shows only the public key.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key pair of a seed (RFC 8032).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({})", self.public().multibase())
    }
}

/// A public key. Its two names, one for each form in which it is published, are made of the key, so that
/// no two keys share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key of an `x` as in a JWK: unpadded base64url of 32 bytes; `None` if it is no key.
    pub fn from_x(x: &str) -> Option<Self> {
        let bytes: [u8; 32] = URL_SAFE_NO_PAD.decode(x).ok()?.try_into().ok()?;
        VerifyingKey::from_bytes(&bytes).ok().map(Self)
    }

    /// The `x` of its JWK (RFC 8037).
    pub fn x(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.as_bytes())
    }

    /// The SHA-256 thumbprint of its JWK (RFC 7638), in unpadded base64url: names it in a JWT.
    pub fn thumbprint(&self) -> String {
        // The members that the RFC asks for, in its order.
        let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, self.x());
        URL_SAFE_NO_PAD.encode(Sha256::digest(jwk))
    }

    /// The key as a Multikey value, `z6Mk…`: also names it in a proof.
    pub fn multibase(&self) -> String {
        format!("z{}", base58::encode(&[&ED25519_PUBLIC, &self.0.as_bytes()[..]].concat()))
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: RFC 8037, appendices A.1 to A.3.
    #[test]
    fn the_vector_of_rfc_8037() {
        let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let key = SigningKey::from_seed(&seed.try_into().unwrap()).public();
        assert_eq!(key.x(), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(PublicKey::from_x(&key.x()), Some(key));
        assert_eq!(PublicKey::from_x("AA"), None);
    }

    /// Source: the key of appendix B.1 of "Data Integrity EdDSA Cryptosuites v1.0".
    #[test]
    fn the_multikey_of_the_cryptosuite() {
        let key = base58::decode::<34>("6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2").unwrap();
        let key = PublicKey(VerifyingKey::from_bytes(key[2..].try_into().unwrap()).unwrap());
        assert_eq!(key.multibase(), "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2");
    }
}
