//! From the raw query string to [`Fields`], within fixed limits.
//!
//! One pass decodes every pair into one buffer as `\nkey=value`, which is how the data-check-string
//! wants it, so nothing is copied again to be signed.

use crate::fields::{Entry, Fields};
use crate::{Error, MAX_BYTES, MAX_PAIRS};

/// The longest key that is not odd, in bytes.
const MAX_KEY_BYTES: usize = 64;
/// Telegram documents 11 fields: the table is allocated once.
const USUAL_PAIRS: usize = 12;

impl Fields {
    /// Decodes `query` and sorts its fields by key.
    ///
    /// Empty sequences (`&&`) carry nothing and are skipped, as the URL Standard has it, but count
    /// towards the limit.
    pub(crate) fn parse(query: &str) -> Result<Self, Error> {
        if query.len() > MAX_BYTES {
            return Err(Error::TooLarge);
        }
        let mut lines = Lines::for_query_of(query.len());
        let mut entries = Vec::with_capacity(USUAL_PAIRS);
        let mut keys_are_regular = true;
        let mut rest = query.as_bytes();
        let mut sequences = 0;
        while !rest.is_empty() {
            sequences += 1;
            if sequences > MAX_PAIRS {
                return Err(Error::TooLarge);
            }
            if let [b'&', after @ ..] = rest {
                rest = after;
                continue;
            }
            lines.push(b'\n');
            let key_start = lines.len;
            let key_delimiter = lines.decode(&mut rest, b'=')?;
            let key = key_start..lines.len;
            lines.push(b'=');
            if key_delimiter == Some(b'=') {
                lines.decode(&mut rest, b'&')?;
            }

            let key_text = &lines.bytes[key.clone()];
            if key_text.trim_ascii().is_empty() {
                return Err(Error::Malformed);
            }
            keys_are_regular &= is_regular_key(key_text);
            entries.push(Entry::new(key, lines.len));
        }
        if entries.is_empty() {
            return Err(Error::Malformed);
        }
        Self::sorted(lines.into_text()?, entries, keys_are_regular)
    }
}

fn is_regular_key(key: &[u8]) -> bool {
    key.len() <= MAX_KEY_BYTES
        && key.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// The buffer that fields are decoded into. It never grows.
struct Lines {
    bytes: Vec<u8>,
    len: usize,
}

impl Lines {
    /// A decoded pair is no longer than the encoded one, but for the line feed before it, which
    /// takes the place of the `&`, and the `=` that it may lack.
    fn for_query_of(length: usize) -> Self {
        Self { bytes: vec![0; 1 + length + MAX_PAIRS], len: 0 }
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    /// Decodes `application/x-www-form-urlencoded` bytes from `rest` up to and including `&` or
    /// `delimiter`, and returns which it was; `None` at the end.
    ///
    /// Strictly: `%` must begin an escape, and no control character (Unicode category Cc) may come
    /// out, because a line feed would let two fields pass for one.
    fn decode(&mut self, rest: &mut &[u8], delimiter: u8) -> Result<Option<u8>, Error> {
        let mut input = rest.iter();
        let mut len = self.len;
        let end = loop {
            let Some(&byte) = input.next() else { break None };
            if PLAIN[usize::from(byte)] {
                self.bytes[len] = byte;
                len += 1;
                continue;
            }
            let decoded = match byte {
                b'%' => decode_escape(input.next(), input.next())?,
                b'&' => break Some(byte),
                b'=' if delimiter == b'=' => break Some(byte),
                b'+' => b' ',
                _ => byte,
            };
            if is_control(decoded, self.bytes[len - 1]) {
                return Err(Error::Malformed);
            }
            self.bytes[len] = decoded;
            len += 1;
        };
        self.len = len;
        *rest = input.as_slice();
        Ok(end)
    }

    /// The separators are ASCII, so the whole is UTF-8 exactly if every key and value is.
    fn into_text(mut self) -> Result<String, Error> {
        self.bytes.truncate(self.len);
        String::from_utf8(self.bytes).map_err(|_| Error::Malformed)
    }
}

/// Printable ASCII.
const PRINTABLE: [bool; 256] = {
    let mut printable = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        printable[byte] = true;
        byte += 1;
    }
    printable
};

/// Bytes that stand for themselves.
const PLAIN: [bool; 256] = {
    let mut plain = PRINTABLE;
    plain[b'%' as usize] = false;
    plain[b'+' as usize] = false;
    plain[b'&' as usize] = false;
    plain[b'=' as usize] = false;
    plain
};

/// U+0080 to U+009F are C2 80 to C2 9F in UTF-8.
fn is_control(byte: u8, before: u8) -> bool {
    byte.is_ascii_control() || (matches!(byte, 0x80..=0x9f) && before == 0xc2)
}

fn decode_escape(high: Option<&u8>, low: Option<&u8>) -> Result<u8, Error> {
    let (Some(&high), Some(&low)) = (high, low) else { return Err(Error::Malformed) };
    let (high, low) = (HEX_VALUE[usize::from(high)], HEX_VALUE[usize::from(low)]);
    if (high | low) > 15 { Err(Error::Malformed) } else { Ok(high << 4 | low) }
}

/// The value of a hexadecimal digit of either case; 255 for all else.
const HEX_VALUE: [u8; 256] = {
    let mut values = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value] as usize] = value as u8;
        values[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    values
};
