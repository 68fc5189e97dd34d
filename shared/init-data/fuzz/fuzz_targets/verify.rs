//! Arbitrary strings, both as they are and signed, so that what lies behind the signature check is
//! reached as well.
//!
//! `cargo xtask verify --only fuzz` runs it for a minute on the stable compiler, `cargo +nightly fuzz
//! run verify` in the folder of the crate with the address sanitizer.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use minigate_init_data::inspect::Inspector;
use minigate_init_data::{
    BotId, Error, Key, LoginWidgetVerifier, Signer, ThirdPartySigner, Verifier,
};

const BOT_TOKEN: &str = "123456789:AAF-fuzz";
const NOW: u64 = 1_760_000_000;

struct Fixture {
    signer: Signer,
    verifier: Verifier,
    third_party_signer: ThirdPartySigner,
    third_party_verifier: Verifier,
    login_widget: LoginWidgetVerifier,
    inspector: Inspector,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let bot_id = BotId::new(123_456_789).unwrap();
    let third_party_signer = ThirdPartySigner::new(bot_id, [7; 32]);
    let third_party = Key::third_party(bot_id, third_party_signer.environment()).unwrap();
    let mut inspector = Inspector::default();
    inspector.add_bot_token(BOT_TOKEN, "token").unwrap();
    Fixture {
        signer: Signer::from_bot_token(BOT_TOKEN).unwrap(),
        verifier: Verifier::new([Key::from_bot_token(BOT_TOKEN).unwrap()]).unwrap(),
        third_party_signer,
        third_party_verifier: Verifier::new([third_party]).unwrap(),
        login_widget: LoginWidgetVerifier::from_bot_tokens([BOT_TOKEN]).unwrap(),
        inspector,
    }
});

fuzz_target!(|text: &str| {
    let fixture = &*FIXTURE;
    for verified in
        [fixture.verifier.verify(text, NOW), fixture.third_party_verifier.verify(text, NOW)]
    {
        assert!(verified.is_err(), "forged");
    }
    assert!(fixture.login_widget.verify(text, NOW).is_err(), "forged");
    assert!(!fixture.inspector.inspect(text, NOW).is_accepted(), "forged");

    // The text as fields, one a line.
    let fields: Vec<(&str, &str)> =
        text.split('\n').filter_map(|line| line.split_once('=')).collect();
    let Ok(init_data) = fixture.signer.sign(&fields, NOW) else { return };
    match fixture.verifier.verify(&init_data, NOW) {
        Ok(data) => {
            for (key, value) in &fields {
                assert_eq!(data.fields().get(key), Some(*value));
            }
        }
        Err(error) => assert!(matches!(error, Error::UserInvalid | Error::Malformed), "{error}"),
    }
    if let Ok(init_data) = fixture.third_party_signer.sign(&fields, NOW) {
        let verified = fixture.third_party_verifier.verify(&init_data, NOW);
        assert!(matches!(verified, Ok(_) | Err(Error::UserInvalid | Error::Malformed)));
    }
});
