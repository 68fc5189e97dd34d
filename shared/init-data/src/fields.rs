//! The decoded fields of one string, in the order in which Telegram signs them.

use std::fmt;
use std::ops::Range;

use crate::Error;

/// Every field of one string as it was received: decoded once, sorted by key, no key twice.
///
/// At most [`MAX_PAIRS`](crate::MAX_PAIRS) fields. Values are exactly what Telegram signed; `user`,
/// for one, is JSON text. `Debug` shows the keys only, because the values are personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Fields {
    /// `\nkey=value` for every field, in the order received.
    lines: String,
    /// Sorted by key.
    entries: Vec<Entry>,
    keys_are_regular: bool,
}

/// Where one field lies in `Fields::lines`. At most 8,192 bytes and 64 `=` fit 16 bits easily.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    key_start: u16,
    key_end: u16,
    value_end: u16,
}

impl Entry {
    #[expect(clippy::cast_possible_truncation, reason = "Fields::parse limits the input to 8 KiB")]
    pub(crate) fn new(key: Range<usize>, value_end: usize) -> Self {
        Self { key_start: key.start as u16, key_end: key.end as u16, value_end: value_end as u16 }
    }

    fn key(self) -> Range<usize> {
        self.key_start.into()..self.key_end.into()
    }

    /// Without the `=` before it.
    fn value(self) -> Range<usize> {
        usize::from(self.key_end) + 1..self.value_end.into()
    }

    /// `\nkey=value`
    fn line(self) -> Range<usize> {
        usize::from(self.key_start) - 1..self.value_end.into()
    }
}

impl Fields {
    /// Takes what [`Fields::parse`] decoded; refuses a key that appears twice.
    pub(crate) fn sorted(
        lines: String,
        mut entries: Vec<Entry>,
        keys_are_regular: bool,
    ) -> Result<Self, Error> {
        // By key, not by line: `a-b=4` would otherwise come before `a=1`.
        let key = |entry: &Entry| &lines.as_bytes()[entry.key()];
        entries.sort_unstable_by(|a, b| key(a).cmp(key(b)));
        if entries.windows(2).any(|pair| key(&pair[0]) == key(&pair[1])) {
            return Err(Error::DuplicateKey);
        }
        Ok(Self { lines, entries, keys_are_regular })
    }

    /// The value of the field `key`, which may be empty.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        // Most keys differ in length, so this walk beats a binary search, which compares texts.
        let has_key = |entry: &&Entry| self.lines.as_bytes()[entry.key()] == *key.as_bytes();
        self.entries.iter().find(has_key).map(|entry| &self.lines[entry.value()])
    }

    /// Keys and values, sorted by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.entries.iter().map(|entry| (&self.lines[entry.key()], &self.lines[entry.value()]))
    }

    /// A required field that must not be empty either.
    pub(crate) fn require(&self, key: &str, missing: Error) -> Result<&str, Error> {
        self.get(key).filter(|value| !value.is_empty()).ok_or(missing)
    }

    /// Refuses keys other than `[A-Za-z0-9_-]{1,64}`, such as one that has swallowed a `=`.
    ///
    /// Asked after the signature only, so that a string which Telegram never signed is called
    /// that, whatever its keys look like.
    pub(crate) fn require_regular_keys(&self) -> Result<(), Error> {
        if self.keys_are_regular { Ok(()) } else { Err(Error::Malformed) }
    }

    /// The data-check-string without the fields `left_out`, in pieces: the lines in key order, all
    /// but the first with the line feed before them.
    pub(crate) fn data_check_string<'a>(
        &'a self,
        left_out: &'a [&'a str],
    ) -> impl Iterator<Item = &'a [u8]> {
        self.entries
            .iter()
            .filter(move |entry| {
                let key = &self.lines.as_bytes()[entry.key()];
                !left_out.iter().any(|left_out| left_out.as_bytes() == key)
            })
            .enumerate()
            .map(|(index, entry)| {
                let line = &self.lines.as_bytes()[entry.line()];
                if index == 0 { &line[1..] } else { line }
            })
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(key, _)| key)).finish()
    }
}
