//! The strings that the benchmarks verify.

use std::hint::black_box;

use init_data_rs::{validate, validate_third_party};
use minigate_init_data::{BotId, Environment, Key, Signer, Verifier};

/// A string, and what it takes to verify it.
pub(crate) struct Capture {
    pub(crate) init_data: String,
    pub(crate) bot_token: &'static str,
    pub(crate) bot_id: BotId,
    pub(crate) verifier: Verifier,
    pub(crate) now: u64,
}

impl Capture {
    /// One verification by this crate.
    pub(crate) fn verify(&self) {
        let verified = self.verifier.verify(black_box(&self.init_data), self.now);
        assert!(black_box(verified).is_ok());
    }

    /// One verification of `hash` by `init-data-rs`, which must be told not to look at the clock.
    pub(crate) fn verify_hash_with_theirs(&self) {
        let verified = validate(black_box(&self.init_data), self.bot_token, Some(0));
        assert!(black_box(verified).is_ok());
    }

    /// One verification of `signature` by `init-data-rs`.
    pub(crate) fn verify_signature_with_theirs(&self) {
        let bot_id = self.bot_id.get().try_into().unwrap();
        let verified = validate_third_party(black_box(&self.init_data), bot_id, None);
        assert!(black_box(verified).is_ok());
    }
}

/// The shape and size of what Telegram sends (about 600 bytes), signed with a token of ours.
pub(crate) fn hmac_capture() -> Capture {
    let bot_token = "123456789:AAF-own_vectors-0123456789abcdefghij";
    let user = concat!(
        r#"{"id":279058397,"first_name":"Vladislav","last_name":"Kibenko","username":"vdkfrost","#,
        r#""language_code":"en","is_premium":true,"allows_write_to_pm":true,"photo_url":"#,
        r#""https:\/\/t.me\/i\/userpic\/320\/4FPEE4tmP3ATHa57u6MqTDih13LTOiMoKoLDRG4PnSA.svg"}"#,
    );
    let fields =
        [("user", user), ("chat_instance", "8134722200314281151"), ("chat_type", "private")];
    let now = 1_760_000_000;
    let signer = Signer::from_bot_token(bot_token).unwrap().with_third_party_key([7; 32]);
    let key = Key::from_bot_token(bot_token).unwrap();
    Capture {
        init_data: signer.sign(&fields, now).unwrap(),
        bot_token,
        bot_id: key.bot_id(),
        verifier: Verifier::new([key]).unwrap(),
        now,
    }
}

/// A string that Telegram's production key signed, from the tests of init-data-rs, which takes no
/// key of one's own.
pub(crate) fn third_party_capture() -> Capture {
    let init_data = include_str!("../../tests/data/telegram-capture.txt").trim_end();
    let bot_id = BotId::new(7_342_037_359).unwrap();
    let key = Key::third_party(bot_id, Environment::Production).unwrap();
    Capture {
        init_data: init_data.to_owned(),
        bot_token: "",
        bot_id,
        verifier: Verifier::new([key]).unwrap(),
        now: 1_733_584_787,
    }
}
