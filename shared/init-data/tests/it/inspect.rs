//! Every mistake that `inspect` knows, made on purpose.

use minigate_init_data::inspect::{Inspector, Mistake, Report};
use minigate_init_data::{Key, Signer};

use crate::vectors::vectors;
use crate::{BOT_TOKEN, NOW, OTHER_TOKEN, USER, signer};

fn inspect(input: &str) -> Report {
    let mut inspector = Inspector::default();
    inspector.add_bot_token(BOT_TOKEN, "first").unwrap();
    inspector.inspect(input, NOW)
}

fn honest() -> String {
    signer().with_third_party_key([7; 32]).sign(&[("user", USER)], NOW - 60).unwrap()
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn an_honest_string_is_described() {
    let report = inspect(&honest());
    assert!(report.is_accepted());
    assert_eq!(report.mistakes, []);
    assert_eq!(report.age_seconds, Some(60));
    assert_eq!(report.unwrapped, None);
    let fields: Vec<_> =
        report.fields.iter().map(|f| (f.key.as_str(), f.in_hash, f.in_signature)).collect();
    assert_eq!(
        fields,
        [
            ("auth_date", true, true),
            ("hash", false, false),
            ("signature", true, false),
            ("user", true, true),
        ]
    );
    let lines = report.data_check_string.unwrap();
    assert!(lines.starts_with("auth_date=1759999940\nsignature="), "{lines}");
    assert!(lines.ends_with(&format!("\nuser={USER}")), "{lines}");
}

#[test]
fn wrappings_are_taken_off() {
    let honest = honest();
    let encoded = encode(&honest);
    let url = format!("https://example.org/app#tgWebAppData={encoded}&tgWebAppVersion=9.1");
    let cases = [
        (format!(" {honest}\n"), Mistake::Surroundings),
        (format!("\"{honest}\""), Mistake::Surroundings),
        (format!("tma {honest}"), Mistake::AuthorizationScheme),
        (format!("?{honest}"), Mistake::LeadingDelimiter),
        (format!("#{honest}"), Mistake::LeadingDelimiter),
        (format!("#tgWebAppData={encoded}"), Mistake::WholeUrl),
        (url, Mistake::WholeUrl),
        (encoded, Mistake::DoubleEncoding),
        (honest.replace('%', "%25"), Mistake::DoubleEncoding),
    ];
    for (input, mistake) in cases {
        let report = inspect(&input);
        assert_eq!(report.mistakes, [mistake], "{input}");
        assert_ne!(report.verdicts[0].result, "ok", "{input}");
        assert_eq!(report.verdicts[0].unwrapped_result, Some("ok"), "{input}");
        assert_eq!(report.unwrapped.as_deref(), Some(honest.as_str()), "{input}");
    }
    let layers = format!(" tma ?{honest}");
    assert_eq!(inspect(&layers).verdicts[0].unwrapped_result, Some("ok"));
}

#[test]
fn an_object_is_recognised() {
    let report = inspect(r#"{"user":{"id":42},"auth_date":"1759999940","hash":"a"}"#);
    assert_eq!(report.mistakes, [Mistake::InitDataUnsafe]);
}

#[test]
fn vectors_of_mistaken_signers_are_explained() {
    let expected = [
        ("own-json-02", Mistake::ReserialisedJson),
        ("own-json-03", Mistake::ReserialisedJson),
        ("own-mac-01", Mistake::SwappedDerivation),
        ("own-mac-02", Mistake::LoginWidget),
        ("own-mac-11", Mistake::TrailingLineFeed),
        ("own-mac-12", Mistake::EncodedValues),
        ("own-sort-02", Mistake::LineOrder),
        ("own-hash-01", Mistake::UpperCaseHash),
        ("own-hash-10", Mistake::NoHash),
        ("own-extra-07", Mistake::LeadingDelimiter),
        ("own-junk-07", Mistake::AuthorizationScheme),
        ("own-ctl-04", Mistake::Surroundings),
    ];
    for (id, mistake) in expected {
        let vector = vectors().into_iter().find(|vector| vector.id == id).unwrap();
        assert_eq!(inspect(&vector.init_data).mistakes, [mistake], "{id}");
    }
}

#[test]
fn a_hash_without_the_signature_is_recognised() {
    let init_data = signer().sign(&[("user", USER)], NOW).unwrap() + "&signature=x";
    assert_eq!(inspect(&init_data).mistakes, [Mistake::SignatureLeftOut]);
}

#[test]
fn a_lost_signature_and_another_bot_are_suspected() {
    let honest = honest();
    let (before, after) = honest.split_once("&signature=").unwrap();
    let cut = format!("{before}&{}", after.split_once('&').unwrap().1);
    assert_eq!(inspect(&cut).mistakes, [Mistake::OtherBot, Mistake::SignatureDropped]);

    let other = Signer::from_bot_token(OTHER_TOKEN).unwrap().with_third_party_key([7; 32]);
    let init_data = other.sign(&[("user", USER)], NOW).unwrap();
    assert_eq!(inspect(&init_data).mistakes, [Mistake::OtherBot]);
    assert!(Mistake::OtherBot.advice().contains("revoked"), "{}", Mistake::OtherBot.advice());
}

#[test]
fn a_signature_that_never_was_is_not_missed() {
    let other = Signer::from_bot_token(OTHER_TOKEN).unwrap();
    // What tests and `cargo dev` sign.
    let user = r#"{"id":42,"first_name":"Ada","username":"ada"}"#;
    let init_data = other.sign(&[("user", user), ("chat_type", "private")], NOW).unwrap();
    assert_eq!(inspect(&init_data).mistakes, [Mistake::OtherBot]);
    let without_user = other.sign(&[("start_param", "a")], NOW).unwrap();
    assert_eq!(inspect(&without_user).mistakes, [Mistake::OtherBot]);
}

#[test]
fn an_empty_string_is_named() {
    for input in ["", " ", "\r\n", "\"\""] {
        let report = inspect(input);
        assert_eq!(report.mistakes, [Mistake::Empty], "{input:?}");
        assert_eq!(report.unreadable, Some("malformed"), "{input:?}");
        assert!(!report.is_accepted(), "{input:?}");
    }
}

#[test]
fn login_widget_data_is_recognised() {
    let query = signer().sign_login_widget(&[("id", "42"), ("first_name", "A")], NOW).unwrap();
    assert_eq!(inspect(&query).mistakes, [Mistake::LoginWidget]);
}

/// A string that Telegram signed for bot 7342037359; its token is not ours, so the one here stands
/// for a revoked one. Source: the tests of init-data-rs.
#[test]
fn a_revoked_token_is_told_from_another_bot() {
    let init_data = include_str!("../data/telegram-capture.txt").trim_end();
    let mut inspector = Inspector::default();
    inspector.add_bot_token("7342037359:revoked", "old").unwrap();
    assert_eq!(inspector.inspect(init_data, NOW).mistakes, [Mistake::OutdatedToken]);
    assert_eq!(inspect(init_data).mistakes, [Mistake::OtherBot]);
}

#[test]
fn each_of_several_keys_gets_its_verdict() {
    let mut inspector = Inspector::default();
    inspector.add_bot_token(OTHER_TOKEN, "first").unwrap();
    inspector.add_bot_token(BOT_TOKEN, "second").unwrap();
    inspector.add_key(Key::from_secret("1".parse().unwrap(), [1; 32]).with_label("third"));
    let report = inspector.inspect(&honest(), NOW);
    let results: Vec<_> =
        report.verdicts.iter().map(|v| (v.key.as_str(), v.bot_id, v.result)).collect();
    assert_eq!(
        results,
        [
            ("first", 987_654_321, "hash_mismatch"),
            ("second", 123_456_789, "ok"),
            ("third", 1, "hash_mismatch"),
        ]
    );
    assert_eq!(report.mistakes, []);
    assert!(report.is_accepted());
}
