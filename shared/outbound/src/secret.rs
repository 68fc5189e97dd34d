//! Text that no log may show.

use std::fmt;

/// Text that `Debug` and `Display` show as `[secret]`: a path with a token in it, a key.
///
/// ```
/// use minigate_outbound::Secret;
///
/// let path = Secret::from("/bot1000000000:TOKEN/sendMessage");
/// assert_eq!(format!("{path} {path:?}"), "[secret] [secret]");
/// assert!(path.expose().starts_with("/bot"));
/// ```
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The text itself. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}
