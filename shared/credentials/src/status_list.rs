//! Which badges were revoked: a bitstring status list, signed as a `vc+jwt` of its own.
//! Source: <https://www.w3.org/TR/vc-bitstring-status-list/>.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;

use crate::{Issuer, SigningKey, jwt, time};

/// Best compression: a list is made seldom and read often.
const DEFLATE_LEVEL: u8 = 9;

/// A status list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusList {
    bits: Vec<u8>,
}

impl StatusList {
    /// The badges of a list: the fewest that the specification allows, so that asking for it tells little.
    pub const CAPACITY: u32 = 131_072;

    /// The list in which these bits are set, counted from 0. Bits beyond [`StatusList::CAPACITY`] are left out.
    pub fn revoking(indices: impl IntoIterator<Item = u32>) -> Self {
        let mut bits = vec![0; (Self::CAPACITY / 8) as usize];
        for index in indices {
            if let Some(byte) = bits.get_mut((index / 8) as usize) {
                // The first bit is the most significant one.
                *byte |= 0x80 >> (index % 8);
            }
        }
        Self { bits }
    }

    /// The list as a `vc+jwt` at the address `id`, good from `valid_from` to `valid_until`, in Unix seconds.
    /// The same arguments give the same bytes.
    pub fn sign(
        &self,
        id: &str,
        issuer: &Issuer,
        key: &SigningKey,
        valid_from: u64,
        valid_until: u64,
    ) -> String {
        let payload = Payload {
            context: ["https://www.w3.org/ns/credentials/v2"],
            id,
            r#type: ["VerifiableCredential", "BitstringStatusListCredential"],
            issuer: &issuer.id,
            valid_from: time::to_text(valid_from),
            valid_until: time::to_text(valid_until),
            credential_subject: Subject {
                id: format!("{id}#list"),
                r#type: "BitstringStatusList",
                status_purpose: "revocation",
                encoded_list: self.encoded(),
            },
            iss: &issuer.id,
            jti: id,
            nbf: valid_from,
            exp: valid_until,
        };
        jwt::signed(issuer, key, &serde_json::to_string(&payload).unwrap_or_default())
    }

    /// Multibase base64url of the bits in gzip.
    fn encoded(&self) -> String {
        format!("u{}", URL_SAFE_NO_PAD.encode(gzip(&self.bits)))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(rename = "@context")]
    context: [&'a str; 1],
    id: &'a str,
    r#type: [&'a str; 2],
    issuer: &'a str,
    valid_from: String,
    valid_until: String,
    credential_subject: Subject<'a>,
    iss: &'a str,
    jti: &'a str,
    nbf: u64,
    exp: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Subject<'a> {
    id: String,
    r#type: &'a str,
    status_purpose: &'a str,
    encoded_list: String,
}

/// Source: RFC 1952.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    // Deflate, no flags, no time, best compression, an unknown system.
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0xff];
    packed.extend(miniz_oxide::deflate::compress_to_vec(bytes, DEFLATE_LEVEL));
    packed.extend(crc32(bytes).to_le_bytes());
    packed.extend((bytes.len() as u32).to_le_bytes());
    packed
}

/// Source: RFC 1952, 8.
fn crc32(bytes: &[u8]) -> u32 {
    let of_byte = |crc: u32, byte: u8| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(!0, |crc, byte| of_byte(crc, *byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_crc_32() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn bits_are_read_again_the_most_significant_first() {
        let list = StatusList::revoking([0, 9, 131_071, 131_072, u32::MAX]);
        assert_eq!((list.bits[0], list.bits[1], list.bits[16_383]), (0x80, 0x40, 0x01));
        let encoded = list.encoded();
        let packed = URL_SAFE_NO_PAD.decode(&encoded[1..]).unwrap();
        let deflated = &packed[10..packed.len() - 8];
        assert_eq!(miniz_oxide::inflate::decompress_to_vec(deflated).unwrap(), list.bits);
    }

    #[test]
    fn an_empty_list_is_short() {
        assert!(StatusList::revoking([]).encoded().len() < 100);
    }
}
