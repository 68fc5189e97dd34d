//! Base58 with Bitcoin's alphabet, as multibase `z` has it.
//! Source: <https://datatracker.ietf.org/doc/html/draft-msporny-base58-03>.

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Encodes bytes. Quadratic, so for keys and signatures only.
pub(crate) fn encode(bytes: &[u8]) -> String {
    // Digits of base 58, the least first.
    let mut digits: Vec<u8> = Vec::with_capacity(bytes.len() * 7 / 5 + 1);
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = (carry % 58) as u8;
            carry /= 58;
        }
        while carry > 0 {
            digits.push((carry % 58) as u8);
            carry /= 58;
        }
    }
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let ones = std::iter::repeat_n(&0, zeros);
    ones.chain(digits.iter().rev()).map(|digit| char::from(ALPHABET[usize::from(*digit)])).collect()
}

/// Decodes `N` bytes; `None` if the text is anything else.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() > N * 7 / 5 + 1 {
        return None;
    }
    // Bytes, the last first.
    let mut bytes: Vec<u8> = Vec::with_capacity(N);
    for char in text.bytes() {
        let mut carry = ALPHABET.iter().position(|known| *known == char)? as u32;
        for byte in &mut bytes {
            carry += u32::from(*byte) * 58;
            *byte = (carry & 0xff) as u8;
            carry >>= 8;
        }
        while carry > 0 {
            bytes.push((carry & 0xff) as u8);
            carry >>= 8;
        }
    }
    bytes.extend(text.bytes().take_while(|char| *char == b'1').map(|_| 0));
    bytes.reverse();
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_vectors_of_the_draft() {
        for (bytes, text) in [
            (&b"Hello World!"[..], "2NEpo7TZRRrLZSi2U"),
            (
                b"The quick brown fox jumps over the lazy dog.",
                "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z",
            ),
            (&[0, 0, 0x28, 0x7f, 0xb4, 0xcd], "11233QC4"),
        ] {
            assert_eq!(encode(bytes), text);
        }
        assert_eq!(decode("11233QC4"), Some([0, 0, 0x28, 0x7f, 0xb4, 0xcd]));
        for text in ["", "1", "11233QC", "111233QC4", "0", "l", "é"] {
            assert_eq!(decode::<6>(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn bytes_round_trip(bytes: [u8; 34]) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }
}
