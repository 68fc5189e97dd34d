//! An entry as bytes.
//!
//! A short header and the value in MessagePack with named fields: compact, and self-describing like
//! JSON, so that a struct that gained an optional field or lost one still decodes after a deploy,
//! and one that changed is an error and not another value, as it may be in a format without names.
//! Unlike JSON it has bytes, keys of maps that are no strings, and numbers that are none.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version of this format |
//! | 1 | kind: value, compressed value, absent, removed |
//! | 4 | version of the value's type, little endian as all numbers here |
//! | 8, 8 | fresh and stale until, Unix milliseconds |
//! | 1 | number of tags, and for each its length in one byte and its name |
//! | 4 | length of the value when it is not compressed; none without a value |
//! | rest | the value |

use std::io;

use serde::{Serialize, de::DeserializeOwned};

use crate::{Tag, names::MAX_TAGS, stored::Lifetime};

const VERSION: u8 = 1;
/// Smaller values are not worth compressing: an item is billed by the kilobyte.
const COMPRESS_ABOVE: usize = 1024;
/// zstd's fastest regular level.
const COMPRESSION_LEVEL: i32 = 1;
/// What a value may take when it is not compressed: a small item must not fill the memory.
const MAX_VALUE_BYTES: usize = 16 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Value = 0,
    Compressed = 1,
    Absent = 2,
    Removed = 3,
}

/// A decoded item.
#[derive(Debug)]
pub(crate) struct Decoded<V> {
    pub(crate) kind: Kind,
    pub(crate) value: Option<V>,
    /// How large the value is when it is not compressed.
    pub(crate) size: usize,
    pub(crate) lifetime: Lifetime,
    pub(crate) tags: Vec<Tag>,
}

/// The item is not of this format, version or type, or it was damaged.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Undecodable;

/// A value as bytes, not compressed.
pub(crate) fn serialize<V: Serialize>(value: &V) -> Option<Vec<u8>> {
    rmp_serde::to_vec_named(value).ok().filter(|bytes| bytes.len() <= MAX_VALUE_BYTES)
}

/// How many bytes a value takes, without writing them anywhere.
pub(crate) fn size_of<V: Serialize>(value: &V) -> Option<usize> {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    let mut serializer = rmp_serde::Serializer::new(&mut count).with_struct_map();
    value.serialize(&mut serializer).ok()?;
    Some(count.0)
}

/// An item's blob, of a value that was serialized or of none.
pub(crate) fn encode(
    absence: Kind,
    value: Option<&[u8]>,
    schema: u32,
    lifetime: Lifetime,
    tags: &[Tag],
) -> Vec<u8> {
    let compressed = value.and_then(compress);
    let kind = match (value, &compressed) {
        (None, _) => absence,
        (Some(_), None) => Kind::Value,
        (Some(_), Some(_)) => Kind::Compressed,
    };
    let payload = compressed.as_deref().or(value).unwrap_or_default();
    let mut blob = Vec::with_capacity(64 + payload.len());
    blob.extend([VERSION, kind as u8]);
    blob.extend(schema.to_le_bytes());
    blob.extend(lifetime.fresh_until.to_le_bytes());
    blob.extend(lifetime.stale_until.to_le_bytes());
    // Both fit: tags are checked when they are made, and counted before they come here.
    blob.push(u8::try_from(tags.len()).unwrap_or(u8::MAX));
    for tag in tags {
        blob.push(u8::try_from(tag.name().len()).unwrap_or(u8::MAX));
        blob.extend(tag.name().as_bytes());
    }
    if let Some(value) = value {
        blob.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
    }
    blob.extend(payload);
    blob
}

/// Compressed, when that saves at least an eighth.
fn compress(value: &[u8]) -> Option<Vec<u8>> {
    if value.len() <= COMPRESS_ABOVE {
        return None;
    }
    let compressed = zstd::bulk::compress(value, COMPRESSION_LEVEL).ok()?;
    (compressed.len() <= value.len() - value.len() / 8).then_some(compressed)
}

pub(crate) fn decode<V: DeserializeOwned>(
    blob: &[u8],
    started: i64,
    schema: u32,
) -> Result<Decoded<V>, Undecodable> {
    let mut rest = Reader(blob);
    if rest.byte()? != VERSION {
        return Err(Undecodable);
    }
    let kind = match rest.byte()? {
        0 => Kind::Value,
        1 => Kind::Compressed,
        2 => Kind::Absent,
        3 => Kind::Removed,
        _ => return Err(Undecodable),
    };
    if u32::from_le_bytes(rest.array()?) != schema {
        return Err(Undecodable);
    }
    let fresh_until = i64::from_le_bytes(rest.array()?);
    let stale_until = i64::from_le_bytes(rest.array()?);
    if !(started <= fresh_until && fresh_until <= stale_until) {
        return Err(Undecodable);
    }
    let count = usize::from(rest.byte()?);
    if count > MAX_TAGS {
        return Err(Undecodable);
    }
    let mut tags = Vec::with_capacity(count);
    for _ in 0..count {
        let length = usize::from(rest.byte()?);
        let name = str::from_utf8(rest.take(length)?).map_err(|_| Undecodable)?;
        tags.push(Tag::new(name).map_err(|_| Undecodable)?);
    }
    let lifetime = Lifetime { started, fresh_until, stale_until };
    let (value, size) = match kind {
        Kind::Absent | Kind::Removed => (None, 0),
        Kind::Value | Kind::Compressed => {
            let size = u32::from_le_bytes(rest.array()?) as usize;
            (Some(value(kind, rest.0, size)?), size)
        }
    };
    Ok(Decoded { kind, value, size, lifetime, tags })
}

fn value<V: DeserializeOwned>(kind: Kind, payload: &[u8], size: usize) -> Result<V, Undecodable> {
    if size > MAX_VALUE_BYTES {
        return Err(Undecodable);
    }
    let decompressed;
    let bytes = if kind == Kind::Compressed {
        decompressed = zstd::bulk::decompress(payload, size).map_err(|_| Undecodable)?;
        &decompressed[..]
    } else {
        payload
    };
    if bytes.len() != size {
        return Err(Undecodable);
    }
    rmp_serde::from_slice(bytes).map_err(|_| Undecodable)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Undecodable> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Undecodable)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Undecodable> {
        self.take(N)?.try_into().map_err(|_| Undecodable)
    }

    fn byte(&mut self) -> Result<u8, Undecodable> {
        Ok(self.array::<1>()?[0])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Value = BTreeMap<u32, (String, Option<f64>)>;

    const LIFETIME: Lifetime = Lifetime { started: 10, fresh_until: 20, stale_until: 30 };

    fn value(count: u32) -> Value {
        (0..count).map(|number| (number, (format!("value {number}"), Some(f64::MAX)))).collect()
    }

    fn blob(value: &Value, tags: &[Tag]) -> Vec<u8> {
        let bytes = serialize(value).unwrap();
        assert_eq!(size_of(value), Some(bytes.len()));
        encode(Kind::Value, Some(&bytes), 7, LIFETIME, tags)
    }

    #[test]
    fn what_was_encoded_decodes() {
        let tags = [Tag::new("a").unwrap(), Tag::new("\u{e4}#".repeat(85)).unwrap()];
        for (count, kind) in [(0, Kind::Value), (30, Kind::Value), (300, Kind::Compressed)] {
            let blob = blob(&value(count), &tags);
            let decoded = decode::<Value>(&blob, 10, 7).unwrap();
            assert_eq!(decoded.value, Some(value(count)));
            assert_eq!((decoded.kind, decoded.lifetime), (kind, LIFETIME));
            assert_eq!(decoded.tags, tags);
        }
        for kind in [Kind::Absent, Kind::Removed] {
            let blob = encode(kind, None, 7, LIFETIME, &tags);
            let decoded = decode::<Value>(&blob, 10, 7).unwrap();
            assert_eq!((decoded.kind, decoded.value), (kind, None));
        }
    }

    #[test]
    fn values_that_do_not_shrink_are_not_compressed() {
        // A pseudorandom walk, for which zstd finds nothing.
        let mut state = 1_u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .take(4_000)
        .collect();
        assert_eq!(compress(&noise), None);
        assert!(compress(&[0; 1025]).unwrap().len() < 100);
        assert_eq!(compress(&[0; 1024]), None);
    }

    #[test]
    fn garbage_is_an_error() {
        let good = blob(&value(300), &[Tag::new("tag").unwrap()]);
        assert!(decode::<Value>(&good, 10, 7).is_ok());
        assert_eq!(decode::<Value>(&good, 10, 8).unwrap_err(), Undecodable, "another schema");
        assert_eq!(decode::<Value>(&good, 21, 7).unwrap_err(), Undecodable, "began after its end");
        assert_eq!(decode::<Vec<String>>(&good, 10, 7).unwrap_err(), Undecodable, "another type");
        for length in 0..good.len() {
            assert!(decode::<Value>(&good[..length], 10, 7).is_err(), "cut off at {length}");
        }
        // Any byte may be damaged; none may panic or allocate without bound.
        for index in 0..good.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[index] ^= flip;
                drop(decode::<Value>(&bad, 10, 7));
            }
        }
        let mut version = good.clone();
        version[0] = 2;
        assert_eq!(decode::<Value>(&version, 10, 7).unwrap_err(), Undecodable);
        let mut kind = good;
        kind[1] = 9;
        assert_eq!(decode::<Value>(&kind, 10, 7).unwrap_err(), Undecodable);
    }

    #[test]
    fn a_small_item_that_says_it_is_large_is_an_error() {
        let mut blob = blob(&value(300), &[]);
        // After the header without tags.
        blob[23..27].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(decode::<Value>(&blob, 10, 7).unwrap_err(), Undecodable);
    }
}
