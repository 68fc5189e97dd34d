//! The rules that the shared vectors do not reach.

use std::time::Duration;

use minigate_init_data::{
    BotId, ChatType, ConfigError, Environment, Error, Key, LoginWidgetVerifier, Signer,
    ThirdPartySigner, Verifier, derive_secret,
};

use crate::vectors::bytes_from_hex;
use crate::{BOT_TOKEN, NOW, OTHER_TOKEN, USER, signer, verifier};

/// What becomes of a correctly signed string with these fields.
fn verify_fields(fields: &[(&str, &str)]) -> Result<(), Error> {
    verifier().verify(&signer().sign(fields, NOW).unwrap(), NOW).map(drop)
}

#[test]
fn every_field_is_read() {
    let fields = [
        ("query_id", "AAHdF6IQAAAAAN0XohDhrOrc"),
        (
            "user",
            r#"{"id":4503599627370495,"is_bot":false,"first_name":"A\ud83c\udf08","last_name":"L",
               "username":"ada","language_code":"en","is_premium":true,
               "added_to_attachment_menu":true,"allows_write_to_pm":true,
               "photo_url":"https:\/\/t.me\/a.svg","new":{"x":[1,null]}}"#,
        ),
        ("receiver", r#"{"id":5,"first_name":"R","is_bot":true}"#),
        ("chat", r#"{"id":-1001234567890,"type":"supergroup","title":"G","username":"g"}"#),
        ("chat_type", "galaxy"),
        ("chat_instance", "-9223372036854775809"),
        ("start_param", "0"),
        ("can_send_after", "10"),
        ("new_field", ""),
    ];
    // The JSON above is broken into lines for the reader only: line feeds are not allowed.
    let fields = fields.map(|(key, value)| (key, value.replace('\n', "")));
    let fields: Vec<_> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let signer = signer().with_third_party_key([7; 32]);
    let key = Key::from_bot_token(BOT_TOKEN).unwrap().with_label("current");
    let verifier = Verifier::new([Key::from_bot_token(OTHER_TOKEN).unwrap(), key]).unwrap();

    let data = verifier.verify(&signer.sign(&fields, NOW).unwrap(), NOW).unwrap();

    let user = data.user().unwrap();
    assert_eq!((user.id, user.first_name.as_str()), (4_503_599_627_370_495, "A🌈"));
    assert_eq!((user.last_name.as_deref(), user.username.as_deref()), (Some("L"), Some("ada")));
    assert_eq!(user.language_code.as_deref(), Some("en"));
    assert_eq!(user.photo_url.as_deref(), Some("https://t.me/a.svg"));
    assert!(user.is_premium && user.added_to_attachment_menu && user.allows_write_to_pm);
    assert!(!user.is_bot && data.receiver().unwrap().is_bot);
    let chat = data.chat().unwrap();
    assert_eq!((chat.id, &chat.chat_type), (-1_001_234_567_890, &ChatType::Supergroup));
    assert_eq!((chat.title.as_str(), chat.username.as_deref()), ("G", Some("g")));
    assert_eq!(data.query_id(), Some("AAHdF6IQAAAAAN0XohDhrOrc"));
    assert_eq!(data.chat_type(), Some(ChatType::Other("galaxy".to_owned())));
    assert_eq!(data.chat_instance(), Some("-9223372036854775809"));
    assert_eq!(data.start_param(), Some("0"));
    assert_eq!(data.can_send_after(), Some(Duration::from_secs(10)));
    assert_eq!(data.unknown_fields().collect::<Vec<_>>(), [("new_field", "")]);
    assert_eq!(data.fields().get("user"), Some(fields[1].1));
    assert_eq!(data.auth_date(), NOW);
    assert_eq!(data.hash().map(str::len), Some(64));
    assert_eq!(data.signature().map(str::len), Some(86));
    assert_eq!((data.bot_id().get(), data.key_index()), (123_456_789, 1));
    assert_eq!(data.key_label(), Some("current"));
}

#[test]
fn the_window_includes_both_ends() {
    let init_data = signer().sign(&[], NOW).unwrap();
    let verify = |verifier: &Verifier, now| verifier.verify(&init_data, now).map(drop);
    let strict = verifier().with_max_age(Some(Duration::ZERO)).with_max_skew(Duration::ZERO);
    let forever = verifier().with_max_age(None);
    assert_eq!(verify(&verifier(), NOW + 86_400), Ok(()));
    assert_eq!(verify(&verifier(), NOW + 86_401), Err(Error::Expired));
    assert_eq!(verify(&verifier(), NOW - 30), Ok(()));
    assert_eq!(verify(&verifier(), NOW - 31), Err(Error::FromFuture));
    assert_eq!(verify(&strict, NOW), Ok(()));
    assert_eq!(verify(&strict, NOW + 1), Err(Error::Expired));
    assert_eq!(verify(&strict, NOW - 1), Err(Error::FromFuture));
    assert_eq!(verify(&forever, u64::MAX), Ok(()));
    assert_eq!(verify(&forever, 0), Err(Error::FromFuture));
}

#[test]
fn limits_are_exact() {
    let fill = |length: usize| "x".repeat(length);
    let overhead = signer().sign(&[("fill", "")], NOW).unwrap().len();
    let fits = fill(8192 - overhead);
    assert_eq!(verify_fields(&[("fill", &fits)]), Ok(()));
    assert_eq!(signer().sign(&[("fill", &(fits + "x"))], NOW), Err(Error::TooLarge));

    let keys: Vec<String> = (0..63).map(|i| format!("k{i}")).collect();
    let fields: Vec<_> = keys.iter().map(|key| (key.as_str(), "")).collect();
    assert_eq!(verify_fields(&fields[..62]), Ok(()));
    assert_eq!(signer().sign(&fields, NOW), Err(Error::TooLarge));

    assert_eq!(verifier().verify(&keys.join("&"), NOW), Err(Error::HashMissing));

    assert_eq!(verify_fields(&[(&fill(64), "")]), Ok(()));
    assert_eq!(signer().sign(&[(&fill(65), "")], NOW), Err(Error::Malformed));
}

#[test]
fn control_characters_are_refused_everywhere() {
    for control in ["%00", "%0A", "%0D", "%1F", "%7F", "%C2%80", "%C2%9F", "\n", "\u{85}"] {
        for query in [format!("a{control}=b&hash=1"), format!("a=b{control}&hash=1")] {
            assert_eq!(verifier().verify(&query, NOW), Err(Error::Malformed), "{query:?}");
        }
    }
    // Neighbours of the above, and characters whose last byte looks like a C1 control.
    for honest in [" ", "~", "\u{a0}", "\u{c0}", "\u{100}", "é", "\u{2028}", "🌈"] {
        assert_eq!(verify_fields(&[("start_param", honest)]), Ok(()), "{honest:?}");
    }
}

#[test]
fn broken_encodings_are_refused() {
    for value in [
        "%",
        "%4",
        "%G0",
        "%0G",
        "%%41",
        "%ff",
        "%C3",
        "%C3%28",
        "%ED%A0%BC",
        "%C0%80",
        "%G0%9F%8C%88",
    ] {
        let query = format!("a={value}&hash=1");
        assert_eq!(verifier().verify(&query, NOW), Err(Error::Malformed), "{query}");
    }
    // Half a character at the end of a key does not join with the `=`, nor across fields.
    assert_eq!(verifier().verify("a%C3=%A9&hash=1", NOW), Err(Error::Malformed));
    assert_eq!(verifier().verify("", NOW), Err(Error::Malformed));
}

#[test]
fn a_key_cannot_swallow_an_equals_sign() {
    let honest = signer().sign(&[("start_param", "a=b")], NOW).unwrap();
    let shifted = honest.replace("start_param=a%3Db", "start_param%3Da=b");
    assert_ne!(shifted, honest);
    assert_eq!(verifier().verify(&shifted, NOW), Err(Error::Malformed));
    // Nobody signed this one, and that is what counts first.
    let forged = shifted.replace("%3Da=b", "%3Da=c");
    assert_eq!(verifier().verify(&forged, NOW), Err(Error::HashMismatch));

    let honest = signer().sign_login_widget(&[("id", "1"), ("x", "a=b")], NOW).unwrap();
    let shifted = honest.replace("x=a%3Db", "x%3Da=b");
    let login_widget = LoginWidgetVerifier::from_bot_tokens([BOT_TOKEN]).unwrap();
    assert!(login_widget.verify(&honest, NOW).is_ok());
    assert_eq!(login_widget.verify(&shifted, NOW), Err(Error::Malformed));
}

#[test]
fn a_hash_is_exactly_64_lower_case_digits() {
    let init_data = signer().sign(&[], NOW).unwrap();
    let (rest, hash) = init_data.split_once("&hash=").unwrap();
    let verify = |hash: &str| verifier().verify(&format!("{rest}&hash={hash}"), NOW).map(drop);
    assert_eq!(verify(hash), Ok(()));
    for length in [1, 62, 63] {
        assert_eq!(verify(&hash[..length]), Err(Error::HashMalformed), "{length}");
    }
    for more in ["0", "00", "%20", "=", "é"] {
        assert_eq!(verify(&format!("{hash}{more}")), Err(Error::HashMalformed), "{more}");
    }
    for digit in ["g", "G", "A", "/", ":", "`", "%2B", "é"] {
        let replaced = format!("{digit}{}", &hash[1..]);
        assert_eq!(verify(&replaced), Err(Error::HashMalformed), "{digit}");
    }
    let other = if hash.ends_with('0') { "1" } else { "0" };
    assert_eq!(verify(&format!("{}{other}", &hash[..63])), Err(Error::HashMismatch));
    assert_eq!(verify(""), Err(Error::HashMissing));
}

#[test]
fn users_are_read_strictly() {
    let invalid = [
        "",
        "null",
        "[]",
        "[42]",
        "{}",
        r#"{"id":1.0}"#,
        r#"{"id":1e3}"#,
        r#"{"id":-1}"#,
        r#"{"id":true}"#,
        r#"{"id":4503599627370496}"#,
        r#"{"id":18446744073709551616}"#,
        r#"{"id":1,"id":2}"#,
        r#"{"id":1,"\u0069d":2}"#,
        r#"{"id":1,"username":"a","username":"b"}"#,
        r#"{"id":1} x"#,
        r#"{"id":1,}"#,
        r#"{"id":1,"first_name":7}"#,
        r#"{"id":1,"first_name":["a"]}"#,
        r#"{"id":1,"is_premium":"yes"}"#,
    ];
    for json in invalid {
        for key in ["user", "receiver"] {
            assert_eq!(verify_fields(&[(key, json)]), Err(Error::UserInvalid), "{key}: {json}");
        }
    }
    for json in
        [r#" {"id":1}"#, r#"{"id":0,"last_name":null}"#, r#"{"id":1,"first_name":"\u0000"}"#]
    {
        assert_eq!(verify_fields(&[("user", json)]), Ok(()), "{json}");
    }
    let deep = format!(r#"{{"id":1,"x":{}{}}}"#, "[".repeat(1200), "]".repeat(1200));
    assert_eq!(verify_fields(&[("user", &deep)]), Ok(()));
}

#[test]
fn lone_surrogates_become_replacement_characters() {
    for json in [r#"{"id":1,"first_name":"a\ud83cb"}"#, r#"{"id":1,"first_name":"a\udf08b"}"#] {
        let init_data = signer().sign(&[("user", json)], NOW).unwrap();
        let data = verifier().verify(&init_data, NOW).unwrap();
        let name = &data.user().unwrap().first_name;
        assert!(name.starts_with("a\u{fffd}") && name.ends_with("\u{fffd}b"), "{name:?}");
    }
}

#[test]
fn other_signed_fields_that_cannot_be_read_are_malformed() {
    for (key, value) in [
        ("chat", "x"),
        ("chat", r#"{"id":"1","type":"group"}"#),
        ("chat", r#"{"id":1}"#),
        ("can_send_after", "soon"),
        ("can_send_after", "-1"),
    ] {
        assert_eq!(verify_fields(&[(key, value)]), Err(Error::Malformed), "{key}={value}");
    }
}

#[test]
fn only_exact_padding_is_taken_off_a_signature() {
    let bot_id = BotId::new(123_456_789).unwrap();
    let signer = ThirdPartySigner::new(bot_id, [7; 32]);
    let init_data = signer.sign(&[("user", USER)], NOW).unwrap();
    let key = Key::third_party(bot_id, signer.environment()).unwrap();
    let verifier = Verifier::new([key]).unwrap();
    let verify = |init_data: &str| verifier.verify(init_data, NOW).map(drop);
    assert_eq!(verify(&init_data), Ok(()));
    assert_eq!(verify(&(init_data.clone() + "==")), Ok(()));
    for suffix in ["=", "===", "====", "A", "AA", "A==", "+", " "] {
        let longer = init_data.clone() + suffix;
        assert_eq!(verify(&longer), Err(Error::SignatureMalformed), "{suffix:?}");
    }
    let (rest, signature) = init_data.split_once("&signature=").unwrap();
    assert_eq!(verify(rest), Err(Error::SignatureMissing));
    assert_eq!(verify(&format!("{rest}&signature=")), Err(Error::SignatureMissing));
    assert_eq!(verify(&format!("{rest}&signature===")), Err(Error::SignatureMalformed));
    assert_eq!(
        verify(&format!("{rest}&signature={}", &signature[..85])),
        Err(Error::SignatureMalformed)
    );
    // 86 digits hold 516 bits; the last four must be zero, or one signature has many spellings.
    let last = signature.chars().next_back().unwrap();
    let sibling = char::from(u8::try_from(last).unwrap() + 1);
    let respelt = format!("{rest}&signature={}{sibling}", &signature[..85]);
    assert_eq!(verify(&respelt), Err(Error::SignatureMalformed));
}

#[test]
fn third_party_data_has_no_verified_hash() {
    let bot_id = BotId::new(123_456_789).unwrap();
    let signer = ThirdPartySigner::new(bot_id, [7; 32]);
    let init_data = signer.sign(&[], NOW).unwrap() + "&hash=" + &"a".repeat(64);
    let key = Key::third_party(bot_id, signer.environment()).unwrap();
    let data = Verifier::new([key]).unwrap().verify(&init_data, NOW).unwrap();
    assert_eq!(data.hash(), None);
    assert!(data.fields().get("hash").is_some());
}

/// A string that Telegram signed. Source: the tests of init-data-rs 0.1.
#[test]
fn telegram_s_own_signature_is_accepted() {
    let init_data = include_str!("../data/telegram-capture.txt").trim_end();
    let verify = |bot_id, environment| {
        let key = Key::third_party(BotId::new(bot_id).unwrap(), environment).unwrap();
        Verifier::new([key]).unwrap().verify(init_data, 1_733_584_787)
    };
    let data = verify(7_342_037_359, Environment::Production).unwrap();
    assert_eq!(data.user().unwrap().first_name, "Vladislav + - ? /");
    let refused = Err(Error::SignatureInvalid);
    assert_eq!(verify(7_342_037_358, Environment::Production), refused);
    assert_eq!(verify(7_342_037_359, Environment::Test), refused);
}

#[test]
fn the_public_keys_are_telegram_s() {
    let production = "e7bf03a2fa4602af4580703d88dda5bb59f32ed8b02a56c187fe7d34caed242d";
    let test = "40055058a4ee38156a06562e52eece92a771bcd8346a8c4615cb7376eddf72ec";
    assert_eq!(Environment::Production.public_key(), bytes_from_hex(production));
    assert_eq!(Environment::Test.public_key(), bytes_from_hex(test));
}

#[test]
fn one_signer_serves_both_checks() {
    let signer = signer().with_third_party_key([7; 32]);
    let init_data = signer.sign(&[("user", USER)], NOW).unwrap();
    let bot_id = BotId::new(123_456_789).unwrap();
    let environment = ThirdPartySigner::new(bot_id, [7; 32]).environment();
    let third_party = Verifier::new([Key::third_party(bot_id, environment).unwrap()]).unwrap();
    assert!(verifier().verify(&init_data, NOW).is_ok());
    assert!(third_party.verify(&init_data, NOW).is_ok());
}

#[test]
fn login_widget_data_is_read() {
    let fields = [
        ("id", "42"),
        ("first_name", "Ada"),
        ("last_name", "Lovelace"),
        ("username", "ada"),
        ("photo_url", "https://t.me/i/userpic/320/abc.jpg"),
    ];
    let query = signer().sign_login_widget(&fields, NOW).unwrap();
    let verifier = LoginWidgetVerifier::from_bot_tokens([OTHER_TOKEN, BOT_TOKEN]).unwrap();
    let data = verifier.verify(&query, NOW).unwrap();
    assert_eq!((data.id(), data.auth_date(), data.key_index()), (42, NOW, 1));
    assert_eq!((data.first_name(), data.last_name()), (Some("Ada"), Some("Lovelace")));
    assert_eq!(data.username(), Some("ada"));
    assert_eq!(data.photo_url(), Some("https://t.me/i/userpic/320/abc.jpg"));
    assert_eq!(data.bot_id().get(), 123_456_789);
    assert_eq!(verifier.verify(&query, NOW + 86_401), Err(Error::Expired));
    assert_eq!(crate::verifier().verify(&query, NOW), Err(Error::HashMismatch));
    for fields in [[("first_name", "A")], [("id", "01")], [("id", "4503599627370496")]] {
        let query = signer().sign_login_widget(&fields, NOW).unwrap();
        assert_eq!(verifier.verify(&query, NOW), Err(Error::UserInvalid));
    }
    let no_tokens: [&str; 0] = [];
    assert_eq!(LoginWidgetVerifier::from_bot_tokens(no_tokens).map(drop), Err(ConfigError::NoKeys));
}

#[test]
fn malformed_tokens_are_no_keys() {
    let long = format!("1:{}", "a".repeat(255));
    let malformed = [
        "",
        ":",
        "1",
        "1:",
        ":a",
        "0:a",
        "01:a",
        "+1:a",
        "-1:a",
        "a:a",
        " 1:a",
        "1:a ",
        "1:a\n",
        "1:a:b",
        "1:a/test",
        "1:ä",
        "4503599627370496:a",
        "99999999999999999999:a",
        &long,
    ];
    for token in malformed {
        let expected = Err(ConfigError::InvalidBotToken);
        assert_eq!(Key::from_bot_token(token).map(drop), expected, "{token:?}");
        assert_eq!(Signer::from_bot_token(token).map(drop), expected, "{token:?}");
        assert_eq!(derive_secret(token).map(drop), expected, "{token:?}");
        assert_eq!(LoginWidgetVerifier::from_bot_tokens([token]).map(drop), expected, "{token:?}");
    }
    assert!(Key::from_bot_token("4503599627370495:a").is_ok());
}

#[test]
fn verifiers_need_keys_of_one_kind() {
    let bot_id = BotId::new(1).unwrap();
    let secret = Key::from_secret(bot_id, [1; 32]);
    let third_party = Key::third_party(bot_id, Environment::Test).unwrap();
    let refusal = |keys: Vec<Key>| Verifier::new(keys).map(drop);
    assert_eq!(refusal(vec![]), Err(ConfigError::NoKeys));
    assert_eq!(refusal(vec![secret.clone(), third_party]), Err(ConfigError::MixedKeys));
    assert_eq!(refusal(vec![secret.clone(); 64]), Ok(()));
    assert_eq!(refusal(vec![secret; 65]), Err(ConfigError::TooManyKeys));
    assert_eq!(BotId::new(0), Err(ConfigError::InvalidBotId));
    assert_eq!(ConfigError::NoKeys.code(), "config_error");
}

#[test]
fn public_keys_that_accept_forgeries_are_refused() {
    let bot_id = BotId::new(1).unwrap();
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut no_point = [0; 32];
    no_point[0] = 2;
    for public_key in [[0; 32], identity, no_point] {
        let key = Key::third_party(bot_id, Environment::Custom(public_key));
        assert_eq!(key.map(drop), Err(ConfigError::InvalidPublicKey));
    }
}

#[test]
fn debug_output_holds_no_secret_and_no_person() {
    let signer = signer().with_third_party_key([7; 32]);
    let key = Key::from_bot_token(BOT_TOKEN).unwrap();
    let verifier = Verifier::new([key.clone()]).unwrap();
    let data = verifier.verify(&signer.sign(&[("user", USER)], NOW).unwrap(), NOW).unwrap();
    let widget = LoginWidgetVerifier::from_bot_tokens([BOT_TOKEN]).unwrap();
    let third_party = ThirdPartySigner::new(key.bot_id(), [7; 32]);
    let shown = format!("{signer:?} {key:?} {verifier:?} {data:?} {widget:?} {third_party:?}");
    for hidden in ["AAF", "Ada", "7, 7", data.hash().unwrap(), data.signature().unwrap()] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}

#[test]
fn verifiers_are_shared_between_threads() {
    fn is_shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    is_shared(&verifier());
    is_shared(&LoginWidgetVerifier::from_bot_tokens([BOT_TOKEN]).unwrap());
}
