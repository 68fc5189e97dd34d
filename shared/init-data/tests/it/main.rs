//! One binary for all integration tests, because linking is slow.

#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in tests, but not in their helpers")]

#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "inspect")]
mod inspect;
mod policy;
mod properties;
mod vectors;

use minigate_init_data::{Key, Signer, Verifier};

const BOT_TOKEN: &str = "123456789:AAF-own_vectors-0123456789abcdefghij";
const OTHER_TOKEN: &str = "987654321:AAF-another-token";
const NOW: u64 = 1_760_000_000;
const USER: &str =
    r#"{"id":42,"first_name":"Ada","photo_url":"https:\/\/t.me\/i\/userpic\/320\/abc.svg"}"#;

fn signer() -> Signer {
    Signer::from_bot_token(BOT_TOKEN).unwrap()
}

fn verifier() -> Verifier {
    Verifier::new([Key::from_bot_token(BOT_TOKEN).unwrap()]).unwrap()
}
