//! Keys and tags, and their names in the second level.

use std::{fmt, sync::Arc};

use crate::error::NameError;

/// The longest key, in bytes. DynamoDB allows 2,048, including prefix and namespace.
pub const MAX_KEY_BYTES: usize = 1024;
/// The longest tag, in bytes.
pub const MAX_TAG_BYTES: usize = 255;
/// The most tags of an entry. All of them are read in one call.
pub const MAX_TAGS: usize = 16;
/// The longest name of a namespace, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// A name shared by entries of any namespace, to invalidate them together.
///
/// Cloning is cheap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<str>);

impl Tag {
    /// A tag such as `user#42`.
    ///
    /// # Errors
    /// [`NameError`] if it is empty or longer than [`MAX_TAG_BYTES`].
    pub fn new(name: impl AsRef<str>) -> Result<Self, NameError> {
        let name = name.as_ref();
        checked("tag", name, MAX_TAG_BYTES)?;
        Ok(Self(format!("{TAG_PREFIX}{name}").into()))
    }

    /// The tag of a whole namespace.
    pub(crate) fn of_namespace(name: &str) -> Self {
        Self(format!("{NAMESPACE_PREFIX}{name}").into())
    }

    /// The text of the tag.
    pub fn name(&self) -> &str {
        self.0.split_once('#').map_or("", |(_, name)| name)
    }

    /// The key of its stamp.
    pub(crate) fn stamp_key(&self) -> &Arc<str> {
        &self.0
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Tag").field(&self.name()).finish()
    }
}

const TAG_PREFIX: &str = "tag#";
const NAMESPACE_PREFIX: &str = "ns#";

pub(crate) fn checked(what: &'static str, name: &str, limit: usize) -> Result<(), NameError> {
    if (1..=limit).contains(&name.len()) {
        Ok(())
    } else {
        Err(NameError { what, bytes: name.len(), limit })
    }
}

pub(crate) fn is_namespace_name(name: &str) -> bool {
    let is_legal = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_legal)
}

/// A namespace's name has no `#`, so that no two namespaces share a key.
pub(crate) fn item_key(namespace: &str, key: &str) -> String {
    format!("entry#{namespace}#{key}")
}

pub(crate) fn lease_key(namespace: &str, key: &str) -> String {
    format!("lease#{namespace}#{key}")
}
