//! A key as memory keeps it.

use std::{
    borrow::Borrow,
    hash::{Hash, Hasher},
};

/// Longer keys are kept elsewhere. moka's counters and a key of this length fill one chunk of 64
/// bytes; a UUID fits.
const MOST_INLINE: usize = 38;

/// A key beside moka's counters for it: comparing one that is short reads no other line of memory.
#[derive(Debug)]
pub(crate) enum Key {
    Inline { length: u8, bytes: [u8; MOST_INLINE] },
    Elsewhere(Box<[u8]>),
}

impl Key {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline { length, bytes } => &bytes[..usize::from(*length)],
            Self::Elsewhere(bytes) => bytes,
        }
    }
}

impl From<&str> for Key {
    fn from(key: &str) -> Self {
        let mut bytes = [0; MOST_INLINE];
        match (u8::try_from(key.len()), bytes.get_mut(..key.len())) {
            (Ok(length), Some(start)) => {
                start.copy_from_slice(key.as_bytes());
                Self::Inline { length, bytes }
            }
            _ => Self::Elsewhere(key.as_bytes().into()),
        }
    }
}

// As its bytes, by which it is looked for.

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashSet,
        hash::{BuildHasher, RandomState},
    };

    use super::*;
    use crate::MAX_KEY_BYTES;

    fn keys() -> Vec<String> {
        let lengths = [1, 2, MOST_INLINE - 1, MOST_INLINE, MOST_INLINE + 1, 255, 256, 257];
        let same = lengths.into_iter().chain([MAX_KEY_BYTES]).map(|length| "k".repeat(length));
        // What is behind the end of a short key does not count, and zeros do.
        same.chain(["k\0".to_owned(), "\0".to_owned(), "\0\0".to_owned(), "é".to_owned()]).collect()
    }

    #[test]
    fn a_key_of_any_length_is_its_bytes() {
        let hasher = RandomState::new();
        for key in keys() {
            let kept = Key::from(&*key);
            assert_eq!(matches!(kept, Key::Inline { .. }), key.len() <= MOST_INLINE);
            assert_eq!(kept.as_bytes(), key.as_bytes());
            assert_eq!(hasher.hash_one(&kept), hasher.hash_one(key.as_bytes()));
        }
    }

    #[test]
    fn different_keys_are_different() {
        let kept: HashSet<Key> = keys().iter().map(|key| Key::from(&**key)).collect();
        assert_eq!(kept.len(), keys().len());
        for key in keys() {
            assert_eq!(kept.get(key.as_bytes()), Some(&Key::from(&*key)));
            assert!(!kept.contains(format!("{key}?").as_bytes()));
        }
    }

    #[test]
    fn it_fills_its_chunk() {
        assert_eq!(size_of::<[usize; 2]>() + size_of::<Key>(), 56);
    }
}
