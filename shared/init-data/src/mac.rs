//! The `hash`: HMAC-SHA256 over all other fields.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::Error;
use crate::fields::Fields;

/// A keyed HMAC-SHA256, both of whose pads are hashed already: each use clones that state.
#[derive(Clone)]
pub(crate) struct HmacKey(Hmac<Sha256>);

impl HmacKey {
    pub(crate) fn new<const N: usize>(secret: &[u8; N]) -> Self {
        let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
        const { assert!(N <= 64, "a longer key would have to be hashed first") };
        block[..N].copy_from_slice(secret);
        Self(Hmac::new(&block))
    }

    /// The authentication code of the concatenated `pieces`.
    pub(crate) fn authenticate<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
        self.absorb(pieces).finalize().into_bytes().into()
    }

    /// Whether this key made `hash` over `fields`. Compares in constant time.
    pub(crate) fn made(&self, hash: &[u8; 32], fields: &Fields) -> bool {
        self.absorb(signed_pieces(fields)).verify_slice(hash).is_ok()
    }

    /// The `hash` of `fields`.
    pub(crate) fn hash(&self, fields: &Fields) -> [u8; 32] {
        self.authenticate(signed_pieces(fields))
    }

    fn absorb<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        pieces.into_iter().for_each(|piece| mac.update(piece));
        mac
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey(..)")
    }
}

/// `signature` is signed here like any other field; only `hash` itself is not.
fn signed_pieces(fields: &Fields) -> impl Iterator<Item = &[u8]> {
    fields.data_check_string(&["hash"])
}

/// Finds the first of `keys` that made the `hash` of `fields`.
pub(crate) fn find_signer<'k>(
    keys: impl IntoIterator<Item = &'k HmacKey>,
    fields: &Fields,
) -> Result<usize, Error> {
    let hash = decode_hash(fields.require("hash", Error::HashMissing)?)?;
    keys.into_iter().position(|key| key.made(&hash, fields)).ok_or(Error::HashMismatch)
}

/// Telegram writes lower case. To take upper case as well would give one signature many spellings,
/// and defeat any replay guard that remembers the text.
pub(crate) fn decode_hash(text: &str) -> Result<[u8; 32], Error> {
    let mut hash = [0; 32];
    let (digits, []) = text.as_bytes().as_chunks::<2>() else {
        return Err(Error::HashMalformed);
    };
    if digits.len() != hash.len() {
        return Err(Error::HashMalformed);
    }
    for (byte, &[high, low]) in hash.iter_mut().zip(digits) {
        *byte = hex_digit(high)? << 4 | hex_digit(low)?;
    }
    Ok(hash)
}

fn hex_digit(digit: u8) -> Result<u8, Error> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(Error::HashMalformed),
    }
}

/// The lower-case hexadecimal text of `hash`.
pub(crate) fn encode_hash(hash: &[u8; 32]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
