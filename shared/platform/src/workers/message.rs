//! Messages as they travel: an envelope with a version and a cause.
//!
//! ```json
//! {"v": 1, "cause": "certificate-7", "data": {"user_id": 42}}
//! ```

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The longest cause, in bytes of printable ASCII.
const CAUSE_BYTES: usize = 256;

/// The content of a message.
///
/// A queue holds messages of the release before, so a changed shape gets a new version, and
/// [`read`](Self::read) knows the old one for as long as a message may be under way.
pub trait Message: Serialize + DeserializeOwned + Send {
    /// The version that is written.
    const VERSION: u32;

    /// Reads the data of a message of this version; `None` if the version is unknown.
    fn read(version: u32, data: Value) -> Option<Result<Self, serde_json::Error>> {
        (version == Self::VERSION).then(|| serde_json::from_value(data))
    }
}

/// A message as text, to be sent to the queue of its worker. The cause says what it stands for: whoever
/// sends it twice gives it the same.
///
/// # Errors
/// If the message cannot be JSON.
pub fn written<M: Message>(cause: &str, message: &M) -> Result<String, serde_json::Error> {
    let data = serde_json::to_value(message)?;
    serde_json::to_string(&Envelope { v: M::VERSION, cause: cause.to_owned(), data })
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    v: u32,
    cause: String,
    data: Value,
}

/// Why nobody can read a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Poison {
    NotJson,
    NoEnvelope,
    UnknownVersion,
    WrongShape,
}

impl Poison {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::NoEnvelope => "no_envelope",
            Self::UnknownVersion => "unknown_version",
            Self::WrongShape => "wrong_shape",
        }
    }
}

/// The cause of a message and its content.
pub(super) fn read<M: Message>(body: &str) -> Result<(String, M), Poison> {
    let value: Value = serde_json::from_str(body).map_err(|_| Poison::NotJson)?;
    let Envelope { v, cause, data } =
        serde_json::from_value(value).map_err(|_| Poison::NoEnvelope)?;
    let is_printable = cause.bytes().all(|byte| byte.is_ascii_graphic());
    if !(1..=CAUSE_BYTES).contains(&cause.len()) || !is_printable {
        return Err(Poison::NoEnvelope);
    }
    let message = M::read(v, data).ok_or(Poison::UnknownVersion)?;
    Ok((cause, message.map_err(|_| Poison::WrongShape)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Greeting {
        name: String,
    }

    impl Message for Greeting {
        const VERSION: u32 = 2;

        fn read(version: u32, data: Value) -> Option<Result<Self, serde_json::Error>> {
            match version {
                1 => Some(serde_json::from_value(data).map(|name| Self { name })),
                2 => Some(serde_json::from_value(data)),
                _ => None,
            }
        }
    }

    #[test]
    fn what_is_written_is_read_and_so_is_the_version_before() {
        let ada = || Greeting { name: "Ada".to_owned() };
        let text = written("c-1", &ada()).unwrap();
        assert_eq!(read(&text), Ok(("c-1".to_owned(), ada())));
        assert_eq!(read(r#"{"v":1,"cause":"c-1","data":"Ada"}"#), Ok(("c-1".to_owned(), ada())));
    }

    #[test]
    fn everything_else_is_poison_of_a_kind() {
        let long = format!(r#"{{"v":2,"cause":"{}","data":{{"name":"Ada"}}}}"#, "x".repeat(257));
        for (text, poison) in [
            ("", Poison::NotJson),
            ("{", Poison::NotJson),
            ("null", Poison::NoEnvelope),
            (r#"{"v":2,"data":{"name":"Ada"}}"#, Poison::NoEnvelope),
            (r#"{"v":-1,"cause":"c","data":{"name":"Ada"}}"#, Poison::NoEnvelope),
            (r#"{"v":2,"cause":"","data":{"name":"Ada"}}"#, Poison::NoEnvelope),
            (r#"{"v":2,"cause":"a b","data":{"name":"Ada"}}"#, Poison::NoEnvelope),
            (&long, Poison::NoEnvelope),
            (r#"{"v":3,"cause":"c","data":{"name":"Ada"}}"#, Poison::UnknownVersion),
            (r#"{"v":2,"cause":"c","data":{"name":7}}"#, Poison::WrongShape),
            (r#"{"v":1,"cause":"c","data":{"name":"Ada"}}"#, Poison::WrongShape),
        ] {
            assert_eq!(read::<Greeting>(text), Err(poison), "{text}");
        }
    }
}
